/** The same images from every format end in the same weights; the paper's SVHN split of the whole set. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { writePack } from '../../src/data/pack/write-pack.ts';
import { openCifar10 } from '../../src/data/readers/cifar.ts';
import { openSvhn } from '../../src/data/readers/svhn.ts';
import { loadDataset, loadSplit } from '../../src/data/source.ts';
import { resolveConfig } from '../../src/train/config.ts';
import { runTraining } from '../../src/train/run-training.ts';
import { missingReason, realData, temporaryFolder } from '../data/fixtures.ts';
import { putParquet } from '../data/parquet-files.ts';
import { hashSplit } from '../data/readers.ts';

describe('a training on CIFAR-10', () => {
  it('ends in identical bits from the official files, Parquet and a packed file', async (context) => {
    const official = realData('cifar-10-batches-bin');
    if (official === undefined) return context.skip(missingReason('cifar-10-batches-bin'));
    const root = await temporaryFolder();
    const parquet = path.join(root, 'parquet');
    const packed = path.join(root, 'cifar10.igcpack');
    const set = await loadDataset(await openCifar10(official));
    putParquet(parquet, 'train', [set.train]);
    putParquet(parquet, 'test', [set.test], { codec: 'GZIP' });
    await writePack(packed, await openCifar10(official));
    const train = async (name: string, data: { name: 'cifar10' | 'packed'; dir: string }) => {
      const net = { net: 'IGC-L24M2', depth: 8, epochs: 1 };
      const config = resolveConfig('paper-cifar', {
        ...net,
        data,
        output: path.join(root, 'runs'),
        name,
      });
      const control = { isStopped: () => false, stepEventMs: 1e9, command: [] };
      for await (const _ of runTraining({ kind: 'new', config }, control));
      return readFileSync(path.join(root, 'runs', name, 'checkpoints/last/model.safetensors'));
    };
    const want = await train('official', { name: 'cifar10', dir: official });
    for (const [name, data] of [
      ['parquet', { name: 'cifar10', dir: parquet }],
      ['packed', { name: 'packed', dir: packed }],
    ] as const) {
      expect((await train(name, data)).equals(want)).toBe(true);
    }
  }, 900_000);
});

describe('the whole of SVHN', () => {
  /** A .mat file of `count` images that are all one colour, written compressed piece by piece. */
  function putMat(file: string, count: number, colour: number): void {
    const word = (...values: number[]) => Buffer.from(Uint32Array.from(values).buffer);
    const small = (name: string) =>
      Buffer.concat([word((1 << 16) | 1), Buffer.from(`${name}\0\0\0`)]);
    const dimensions = (...sizes: number[]) => {
      const padding = Buffer.alloc((8 - ((4 * sizes.length) % 8)) % 8);
      return Buffer.concat([word(5, 4 * sizes.length, ...sizes), padding]);
    };
    const flags = Buffer.concat([word(6, 8), word(9, 0)]);
    const labels = Buffer.from(Uint8Array.from({ length: count }, (_, i) => 1 + (i % 10)));
    const array = (name: string, sizes: number[], body: Buffer) => {
      const padding = Buffer.alloc((8 - (body.length % 8)) % 8);
      const parts = [flags, dimensions(...sizes), small(name), word(2, body.length), body, padding];
      const length = parts.reduce((sum, part) => sum + part.length, 0);
      const packed = deflateSync(Buffer.concat([word(14, length), ...parts]), { level: 1 });
      return Buffer.concat([word(15, packed.length), packed]);
    };
    const header = Buffer.alloc(128, ' ');
    header.writeUInt16LE(0x0100, 124);
    header.write('IM', 126, 'latin1');
    const pixels = Buffer.alloc(count * 3072, colour);
    const x = array('X', [32, 32, 3, count], pixels);
    writeFileSync(file, Buffer.concat([header, x, array('y', [count, 1], labels)]));
  }

  it('parts into 598,388 and 6,000 images as the paper does', async () => {
    const dir = await temporaryFolder();
    mkdirSync(path.join(dir, 'svhn'));
    for (const [part, count, colour] of [
      ['train', 73_257, 1],
      ['extra', 531_131, 2],
      ['test', 26_032, 3],
    ] as const) {
      putMat(path.join(dir, 'svhn', `${part}_32x32.mat`), count, colour);
    }
    const { train, validation, test } = await openSvhn({ dir, split: 'paper' });
    expect([train.count, validation!.count, test.count]).toEqual([598_388, 6000, 26_032]);
    const held = await loadSplit('svhn', validation!);
    const ofTrain = held.labels.filter((_, i) => held.pixels[i * 3072] === 1);
    const perClass = (labels: Uint16Array) =>
      Array.from({ length: 10 }, (_, digit) => labels.filter((label) => label === digit).length);
    expect(perClass(held.labels)).toEqual(Array(10).fill(600));
    expect(perClass(Uint16Array.from(ofTrain))).toEqual(Array(10).fill(400));
    expect(await hashSplit(train, 10)).toMatch(/^[0-9a-f]{64}$/); // streams all of it, and counts
  }, 300_000);
});
