import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { encode } from 'fast-png';
import { beforeEach, describe, expect, it } from 'vitest';
import { type BatchRequest, openBatches } from '../../src/data/batches/batches.ts';
import { checkDataset } from '../../src/data/check.ts';
import { sheetPng, sheetRows } from '../../src/data/contact-sheet.ts';
import { decodeImageFile } from '../../src/data/images/image-decoder.ts';
import { openDataset } from '../../src/data/open-dataset.ts';
import { openImagenet } from '../../src/data/readers/imagenet.ts';
import { recogniseData } from '../../src/data/recognise.ts';
import { measureStatistics } from '../../src/data/statistics.ts';
import { errorOf, plainPng, put, realData, temporaryFolder, wavyPixels } from './fixtures.ts';

let root: string;
const at = (...parts: string[]) => path.join(root, ...parts);
beforeEach(async () => {
  root = await temporaryFolder();
  for (const name of ['cat', 'dog']) {
    for (const i of [0, 1, 2, 3, 4, 5]) {
      const size = { width: 40 + 3 * i, height: 36 };
      const data = wavyPixels(size.width, size.height, `${name}${i}`);
      await put(at('train', name, `${i}.png`), encode({ ...size, data, channels: 3 }));
    }
  }
});

const putVal = (...names: string[]) =>
  Promise.all(names.map((name, i) => put(at('val', name), plainPng([50 + i], 30, 30))));
const open = () => openImagenet({ dir: root, imgSize: 24 });

describe('imagenet', () => {
  it('lists class folders without opening an image', async () => {
    await putVal('dog/a.png', 'cat/b.png', 'cat/c.png');
    await put(at('train', 'cat', 'broken.jpg'), 'no image');
    const { train, test, classes } = await open();
    expect(classes).toEqual(['cat', 'dog']);
    expect(train).toMatchObject({ count: 13, channels: 3, height: 24, width: 24 });
    expect([...test.labels]).toEqual([0, 0, 1]);
  });

  it.each([
    ['val.txt', 'b.png 1\na.png 0\n'],
    ['val/val_annotations.txt', 'b.png\tdog\t0\t0\t5\t5\na.png\tcat\t1\t1\t2\t2\n'],
    ['LOC_val_solution.csv', 'ImageId,PredictionString\nb,dog 85 1 499 272\na,cat 1 2 3 4\n'],
  ])('reads the classes of val from %s', async (list, text) => {
    await putVal('a.png', 'b.png');
    await put(at(list), text);
    const { test } = await open();
    expect([...test.labels]).toEqual([0, 1]);
    expect(test.encoded).toMatchObject({ files: [at('val', 'a.png'), at('val', 'b.png')] });
  });

  it.each([
    ['a.png 0\nc.png 1', 'line 2 must name an image of val, got "c.png"'],
    ['a.png 0\nb.png 2', 'line 2 must name a class of train or a number below 2, got "2"'],
    ['a.png 0\na.png 1', 'line 2 must not name an image again, got "a.png"'],
    ['a.png 0', 'must name every image of val, got 1 of 2; the first without a class is'],
  ])('refuses the list %j', async (text, message) => {
    await putVal('a.png', 'b.png');
    await put(at('val.txt'), text);
    expect(await errorOf(open)).toMatchObject({
      kind: 'data',
      message: expect.stringContaining(message),
    });
  });

  it('tells images of one name in several folders of val apart', async () => {
    await putVal('x/a.png', 'y/a.png', 'y/b.png');
    await put(at('val.txt'), 'x/a.png 1\ny/a 0\nb 1\n');
    const { test } = await open();
    expect([...test.labels]).toEqual([1, 0, 1]);
    await put(at('val.txt'), 'a.png 1\ny/a 0\nb 1\n');
    expect((await errorOf(open)).message).toContain(
      `line 1 must name one image of val, with its folder or ending, got ${at('val', 'x', 'a.png')} and ${at('val', 'y', 'a.png')}`,
    );
  });

  it('is recognised with a test folder that has no classes, and by the names of its classes', async () => {
    await putVal('cat/b.png');
    expect((await recogniseData(root))?.name).toBe('folder');
    await put(at('test', 'images', 'x.png'), plainPng([1]));
    expect((await recogniseData(root))?.name).toBe('folder');
    await put(at('train', 'n00000001', 'x.png'), plainPng([1]));
    expect((await recogniseData(root))?.name).toBe('imagenet');
  });

  it('needs train, val and what says the classes of val', async () => {
    expect((await errorOf(open)).message).toContain(
      `${root} must hold the folders train and val, got no val`,
    );
    await putVal('a.png');
    expect((await errorOf(open)).message).toContain(
      "val must hold a folder for each class, or a list of its images' classes, got neither",
    );
    await rm(at('train'), { recursive: true });
    expect((await errorOf(open)).message).toContain('got no train');
  });

  it('is checked image by image, and shown', async () => {
    await putVal('dog/a.png', 'cat/b.png');
    const sound = await open();
    const report = await checkDataset(sound);
    expect(report.splits[0]).toMatchObject({
      count: 12,
      perClass: [6, 6],
      sizes: { smallest: [40, 36], largest: [55, 36] },
    });
    expect(report.statistics.mean).toHaveLength(3);
    const rows = await sheetRows(sound, { perClass: 4 });
    expect(rows.map(({ name, tiles }) => [name, tiles.length])).toEqual([
      ['cat', 4],
      ['dog', 4],
    ]);
    expect(Buffer.from(sheetPng(rows)).toString('latin1', 1, 4)).toBe('PNG');
    await put(at('train', 'cat', 'broken.jpg'), 'no image');
    expect((await checkDataset(await open())).undecodable).toEqual([
      expect.stringContaining(`${at('train', 'cat', 'broken.jpg')}: must be a decodable image`),
    ]);
  });
});

