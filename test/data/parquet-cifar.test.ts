import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { encode } from 'fast-png';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { beforeEach, describe, expect, it } from 'vitest';
import { stream } from '../../src/core/random.ts';
import { FormatError } from '../../src/data/format-error.ts';
import { openCifar10, openCifar100 } from '../../src/data/readers/cifar.ts';
import { loadDataset } from '../../src/data/source.ts';
import { errorOf, put, temporaryFolder } from './fixtures.ts';
import { type Images, parquetBytes, putParquet } from './parquet-files.ts';

let root: string;
beforeEach(async () => {
  root = await temporaryFolder();
});

/** Smooth images and labels below `classes`. */
function images(n: number, name: string, classes = 10): Images {
  const random = stream(0, name);
  const pixels = new Uint8Array(n * 3072).map(() => 100 + random.integer(40));
  return { pixels, labels: Uint8Array.from({ length: n }, () => random.integer(classes)) };
}

const test = images(7, 'parquet test');
const load = async (open = openCifar10) => loadDataset(await open(root));

describe('CIFAR in Parquet', () => {
  it.each([
    {},
    { codec: 'UNCOMPRESSED' },
    { codec: 'GZIP' },
    { pageSize: 2000 },
    { rowGroupSize: 5, pageSize: 4000 },
  ] as const)('gives the pixels and labels that were written, with %j', async (options) => {
    const train = images(23, 'parquet train');
    putParquet(root, 'train', [train], options);
    putParquet(root, 'test', [test], options);
    const set = await load();
    expect(set.classes[9]).toBe('truck');
    expect(Buffer.from(set.train.pixels)).toEqual(Buffer.from(train.pixels));
    expect([...set.train.labels]).toEqual(Array.from(train.labels));
    expect(Buffer.from(set.test.pixels)).toEqual(Buffer.from(test.pixels));
  });

  it('reads several files of a split in order, and repeated images from a dictionary', async () => {
    const [a, b] = [images(4, 'shard a'), images(3, 'shard b')];
    const same = { pixels: new Uint8Array(40 * 3072).fill(9), labels: new Uint8Array(40).fill(3) };
    putParquet(root, 'train', [a, b, same]);
    putParquet(root, 'test', [test]);
    const { train } = await load();
    expect(train.count).toBe(47);
    expect([...train.labels]).toEqual([
      ...Array.from(a.labels),
      ...Array.from(b.labels),
      ...same.labels,
    ]);
    expect(Buffer.from(train.pixels)).toEqual(Buffer.concat([a.pixels, b.pixels, same.pixels]));
  });

  it('knows the fine labels of CIFAR-100', async () => {
    putParquet(root, 'train', [images(9, 'fine', 100)], { labelName: 'fine_label' });
    putParquet(root, 'test', [images(9, 'fine test', 100)], { labelName: 'fine_label' });
    const { classes } = await load(openCifar100);
    expect([classes.length, classes[0], classes[99]]).toEqual([100, 'apple', 'worm']);
  });

  const file = () => path.join(root, 'plain_text', 'train-00000-of-00001.parquet');
  const refusal = async (bytes: Uint8Array) => {
    putParquet(root, 'test', [test]);
    await put(file(), bytes);
    const error = await errorOf(() => load());
    expect(error).toBeInstanceOf(FormatError);
    expect(error).toMatchObject({ file: file() });
    return error.message.slice(file().length + 2);
  };

  it('refuses what is not Parquet, and metadata that do not fit', async () => {
    expect(await refusal(Buffer.from('PAR1 and no more'))).toMatch(/^expected metadata of 1 to/);
    const bytes = Buffer.from(parquetBytes(images(3, 'x')));
    bytes.writeUInt32LE(bytes.length, bytes.length - 8);
    expect(await refusal(bytes)).toContain(`got ${bytes.length} bytes before "PAR1"`);
  });

  it('refuses other columns, labels and images', async () => {
    expect(await refusal(parquetBytes(images(3, 'x'), { labelName: 'other' }))).toMatch(
      /expected a flat column label or labels of integers.*got img\.bytes, img\.path, other/,
    );
    expect(await refusal(parquetBytes(images(30, 'x', 200)))).toContain(
      'expected a label below 10',
    );
    const png = (width: number, channels: number) =>
      encode({ width, height: 32, data: new Uint8Array(32 * width * channels), channels });
    const withImage = (bytes: Uint8Array) =>
      new Uint8Array(
        parquetWriteBuffer({
          columnData: [
            { name: 'img.bytes', data: [bytes], type: 'BYTE_ARRAY' },
            { name: 'label', data: [1], type: 'INT32' },
          ],
        }),
      );
    for (const bytes of [png(31, 3), png(32, 4), new Uint8Array(9), new Uint8Array(40_000)]) {
      expect(await refusal(withImage(bytes))).toContain('expected a PNG of 32×32 in 8-bit RGB');
    }
  });

  it('refuses nulls', async () => {
    const rows = [{ bytes: new Uint8Array(5), path: null }, null];
    const bytes = parquetWriteBuffer({
      schema: [
        { name: 'schema', num_children: 2 },
        { name: 'img', num_children: 1, repetition_type: 'OPTIONAL' },
        { name: 'bytes', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' },
        { name: 'label', type: 'INT32', repetition_type: 'REQUIRED' },
      ],
      columnData: [
        { name: 'img', data: rows },
        { name: 'label', data: [1, 2] },
      ],
    });
    expect(await refusal(new Uint8Array(bytes))).toContain('expected no nulls');
  });

  it('takes no more memory than a page can really unpack to', async () => {
    putParquet(root, 'train', [images(3, 'x')]);
    putParquet(root, 'test', [test]);
    const bytes = await readFile(file());
    // The page header begins at byte 4: field 1 (type 0), then field 2, the unpacked size, as a varint.
    expect([...bytes.subarray(4, 7)]).toEqual([0x15, expect.any(Number), 0x15]);
    const hostile = Buffer.concat([
      bytes.subarray(0, 7),
      Buffer.from([0xfe, 0xff, 0xff, 0xff, 0x0f]), // 2^31 − 1
      bytes.subarray(7 + 5),
    ]);
    await writeFile(file(), hostile);
    const before = process.memoryUsage().rss;
    expect((await errorOf(() => load())).message).toMatch(/expected a page/);
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 2 ** 20);
  });
});
