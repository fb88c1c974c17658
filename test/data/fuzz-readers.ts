/** The readers that are fuzzed, each with small sound files; test/slow runs many cases, the fast tests a few. */

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { encode } from 'fast-png';
import { packTar } from 'modern-tar';
import sharp from 'sharp';
import { IgcError } from '../../src/core/errors.ts';
import { stream } from '../../src/core/random.ts';
import { unpackArchive } from '../../src/data/get/unpack.ts';
import { chooseDecoder, decodeImageFile } from '../../src/data/images/image-decoder.ts';
import { portableDecoder } from '../../src/data/images/portable-decoder.ts';
import type { ImageDecoder } from '../../src/data/images/rgb-image.ts';
import { openPack } from '../../src/data/pack/read-pack.ts';
import { writePack } from '../../src/data/pack/write-pack.ts';
import { cifar10Layout, openCifar } from '../../src/data/readers/cifar.ts';
import { openIdx } from '../../src/data/readers/idx.ts';
import { openSvhn } from '../../src/data/readers/svhn.ts';
import { openSynthetic } from '../../src/data/readers/synthetic.ts';
import { loadDataset } from '../../src/data/source.ts';
import { archive, members, sound } from './archives.ts';
import type { Fuzzing } from './fuzz.ts';
import { parquetBytes } from './parquet-files.ts';
import { idx, svhnMat } from './readers.ts';

type Reader = (folder: string) => Promise<Omit<Fuzzing, 'cases'>>;

function bytes(n: number, below: number, name: string): Uint8Array {
  const random = stream(0, name);
  return Uint8Array.from({ length: n }, () => random.integer(below));
}

export const fuzzedReaders: Readonly<Record<string, Reader>> = {
  async cifar(folder) {
    const layout = { ...cifar10Layout, trainRecords: 3, testRecords: 2 };
    const records = (n: number) => bytes(n * 3073, 10, 'records');
    for (const name of layout.train) await writeFile(path.join(folder, name), records(3));
    const file = path.join(folder, layout.test);
    const read = async () => loadDataset(await openCifar(layout, folder));
    return { file, seeds: [records(2)], read };
  },
  async idx(folder) {
    const images = idx(0x0803, [3, 28, 28], bytes(3 * 784, 256, 'idx'));
    const labels = idx(0x0801, [3], bytes(3, 10, 'idx labels'));
    for (const split of ['train', 't10k']) {
      await writeFile(path.join(folder, `${split}-images-idx3-ubyte`), images);
      await writeFile(path.join(folder, `${split}-labels-idx1-ubyte`), labels);
    }
    const file = path.join(folder, 'train-images-idx3-ubyte.gz');
    const stored = gzipSync(images, { level: 0 });
    const read = async () => loadDataset(await openIdx('mnist', folder));
    return { file, seeds: [gzipSync(images), stored], read };
  },
  async mat(folder) {
    const labels = Uint8Array.of(10, 1);
    const pixels = bytes(2 * 3072, 4, 'mat');
    const file = path.join(folder, 'train_32x32.mat');
    await writeFile(path.join(folder, 'test_32x32.mat'), svhnMat(labels, pixels));
    const seeds = [{}, { compress: false }, { big: true, compress: false, labelsAs: 'double' }];
    const read = async () => loadDataset(await openSvhn({ dir: folder, split: 'official' }));
    return { file, seeds: seeds.map((as) => svhnMat(labels, pixels, as as object)), read };
  },
  async parquet(folder) {
    const images = { pixels: bytes(3 * 3072, 3, 'parquet'), labels: Uint8Array.of(1, 0, 9) };
    const file = path.join(folder, 'train.parquet');
    const codecs = ['SNAPPY', 'UNCOMPRESSED', 'GZIP'] as const;
    const seeds = codecs.map((codec) => parquetBytes(images, { codec, pageSize: 500 }));
    await writeFile(path.join(folder, 'test.parquet'), seeds[0]!);
    const read = async () => loadDataset(await openCifar(cifar10Layout, folder));
    return { file, seeds, read };
  },
  async archive(folder) {
    const file = path.join(folder, 'x.tar.gz');
    const target = path.join(folder, 'in', 'small');
    const tar = await packTar([...sound]);
    const read = async () => {
      await unpackArchive(file, target, members).finally(async () => {
        const left = await readdir(path.dirname(target)).catch(() => []);
        const strange = left.filter((name) => name !== 'small');
        if (strange.length > 0) throw new Error(`left behind: ${strange}`);
      });
    };
    return { file, seeds: [await archive(), gzipSync(tar, { level: 0 })], read };
  },
  async portablePng(folder) {
    return imageFuzzing(path.join(folder, 'x.png'), portableDecoder);
  },
  async portableJpeg(folder) {
    return imageFuzzing(path.join(folder, 'x.jpg'), portableDecoder);
  },
  async sharpJpeg(folder) {
    return imageFuzzing(path.join(folder, 'x.jpg'), await chooseDecoder());
  },
  async packed(folder) {
    const file = path.join(folder, 'set.igcpack');
    await writePack(file, openSynthetic({ count: 5, testCount: 2, height: 4, width: 4 }));
    const seed = await readFile(file);
    const read = async () => {
      const { train, test } = await openPack(file);
      for (const set of [train, test]) if ('pixels' in set) Buffer.from(set.pixels);
    };
    // A file that ends before its sections is refused when it is mapped.
    return { file, seeds: [seed], read, isClean: isDataError };
  },
};

/** Image files, which end in a data error that names them. */
async function imageFuzzing(file: string, decoder: ImageDecoder): Promise<Omit<Fuzzing, 'cases'>> {
  const data = bytes(20 * 16 * 3, 256, 'image');
  const seed = file.endsWith('.png')
    ? encode({ width: 20, height: 16, data, channels: 3 })
    : await sharp(data, { raw: { width: 20, height: 16, channels: 3 } })
        .jpeg()
        .toBuffer();
  const read = () => decodeImageFile(file, { channels: 3, height: 8, width: 8 }, { decoder });
  return { file, seeds: [seed], read, isClean: isDataError };
}

function isDataError(error: unknown): boolean {
  return error instanceof IgcError && error.kind === 'data';
}

/** A folder in `root` for a reader. */
export async function fuzzFolder(root: string, name: string): Promise<string> {
  const folder = path.join(root, name);
  await mkdir(folder);
  return folder;
}
