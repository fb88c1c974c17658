import { readdirSync } from 'node:fs';
import path from 'node:path';
import { deflateSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { stream } from '../../src/core/random.ts';
import { FormatError } from '../../src/data/format-error.ts';
import { openSvhn, paperQuota } from '../../src/data/readers/svhn.ts';
import { loadDataset } from '../../src/data/source.ts';
import { errorOf, put, realData, temporaryFolder } from './fixtures.ts';
import { hashSplit, mat5, python, svhnMat } from './readers.ts';

let root: string;
beforeEach(async () => {
  root = await temporaryFolder();
});

/** Labels 1…10 in turn, and images that begin with their number. */
function make(n: number, first = 0) {
  const labels = Uint8Array.from({ length: n }, (_, i) => 1 + ((first + i) % 10));
  const pixels = new Uint8Array(n * 3072);
  const view = new DataView(pixels.buffer);
  for (let i = 0; i < n; i++) view.setUint32(i * 3072, first + i);
  return { labels, pixels };
}

const putMat = (part: string, bytes: Uint8Array) =>
  put(path.join(root, `${part}_32x32.mat`), bytes);
const putMade = (part: string, n: number, first = 0) => {
  const { labels, pixels } = make(n, first);
  return putMat(part, svhnMat(labels, pixels));
};

describe('svhn', () => {
  it.each([
    {},
    { compress: false },
    { big: true },
    { big: true, compress: false, labelsAs: 'double' },
    { labelsAs: 'double' },
  ] as const)('turns columns to rows and 10 to the digit 0, written as %j', async (options) => {
    const labels = Uint8Array.of(10, 3, 9);
    const random = stream(0, 'svhn columns');
    const pixels = Uint8Array.from({ length: 3 * 3072 }, () => random.integer(256));
    for (const part of ['train', 'test']) await putMat(part, svhnMat(labels, pixels, options));
    const { train, classes } = await loadDataset(await openSvhn({ dir: root, split: 'official' }));
    expect(classes[0]).toBe('0');
    expect([...train.labels]).toEqual([0, 3, 9]);
    for (const [image, c, y, x] of [
      [0, 0, 0, 1],
      [1, 2, 31, 5],
      [2, 1, 7, 30],
    ] as const) {
      const at = image * 3072 + c * 1024;
      expect(train.pixels[at + y * 32 + x]).toBe(pixels[at + x * 32 + y]);
    }
  });

  it("holds out the paper's validation images, and trains on all the others", async () => {
    await putMade('train', 5000);
    await putMade('extra', 2500, 5000);
    await putMade('test', 10);
    const open = () => openSvhn({ dir: root, split: 'paper' });
    const { train, validation, test } = await loadDataset(await open());
    expect([train.count, validation?.count, test.count]).toEqual([1500, 6000, 10]);
    const numbers = (set: typeof train) =>
      Array.from({ length: set.count }, (_, i) => {
        // The number's bytes lay in the first column: now the first byte of four rows.
        const at = i * 3072;
        return [0, 32, 64, 96].reduce((n, row) => n * 256 + set.pixels[at + row]!, 0);
      });
    const held = numbers(validation!);
    expect(held).toEqual([...held].sort((a, b) => a - b));
    expect([...numbers(train), ...held].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 7500 }, (_, i) => i),
    );
    for (const digit of Array(10).keys()) {
      const of = held.filter(
        (n, i) => validation!.labels[i] === digit && n % 10 === (digit + 9) % 10,
      );
      const fromTrain = of.filter((n) => n < 5000).length;
      expect([fromTrain, of.length - fromTrain]).toEqual([paperQuota.train, paperQuota.extra]);
    }
    expect(numbers((await loadDataset(await open())).validation!)).toEqual(held);
  });

  it('refuses fewer images of a class than the paper holds out', async () => {
    await putMade('train', 3990);
    await putMade('extra', 2000);
    await putMade('test', 10);
    expect(await errorOf(() => openSvhn({ dir: root, split: 'paper' }))).toMatchObject({
      kind: 'data',
      message: `${root}/train_32x32.mat: must have 400 images of every class for the paper's validation split, got 399 of 0; use the whole set, or data.split official`,
    });
    await putMade('train', 4000);
    await putMade('extra', 1999);
    expect((await errorOf(() => openSvhn({ dir: root, split: 'paper' }))).message).toContain(
      'extra_32x32.mat: must have 200 images of every class',
    );
  });

  const { labels, pixels } = make(3);
  const array = { name: 'X', dimensions: [32, 32, 3, 3], type: 2, class: 9, body: pixels };
  const y = { name: 'y', dimensions: [3, 1], type: 2, class: 9, body: labels };
  it.each([
    ['no MATLAB file', Buffer.alloc(200), 'the header of a MATLAB v5 file'],
    ['a short file', Buffer.alloc(20), 'the header of a MATLAB v5 file'],
    ['no y', mat5([array]), 'the arrays X and y'],
    ['an array of text only', mat5([{ ...array, class: 4 }]), 'the arrays X and y'],
    ['labels of 0', mat5([array, { ...y, body: new Uint8Array(3) }]), 'labels y from 1 to 10'],
    [
      'too few labels',
      mat5([array, { ...y, dimensions: [2, 1], body: labels.subarray(1) }]),
      '3 labels in y',
    ],
    ['other images', mat5([{ ...array, dimensions: [32, 96, 3, 1] }, y]), 'X of 32×32×3×N uint8'],
    [
      'too few bytes',
      mat5([{ ...array, dimensions: [32, 32, 3, 4] }, y]),
      '12288 bytes for 32×32×3×4 of uint8',
    ],
    ['one dimension', mat5([{ ...array, dimensions: [9216] }, y]), 'at least two dimensions'],
    ['no numbers', mat5([{ ...array, type: 16 }, y]), 'numbers'],
    ['cut short', svhnMat(labels, pixels).subarray(0, 150), 'an array of at most 14 bytes'],
  ] as const)('refuses %s', async (_, bytes, expected) => {
    for (const part of ['train', 'test']) await putMat(part, bytes);
    const error = await errorOf(async () =>
      loadDataset(await openSvhn({ dir: root, split: 'official' })),
    );
    expect(error).toBeInstanceOf(FormatError);
    expect(error.message).toContain(`train_32x32.mat: expected ${expected}`);
  });

  it('stops unpacking at the size that X declares', async () => {
    const whole = svhnMat(labels, pixels, { compress: false });
    const matrix = whole.subarray(128, 128 + 8 + whole.readUInt32LE(132));
    const rest = whole.subarray(128 + matrix.length);
    const bomb = deflateSync(Buffer.concat([matrix, Buffer.alloc(2 ** 28)]));
    const tag = Buffer.alloc(8);
    tag.writeUInt32LE(15);
    tag.writeUInt32LE(bomb.length, 4);
    for (const part of ['train', 'test']) {
      await putMat(part, Buffer.concat([whole.subarray(0, 128), tag, bomb, rest]));
    }
    const before = process.memoryUsage().rss;
    const error = await errorOf(async () =>
      loadDataset(await openSvhn({ dir: root, split: 'official' })),
    );
    expect(error.message).toContain('expected the end of the file');
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 2 ** 20);
  });

  it('checks the checksum of what was compressed, wherever it lies in the file', async () => {
    const random = stream(0, 'svhn checksum');
    const n = 90; // stored, not deflated: X is longer than the 256 KiB that are read at once
    const many = { labels: new Uint8Array(n).fill(3), pixels: new Uint8Array(n * 3072) };
    for (const i of many.pixels.keys()) many.pixels[i] = random.integer(256);
    const bytes = svhnMat(many.labels, many.pixels);
    for (const part of ['train', 'test']) await putMat(part, bytes);
    await loadDataset(await openSvhn({ dir: root, split: 'official' }));
    const end = 128 + 8 + bytes.readUInt32LE(132);
    bytes[end - 1]! ^= 1; // of the Adler-32 sum of X
    await putMat('train', bytes);
    const error = await errorOf(async () =>
      loadDataset(await openSvhn({ dir: root, split: 'official' })),
    );
    expect(error).toBeInstanceOf(FormatError);
    expect(error.message).toContain('incorrect data check');
  });

  it('reads real digits as scipy does', async (context) => {
    const folder = realData('svhn-sample');
    const program = `
import glob, hashlib, scipy.io, sys
d = scipy.io.loadmat(sys.argv[1])
x = d['X'].transpose(3, 2, 0, 1).copy(); y = d['y'].ravel() % 10
print(hashlib.sha256(x.tobytes() + y.astype('uint8').tobytes()).hexdigest(), len(y))`;
    const name = folder && readdirSync(folder).find((file) => file.endsWith('.mat'));
    const file = name && path.join(folder, name);
    const expected = file && python(program, file);
    if (!file || !expected) return context.skip('no svhn-sample, or no Python with scipy');
    const { readFile } = await import('node:fs/promises');
    for (const part of ['train', 'test']) await putMat(part, await readFile(file));
    const { train } = await openSvhn({ dir: root, split: 'official' });
    expect(`${await hashSplit(train, 10)} ${train.count}`).toBe(expected[0]);
  });
});
