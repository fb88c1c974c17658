/**
 * MNIST and Fashion-MNIST in the IDX format, gzipped or not: grey images of 28×28 and labels, each in a file with a
 * header of big-endian numbers.
 * @source yann.lecun.com/exdb/mnist, "file formats"; github.com/zalandoresearch/fashion-mnist
 */

import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { FormatError } from '../format-error.ts';
import type { DatasetSource, SplitSource } from '../source.ts';
import { type ByteSource, type ByteStream, openByteStream } from './byte-stream.ts';
import { findDataFolder } from './data-folder.ts';

const side = 28;
const imagesMagic = 0x0803; // unsigned bytes, three dimensions
const labelsMagic = 0x0801; // unsigned bytes, one dimension
const chunkImages = 4096;
/** deflate makes at most 1,032 bytes of one. */
const mostPacked = 1032;

const classNames = {
  mnist: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
  'fashion-mnist': [
    ...['T-shirt/top', 'Trouser', 'Pullover', 'Dress', 'Coat'],
    ...['Sandal', 'Shirt', 'Sneaker', 'Bag', 'Ankle boot'],
  ],
} as const;

/** Where Debian's package dataset-fashion-mnist puts it. */
const debianFolder = '/usr/share/datasets';

/**
 * Opens MNIST or Fashion-MNIST: 60,000 training and 10,000 test images of 1×28×28, 10 classes (fewer images are
 * taken, too). Throws data errors.
 */
export async function openIdx(
  name: 'mnist' | 'fashion-mnist',
  dir?: string,
): Promise<DatasetSource> {
  const stems = ['train-images-idx3-ubyte', 'train-labels-idx1-ubyte'];
  const testStems = ['t10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte'];
  const folder = findDataFolder({
    name,
    folder: name,
    files: [...stems, ...testStems],
    endings: ['.gz', ''],
    remedy: name === 'mnist' ? 'put the files' : '"igc data get fashion-mnist", or put the files',
    dir,
    alsoIn: name === 'fashion-mnist' ? [debianFolder] : [],
  });
  return {
    name,
    classes: classNames[name],
    train: await openSplit(folder, stems[0]!, stems[1]!),
    test: await openSplit(folder, testStems[0]!, testStems[1]!),
  };
}

async function openSplit(folder: string, images: string, labels: string): Promise<SplitSource> {
  const labelFile = locate(folder, labels);
  const imageFile = locate(folder, images);
  const count = await withStream(imageFile, (stream) => readImageHeader(imageFile, stream));
  const given = await readLabels(labelFile, count);
  return {
    channels: 1,
    height: side,
    width: side,
    count,
    maxValue: 255,
    async *chunks() {
      const stream = openByteStream(imageFile);
      try {
        await readImageHeader(imageFile, stream);
        for (let first = 0; first < count; first += chunkImages) {
          const n = Math.min(chunkImages, count - first);
          const pixels = await stream.read(n * side * side, `images ${first}…${first + n - 1}`);
          yield { pixels, labels: given.subarray(first, first + n) };
        }
        await stream.expectEnd();
      } finally {
        stream.close();
      }
    },
  };
}

function locate(folder: string, stem: string): ByteSource {
  const packed = path.join(folder, `${stem}.gz`);
  if (existsSync(packed)) return { file: packed, packing: 'gzip' };
  return { file: path.join(folder, stem), packing: 'plain' };
}

async function withStream<T>(
  source: ByteSource,
  use: (stream: ByteStream) => Promise<T>,
): Promise<T> {
  const stream = openByteStream(source);
  try {
    return await use(stream);
  } finally {
    stream.close();
  }
}

/** The number of images, when all of the header is as it must be and the file can hold so many. */
async function readImageHeader(source: ByteSource, stream: ByteStream): Promise<number> {
  const header = await stream.read(16, 'the header');
  expectNumber(source, header, 0, imagesMagic);
  const count = await checkCount(source, header.readUInt32BE(4), side * side, 16);
  expectNumber(source, header, 8, side);
  expectNumber(source, header, 12, side);
  return count;
}

async function readLabels(source: ByteSource, count: number): Promise<Uint8Array> {
  return withStream(source, async (stream) => {
    const header = await stream.read(8, 'the header');
    expectNumber(source, header, 0, labelsMagic);
    expectNumber(source, header, 4, count, `${count} labels, as many as images`);
    const labels = await stream.read(count, 'the labels');
    await stream.expectEnd();
    const wrong = labels.findIndex((label) => label > 9);
    if (wrong < 0) return labels;
    throw new FormatError({
      file: source.file,
      offset: 8 + wrong,
      expected: 'a label below 10',
      got: String(labels[wrong]),
    });
  });
}

function expectNumber(
  { file }: ByteSource,
  header: Buffer,
  offset: number,
  expected: number,
  said = String(expected),
): void {
  const got = header.readUInt32BE(offset);
  if (got === expected) return;
  throw new FormatError({ file, offset, expected: said, got: String(got) });
}

/** Refuses a count that the file cannot hold, before any memory is taken for it. */
async function checkCount(
  { file, packing }: ByteSource,
  count: number,
  itemBytes: number,
  headerBytes: number,
): Promise<number> {
  const { size } = await stat(file);
  const most = Math.floor(
    packing === 'plain' ? (size - headerBytes) / itemBytes : (size * mostPacked) / itemBytes,
  );
  if (count >= 1 && count <= most) return count;
  const expected = `a number of images from 1 to ${most}, what ${size} bytes can hold`;
  throw new FormatError({ file, offset: 4, expected, got: String(count) });
}
