import { readFileSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { openBatches } from '../../src/data/batches/batches.ts';
import { channelStatistics } from '../../src/data/channel-statistics.ts';
import { FormatError } from '../../src/data/format-error.ts';
import { imagePixels, selectImages } from '../../src/data/image-set.ts';
import { mapsFiles } from '../../src/data/mapped-file.ts';
import { openDataset } from '../../src/data/open-dataset.ts';
import { openPack, readPackHeader, verifyPack } from '../../src/data/pack/read-pack.ts';
import { writePack } from '../../src/data/pack/write-pack.ts';
import { openDigits } from '../../src/data/readers/digits.ts';
import { openImagenet } from '../../src/data/readers/imagenet.ts';
import { openSynthetic } from '../../src/data/readers/synthetic.ts';
import { errorOf, inMemory, plainPng, put, temporaryFolder } from './fixtures.ts';

let root: string;
let file: string;
beforeEach(async () => {
  root = await temporaryFolder();
  file = path.join(root, 'set.igcpack');
});

/** Rewrites the header as JSON text, and its length. */
async function rewriteHeader(change: (text: string) => string): Promise<void> {
  const bytes = await readFile(file);
  const text = change(bytes.toString('utf8', 12, 12 + bytes.readUInt32LE(8)));
  bytes.write(text, 12);
  bytes.writeUInt32LE(Buffer.byteLength(text), 8);
  await writeFile(file, bytes);
}

describe('a packed file', () => {
  it('gives the data set that was packed', async () => {
    const digits = await openDigits();
    await writePack(file, digits);
    const packed = inMemory(await openPack(file));
    expect(packed).toMatchObject({ name: 'digits', classes: digits.classes });
    for (const split of ['train', 'test'] as const) {
      const { mapped, ...set } = packed[split];
      expect(mapped !== undefined).toBe(mapsFiles());
      expect(set).toMatchObject({ channels: 1, height: 8, width: 8, maxValue: 16 });
      expect(Buffer.from(set.pixels)).toEqual(Buffer.from(digits[split].pixels));
      expect([...set.labels]).toEqual([...digits[split].labels]);
    }
    await verifyPack(file);
    expect(await readdir(root)).toEqual(['set.igcpack']);
  });

  it('is the same without the addon, read instead of mapped', async () => {
    await writePack(file, openSynthetic());
    const mapped = inMemory(await openPack(file));
    vi.stubEnv('IGCNET_NO_NATIVE', '1');
    const read = inMemory(await openPack(file));
    vi.unstubAllEnvs();
    expect(read.train.mapped).toBeUndefined();
    expect(Buffer.from(read.train.pixels)).toEqual(Buffer.from(mapped.train.pixels));
  });

  it('has validation images, or lets them be held out of what is mapped', async () => {
    const synthetic = { classes: 2, count: 20, channels: 1, height: 3, width: 3 };
    const whole = await openDataset({ name: 'synthetic', seed: 4, synthetic, valSplit: 0.3 });
    await writePack(file, openSynthetic(synthetic));
    const request = { name: 'packed', dir: file, seed: 4 };
    const packed = inMemory(await openDataset({ ...request, valSplit: 0.3 }));
    for (const split of ['train', 'validation'] as const) {
      const [want, got] = [inMemory(whole)[split]!, packed[split]!];
      expect([...got.labels]).toEqual([...want.labels]);
      for (let i = 0; i < got.count; i++) expect(imagePixels(got, i)).toEqual(imagePixels(want, i));
    }
    expect(channelStatistics(packed.train)).toEqual(channelStatistics(inMemory(whole).train));
    await writePack(file, whole);
    expect((await openDataset(request)).validation!.count).toBe(6);
    expect((await errorOf(() => openDataset({ ...request, valSplit: 0.3 }))).message).toContain(
      'data.valSplit: must be 0 when the data set has a validation split',
    );
  });

  it('is mapped by the thread that makes batches, held-out images and all', async () => {
    const { train } = openSynthetic({ count: 30 });
    await writePack(file, openSynthetic({ count: 30 }));
    const packed = inMemory(await openPack(file));
    const indices = Uint32Array.of(29, 0, 7, 3, 11, 12);
    const batchOf = async (set: typeof train) => {
      const request = { batchSize: 4, order: 'sequential', seed: 1, augment: null } as const;
      const range = { firstEpoch: 0, firstStep: 0, stepsPerEpoch: 2, epochs: 1 };
      const source = openBatches({ set, statistics: channelStatistics(set), ...request, ...range });
      const images = [source.next().images.slice(), source.next().images.slice()];
      await source.close();
      return images;
    };
    expect(await batchOf(selectImages('x', packed.train, indices))).toEqual(
      await batchOf(selectImages('x', train, indices)),
    );
  });

  it('keeps images encoded, and any size for them', async () => {
    for (const [split, name, grey] of [
      ['train', 'cat', 1],
      ['train', 'dog', 2],
      ['val', 'cat', 3],
    ] as const) {
      await put(path.join(root, 'in', split, name, 'x.png'), plainPng([grey], 9, 7));
    }
    await put(path.join(root, 'in', 'val', 'dog', 'x.png'), plainPng([9], 20, 20));
    const open = await openImagenet({ dir: path.join(root, 'in'), imgSize: 32 });
    await writePack(file, open);
    const packed = await openDataset({ name: 'packed', dir: file, seed: 0, imgSize: 48 });
    const { train } = packed;
    if (!('encoded' in train) || train.encoded.kind !== 'packed') throw new Error('not encoded');
    expect(train).toMatchObject({ count: 2, height: 48, width: 48 });
    const { starts, sizes } = train.encoded;
    const bytes = readFileSync(file).subarray(starts[1]!, starts[1]! + sizes[1]!);
    expect(bytes).toEqual(readFileSync(path.join(root, 'in', 'train', 'dog', 'x.png')));
    await verifyPack(file);
  });

  it('leaves nothing behind when it cannot be written', async () => {
    const broken = {
      ...openSynthetic().test,
      async *chunks() {
        yield { pixels: new Uint8Array(3), labels: [] };
        throw new FormatError({ file: 'x', offset: 3, expected: 'a', got: 'b' });
      },
    };
    expect(
      (await errorOf(() => writePack(file, { ...openSynthetic(), train: broken }))).message,
    ).toBe('x: expected a at byte 3, got b');
    expect(await readdir(root)).toEqual([]);
    const nowhere = path.join(root, 'none', 'set.igcpack');
    expect(await errorOf(() => writePack(nowhere, openSynthetic()))).toMatchObject({
      kind: 'failure',
      message: `${nowhere}: must be writable, got ENOENT`,
    });
  });

  it.each<[string, (text: string) => string, string]>([
    ['no JSON', (text) => `[${text.slice(1)}`, 'a header of JSON'],
    ['another key', (text) => text.replace('"name"', '"nama"'), 'a header with'],
    ['one split', (text) => text.replace('"test"', '"train"'), 'splits train and test'],
    [
      'fewer labels',
      (text) => text.replace('"count":128', '"count":127'),
      'section labels of test of 254 bytes',
    ],
    [
      'an odd place',
      (text) => text.replace(/"offset":65536/, '"offset":65537'),
      'at a multiple of 65536',
    ],
    [
      'a place beyond the end',
      (text) => text.replace(/"offset":65536/, '"offset":65536000'),
      'within the file',
    ],
  ])('with %s in its header is refused', async (_, change, expected) => {
    await writePack(file, openSynthetic());
    await rewriteHeader(change);
    const error = await errorOf(() => openPack(file));
    expect(error).toBeInstanceOf(FormatError);
    expect(error.message).toContain(expected);
  });

  it('is refused when it is another file, cut short, or its labels are wrong', async () => {
    await put(file, 'PNG or so, at any rate no packed file');
    expect((await errorOf(() => readPackHeader(file))).message).toBe(
      `${file}: expected "IGCPACK1" at byte 0, got "PNG or s"`,
    );
    await writePack(file, openSynthetic());
    const bytes = await readFile(file);
    await writeFile(file, bytes.subarray(0, 100_000));
    expect((await errorOf(() => openPack(file))).message).toContain(
      'within the file of 100000 bytes',
    );
    await writeFile(file, bytes);
    const { splits } = await readPackHeader(file);
    bytes[splits[1]!.labels.offset + 4] = 200;
    await writeFile(file, bytes);
    expect((await errorOf(() => openPack(file))).message).toBe(
      `${file}: expected a label below 4 at byte ${splits[1]!.labels.offset + 4}, got 200`,
    );
    expect((await errorOf(() => verifyPack(file))).message).toContain(
      'the labels of test with SHA-256',
    );
    await rm(file);
    expect((await errorOf(() => openPack(file))).message).toContain('must be readable, got ENOENT');
  });
});
