import { rm } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { FormatError } from '../../src/data/format-error.ts';
import { openIdx } from '../../src/data/readers/idx.ts';
import { loadDataset } from '../../src/data/source.ts';
import { errorOf, put, temporaryFolder } from './fixtures.ts';
import { hashSplit, idx, python } from './readers.ts';

let root: string;
const images = (n: number) => Uint8Array.from({ length: n * 784 }, (_, i) => i % 251);
const labels = (n: number) => Uint8Array.from({ length: n }, (_, i) => i % 10);
const putSet = async (ending: string, pack: (bytes: Buffer) => Uint8Array) => {
  for (const [split, n] of [
    ['train', 23],
    ['t10k', 11],
  ] as const) {
    const place = (stem: string) => path.join(root, `${split}-${stem}${ending}`);
    await put(place('images-idx3-ubyte'), pack(idx(0x0803, [n, 28, 28], images(n))));
    await put(place('labels-idx1-ubyte'), pack(idx(0x0801, [n], labels(n))));
  }
};
const open = () => openIdx('mnist', root);
const change = (name: string, bytes: Uint8Array) => put(path.join(root, name), bytes);

beforeEach(async () => {
  root = await temporaryFolder();
});

describe('idx', () => {
  it('reads plain and gzipped files alike', async () => {
    await putSet('', (bytes) => bytes);
    const plain = await loadDataset(await open());
    expect(plain.train).toMatchObject({ channels: 1, height: 28, width: 28, count: 23 });
    expect([...plain.train.labels]).toEqual([...labels(23)]);
    expect(Buffer.from(plain.test.pixels)).toEqual(Buffer.from(images(11)));
    await rm(root, { recursive: true });
    await putSet('.gz', gzipSync);
    expect(await loadDataset(await open())).toEqual(plain);
  });

  it.each([
    ['train-images-idx3-ubyte', idx(0x0802, [23, 28, 28], images(23)), 0, '2051', '2050'],
    [
      'train-images-idx3-ubyte',
      idx(0x0803, [24, 28, 28], images(23)),
      4,
      'a number of images from 1 to 23, what 18048 bytes can hold',
      '24',
    ],
    [
      'train-images-idx3-ubyte',
      idx(0x0803, [0, 28, 28], images(23)),
      4,
      'a number of images from 1 to 23, what 18048 bytes can hold',
      '0',
    ],
    ['train-images-idx3-ubyte', idx(0x0803, [23, 28, 27], images(23)), 12, '28', '27'],
    [
      'train-labels-idx1-ubyte',
      idx(0x0801, [22], labels(22)),
      4,
      '23 labels, as many as images',
      '22',
    ],
    [
      'train-labels-idx1-ubyte',
      idx(0x0801, [23], labels(23).fill(10, 7, 8)),
      15,
      'a label below 10',
      '10',
    ],
    [
      'train-labels-idx1-ubyte',
      idx(0x0801, [23], labels(24)),
      31,
      'the end of the file',
      'more bytes',
    ],
    [
      'train-labels-idx1-ubyte',
      idx(0x0801, [23], labels(21)),
      8,
      'the labels (23 bytes)',
      'the end after 21',
    ],
    ['t10k-images-idx3-ubyte', Buffer.alloc(15), 0, 'the header (16 bytes)', 'the end after 15'],
  ] as const)('refuses %s, case %#, and says where', async (name, bytes, offset, expected, got) => {
    await putSet('', (whole) => whole);
    await change(name, bytes);
    const error = await errorOf(async () => loadDataset(await open()));
    expect(error).toBeInstanceOf(FormatError);
    expect(error).toMatchObject({ file: path.join(root, name), offset, expected, got });
    expect(error.message).toContain(`${name}: expected ${expected} at byte ${offset}, got ${got}`);
  });

  it('notices gzip that is cut short or corrupt, also in its checksum', async () => {
    await putSet('.gz', gzipSync);
    const whole = gzipSync(idx(0x0803, [23, 28, 28], images(23)));
    const corrupt = Buffer.from(whole);
    corrupt[whole.length - 6]! ^= 1;
    for (const bytes of [whole.subarray(0, 60), corrupt, Buffer.from('not gzip at all, ever')]) {
      await change('train-images-idx3-ubyte.gz', bytes);
      const error = await errorOf(async () => loadDataset(await open()));
      expect(error).toBeInstanceOf(FormatError);
    }
  });

  it('stops unpacking at the size that the header declares', async () => {
    await putSet('.gz', gzipSync);
    const bomb = gzipSync(idx(0x0803, [23, 28, 28], new Uint8Array(2 ** 28)));
    await change('train-images-idx3-ubyte.gz', bomb);
    const before = process.memoryUsage().rss;
    const error = await errorOf(async () => loadDataset(await open()));
    expect(error.message).toContain('expected the end of the file at byte 18048, got more bytes');
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 2 ** 20);
  });

  it('says where it looked', async () => {
    vi.stubEnv('IGCNET_DATA', root);
    vi.stubEnv('HOME', root);
    const { message } = await errorOf(() => openIdx('mnist'));
    vi.unstubAllEnvs();
    expect(message).toMatch(
      /^mnist: needs a folder that holds train-images-idx3-ubyte, .*; put the/,
    );
  });
});

describe('Fashion-MNIST', () => {
  const reader = `
import gzip, hashlib, sys
for split in ('train', 't10k'):
    images = gzip.open(f'{sys.argv[1]}/{split}-images-idx3-ubyte.gz').read()[16:]
    labels = gzip.open(f'{sys.argv[1]}/{split}-labels-idx1-ubyte.gz').read()[8:]
    print(hashlib.sha256(images + labels).hexdigest())`;

  it('is read as Python reads it', async (context) => {
    const folder = '/usr/share/datasets/fashion-mnist';
    const source = await openIdx('fashion-mnist').catch(() => undefined);
    const expected = source && python(reader, folder);
    if (!source || !expected) return context.skip('no Fashion-MNIST, or no Python');
    expect(source.classes[9]).toBe('Ankle boot');
    expect([source.train.count, source.test.count]).toEqual([60_000, 10_000]);
    expect([await hashSplit(source.train, 10), await hashSplit(source.test, 10)]).toEqual(expected);
  });
});