describe('batches of encoded images', () => {
  const request = async (more: Partial<BatchRequest> = {}): Promise<BatchRequest> => {
    await putVal('dog/a.png', 'cat/b.png');
    const { train } = await open();
    const statistics = { mean: [0.5, 0.5, 0.5], std: [0.2, 0.25, 0.3] };
    const range = { firstEpoch: 0, firstStep: 0, stepsPerEpoch: 3, epochs: 2 };
    const resizedCrop = { shortSide: 40, minScale: 0.6, maxScale: 1, aspect: 0.25 };
    const color = { hue: 36, saturation: 50, lightness: 50 };
    const augment = { pad: 0, mirror: true, resizedCrop, color, cutout: 4, mixup: 0.3, cutmix: 1 };
    const recipe = {
      set: train,
      batchSize: 4,
      order: 'shuffled',
      seed: 3,
      augment,
      statistics,
    } as const;
    return { ...recipe, ...range, ...more };
  };
  const hashes = async (wanted: BatchRequest, n = 6) => {
    const source = openBatches(wanted);
    const rows = Array.from({ length: n }, () => {
      const { images, labels, indices, mix } = source.next();
      const hash = createHash('sha1').update(Buffer.from(images.slice().buffer)).digest('hex');
      return `${indices} ${labels} ${mix?.partners} ${mix?.weights} ${hash}`;
    });
    await source.close();
    return rows;
  };

  it('are the same for any number of workers and slots, and after a resume', async () => {
    const rows = await hashes(await request());
    expect(new Set(rows).size).toBe(6);
    expect(await hashes(await request({ workers: 1, slots: 2 }))).toEqual(rows);
    expect(await hashes(await request({ workers: 3 }))).toEqual(rows);
    expect(await hashes(await request({ firstEpoch: 1, firstStep: 1 }), 2)).toEqual(rows.slice(4));
    expect(await hashes(await request({ seed: 4 }))).not.toEqual(rows);
  });

  it('end in the error of a damaged image, which is named', async () => {
    const wanted = await request();
    await put(at('train', 'dog', '3.png'), 'no image any more');
    const error = await errorOf(() => hashes(wanted));
    expect(error).toMatchObject({ kind: 'data' });
    expect(error.message).toContain(`${at('train', 'dog', '3.png')}: must be a decodable image`);
  });

  it('take resizedCrop and color, which others refuse, and no padding', async () => {
    const augment = { pad: 4, mirror: false };
    expect((await errorOf(async () => openBatches(await request({ augment })))).message).toBe(
      'augment.pad: must be 0 for images that are decoded when needed, got 4; augment.resizedCrop crops them',
    );
    const { train } = await openDataset({ name: 'digits', seed: 0 });
    const statistics = { mean: [0], std: [1] };
    const more = {
      set: train,
      statistics,
      augment: { ...augment, color: { hue: 1, saturation: 1, lightness: 1 } },
    };
    expect((await errorOf(async () => openBatches(await request(more)))).message).toContain(
      'augment.color: is only for images that are decoded when needed (imagenet)',
    );
  });
});

describe('real JPEG files', () => {
  it('are listed as find lists them, and decoded as djpeg decodes them', async (context) => {
    const folder = realData('imagenette-mini');
    if (folder === undefined) return context.skip('no imagenette-mini');
    const { train, classes } = await openImagenet({ dir: folder });
    if (train.encoded.kind !== 'files') throw new Error('packed');
    const listed = execFileSync('find', [path.join(folder, 'train'), '-type', 'f'], {
      encoding: 'utf8',
    });
    const sha = (lines: readonly string[]) =>
      createHash('sha256').update(lines.join('\n')).digest('hex');
    const labelled = (files: readonly string[]) =>
      files.map((name) => `${name} ${classes.indexOf(path.basename(path.dirname(name)))}`);
    expect(sha(train.encoded.files.map((name, i) => `${name} ${train.labels[i]}`))).toBe(
      sha(labelled(listed.trim().split('\n').sort())),
    );
    let most = 0;
    for (const file of train.encoded.files.filter((_, i) => i % 5 === 0)) {
      const want = djpeg(file);
      if (want === undefined) return context.skip('no djpeg');
      const got = await decodeImageFile(file, { channels: 3, height: 224, width: 224 });
      for (let i = 0; i < got.length; i++) most = Math.max(most, Math.abs(got[i]! - want[i]!));
    }
    expect(most).toBeLessThanOrEqual(2);
  });

  it('have nearly the statistics of all when they are measured', async (context) => {
    const folder = realData('imagenette-mini');
    if (folder === undefined) return context.skip('no imagenette-mini');
    const { train } = await openImagenet({ dir: folder, imgSize: 64 });
    const { mean } = await measureStatistics(train);
    for (const value of mean) expect(value).toBeGreaterThan(0.3);
  });
});

/** Planar RGB by libjpeg-turbo's own program, or undefined where it is absent. */
function djpeg(file: string): Uint8Array | undefined {
  let pnm: Buffer;
  try {
    pnm = execFileSync('djpeg', ['-pnm', file], { maxBuffer: 2 ** 24 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const [, kind, size] = /^(P[56])\s(\d+ \d+)\s255\s/.exec(pnm.toString('latin1', 0, 40))!;
  if (size !== '224 224') throw new Error(`${file} is ${size}`);
  const [channels, area] = [kind === 'P6' ? 3 : 1, 224 * 224];
  const pixels = pnm.subarray(pnm.length - channels * area);
  return Uint8Array.from({ length: 3 * area }, (_, i) => {
    const c = channels === 3 ? Math.floor(i / area) : 0;
    return pixels[(i % area) * channels + c]!;
  });
}
