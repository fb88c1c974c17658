import { mkdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { forEachBounded } from '../../src/data/bounded.ts';
import { portableDecoder } from '../../src/data/images/portable-decoder.ts';
import { openFolder } from '../../src/data/readers/folder.ts';
import { errorOf, plainPng, put, temporaryFolder } from './fixtures.ts';

let root: string;
beforeEach(async () => {
  root = await temporaryFolder();
});

const open = (more: Partial<Parameters<typeof openFolder>[0]> = {}) =>
  openFolder({ dir: root, imgSize: 4, seed: 1, ...more });

/** Writes `n` images of one grey level each, from `first` upwards, to root/<folder>. */
async function fill(folder: string, n: number, first: number): Promise<void> {
  for (let i = 0; i < n; i++) {
    await put(path.join(root, folder, `${i}.png`), plainPng([first + i]));
  }
}

describe('a folder with train and test', () => {
  it('is read class by class in the order of their names', async () => {
    await fill('train/dog', 3, 10);
    await fill('train/cat', 2, 20);
    await fill('test/dog', 1, 30);
    const set = await open();
    expect(set.classes).toEqual(['cat', 'dog']);
    expect([...set.train.labels]).toEqual([0, 0, 1, 1, 1]);
    expect(set.train.pixels.filter((_, i) => i % 48 === 0)).toEqual(
      Uint8Array.of(20, 21, 10, 11, 12),
    );
    expect([...set.test.labels]).toEqual([1]);
    expect(set.train).toMatchObject({ channels: 3, height: 4, width: 4, maxValue: 255 });
    expect(set.validation).toBeUndefined();
    expect((await open({ imgSize: undefined })).train.height).toBe(32);
  });

  it('may call the test split val, and with all three has a validation split', async () => {
    for (const split of ['train', 'val']) {
      await fill(`${split}/cat`, 1, 1);
      await fill(`${split}/dog`, 1, 2);
    }
    expect((await open()).test.count).toBe(2);
    await fill('test/dog', 1, 3);
    const set = await open();
    expect([set.train.count, set.validation?.count, set.test.count]).toEqual([2, 2, 1]);
  });

  it('leaves out hidden files and files that are no images, and goes down into folders', async () => {
    for (const split of ['train', 'test']) {
      await fill(`${split}/cat`, 1, 1);
      await fill(`${split}/dog/brown`, 2, 2);
    }
    await put(path.join(root, 'train/cat/.hidden.png'), 'x');
    await put(path.join(root, 'train/.cache/0.png'), 'x');
    await put(path.join(root, 'train/dog/.thumbs/0.png'), 'x');
    await put(path.join(root, 'train/cat/notes.txt'), 'x');
    await put(path.join(root, 'train/list.csv'), 'x');
    await symlink(path.join(root, 'test/cat'), path.join(root, 'train/bird'));
    const set = await open({ testSplit: undefined });
    expect(set.classes).toEqual(['bird', 'cat', 'dog']);
    expect([...set.train.labels]).toEqual([0, 1, 2, 2]);
  });

  it('must have test beside train', async () => {
    await fill('train/cat', 1, 1);
    expect(await errorOf(() => open())).toMatchObject({
      kind: 'data',
      message: `folder: ${root} must hold test or val beside train, got train; give ${root}/train as data.dir to have a test split made of it`,
    });
  });

  it('takes no testSplit', async () => {
    await fill('train/cat', 1, 1);
    await fill('test/cat', 1, 1);
    expect(await errorOf(() => open({ testSplit: 0.5 }))).toMatchObject({
      kind: 'usage',
      message: `data.testSplit: is only for a folder without a test split, and ${root} has one, got 0.5`,
    });
  });

  it('must not have a class in test that is not in train', async () => {
    await fill('train/cat', 1, 1);
    await fill('train/dog', 1, 1);
    await fill('test/cow', 1, 1);
    expect((await errorOf(() => open())).message).toBe(
      `folder: every class in ${root}/test must also be in train, got "cow"; train has cat, dog`,
    );
  });
});

describe('a folder of classes', () => {
  it('is split by the seed, class by class', async () => {
    await fill('cat', 10, 1);
    await fill('dog', 5, 101);
    const levels = (pixels: Uint8Array) => [...pixels.filter((_, i) => i % 48 === 0)];
    const set = await open();
    const test = levels(set.test.pixels);
    expect([...set.test.labels]).toEqual([0, 0, 1]);
    expect([...levels(set.train.pixels), ...test].sort((a, b) => a - b)).toEqual([
      ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
      ...[101, 102, 103, 104, 105],
    ]);
    expect(levels((await open()).test.pixels)).toEqual(test);
    const others = await Promise.all([2, 3, 4].map((seed) => open({ seed })));
    expect(others.some((other) => levels(other.test.pixels).join() !== test.join())).toBe(true);
    expect((await open({ testSplit: 0.5 })).test.count).toBe(8);
  });

  it('may have a class called train', async () => {
    await fill('train', 2, 1);
    await fill('bus', 2, 1);
    expect((await open()).classes).toEqual(['bus', 'train']);
  });

  it('must have two images of every class', async () => {
    await fill('cat', 1, 1);
    await fill('dog', 2, 1);
    expect((await errorOf(() => open())).message).toBe(
      'folder: every class must have at least 2 images to be split, got 1 in "cat"',
    );
  });

  it('must exist, hold folders, two of them at least, and images in each', async () => {
    const message = async () => (await errorOf(() => open())).message;
    expect((await errorOf(() => open({ dir: `${root}/none` }))).message).toBe(
      `data.dir: must be an existing folder of images, got ${root}/none`,
    );
    expect(await message()).toBe(
      `folder: ${root} must hold one folder of images for each class, got no folders; no images were found`,
    );
    await fill('cat', 2, 1);
    expect(await message()).toBe(`folder: ${root} must hold at least two classes, got only "cat"`);
    await mkdir(path.join(root, 'dog'));
    expect(await message()).toBe(
      `folder: every class must have images, got none in ${root}/dog; add some or remove the folder`,
    );
  });

  it('names a folder that the system does not let it read', async () => {
    const long = path.join(root, 'x'.repeat(300));
    expect((await errorOf(() => open({ dir: long }))).message).toBe(
      `folder: ${long} must be readable, got ENAMETOOLONG`,
    );
  });
});

describe('an image that cannot be decoded', () => {
  beforeEach(async () => {
    await fill('train/cat', 3, 1);
    await fill('train/dog', 2, 1);
    await fill('test/dog', 1, 9);
  });

  it('is an error that names it, whatever the timing', async () => {
    await put(path.join(root, 'train/cat/1.png'), 'no image');
    await put(path.join(root, 'train/dog/1.png'), 'no image');
    const error = await errorOf(() => open({ decoder: portableDecoder }));
    expect(error).toMatchObject({
      kind: 'data',
      message: `${root}/train/cat/1.png: must be a decodable image, got "neither PNG nor JPEG"; pass data.skipBad to leave such files out`,
    });
  });

  it('is left out, counted and listed under skipBad', async () => {
    await put(path.join(root, 'train/cat/1.png'), 'no image');
    await put(path.join(root, 'train/dog/x.webp'), 'no image');
    await put(path.join(root, 'train/dog/y.bmp'), 'no image');
    const set = await open({ decoder: portableDecoder, skipBad: true });
    expect([...set.train.labels]).toEqual([0, 0, 1, 1]);
    expect([...set.train.pixels.filter((_, i) => i % 48 === 0)]).toEqual([1, 3, 1, 2]);
    expect(set.skipped).toEqual([
      `${root}/train/cat/1.png: must be a decodable image, got "neither PNG nor JPEG"`,
      `${root}/train/dog/x.webp: must end in .png, .jpg, .jpeg, got .webp; install sharp to read WebP`,
      `${root}/train/dog/y.bmp: must end in .png, .jpg, .jpeg, got .bmp`,
    ]);
  });

  it('may tell two ways out', async () => {
    await put(path.join(root, 'train/cat/x.webp'), 'no image');
    expect((await errorOf(() => open({ decoder: portableDecoder }))).message).toMatch(
      /; install sharp to read WebP, or pass data.skipBad to leave such files out$/,
    );
  });

  it('is not counted when the others are split', async () => {
    for (const bad of [0, 1, 2, 3]) {
      const dir = path.join(root, `photos${bad}`);
      await fill(`photos${bad}/cat`, 4, 1);
      await fill(`photos${bad}/dog`, 4, 11);
      await put(path.join(dir, 'dog', `${bad}.png`), 'no image');
      const set = await open({ dir, skipBad: true });
      expect([set.train.count, set.test.count]).toEqual([5, 2]);
      expect([...set.test.labels]).toEqual([0, 1]);
      expect(set.skipped).toHaveLength(1);
    }
    await put(path.join(root, 'photos0/dog/1.png'), 'no image');
    await put(path.join(root, 'photos0/dog/2.png'), 'no image');
    expect(
      (await errorOf(() => open({ dir: path.join(root, 'photos0'), skipBad: true }))).message,
    ).toBe('folder: every class must have at least 2 decodable images to be split, got 1 in "dog"');
  });

  it('does not matter to the split where there is none', async () => {
    await fill('good/cat', 9, 1);
    await fill('good/dog', 6, 101);
    const dir = path.join(root, 'good');
    expect(await open({ dir, skipBad: true })).toEqual(await open({ dir }));
  });

  it('must not be the last of its class', async () => {
    await put(path.join(root, 'test/dog/0.png'), 'no image');
    expect((await errorOf(() => open({ skipBad: true }))).message).toBe(
      'folder: every class must have a decodable image, got none in "dog"; data.skipBad left out all of them',
    );
  });
});

describe('forEachBounded', () => {
  it('does every job once, no more than the limit at a time', async () => {
    let running = 0;
    let most = 0;
    const done: number[] = [];
    await forEachBounded(20, 3, async (i) => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, (i * 7) % 5));
      running--;
      done.push(i);
    });
    expect(most).toBe(3);
    expect(done.sort((a, b) => a - b)).toEqual([...Array(20).keys()]);
  });

  it('throws the failure of the lowest index and begins nothing after it', async () => {
    const begun: number[] = [];
    const failing = forEachBounded(20, 3, async (i) => {
      begun.push(i);
      await new Promise((resolve) => setTimeout(resolve, i === 0 ? 20 : 1));
      throw new Error(`job ${i}`);
    });
    await expect(failing).rejects.toThrow('job 0');
    expect(begun).toEqual([0, 1, 2]);
  });
});
