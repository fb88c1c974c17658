/**
 * CIFAR-10 and CIFAR-100 in their official binary layouts: records of one or two label bytes and 3×32×32
 * pixels (planar, red first); a given folder may hold the Parquet layout instead. CIFAR-100 has its fine labels.
 * @source www.cs.toronto.edu/~kriz/cifar.html, "Binary version"
 */

import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { dataError } from '../../core/errors.ts';
import { FormatError } from '../format-error.ts';
import type { DatasetSource, ImageChunk, SplitSource } from '../source.ts';
import { openByteStream } from './byte-stream.ts';
import { cifar10Labels } from './cifar-labels.ts';
import { findDataFolder } from './data-folder.ts';
import { findParquet, openParquetCifar } from './parquet-cifar.ts';
import { readWhole } from './reading.ts';

const pixelsPerImage = 3 * 32 * 32;
const chunkRecords = 1000;

/** What the official files are called and hold. */
export interface CifarLayout {
  readonly name: 'cifar10' | 'cifar100';
  readonly folder: string;
  readonly remedy: string;
  readonly train: readonly string[];
  readonly test: string;
  /** Records in each training file and in the test file. */
  readonly trainRecords: number;
  readonly testRecords: number;
  /** Label bytes before the pixels; the last one is the label. */
  readonly labelBytes: number;
  /** File of class names, one a line; it may be missing when the names are known. */
  readonly namesFile: string;
  readonly classCount: number;
  readonly knownNames?: readonly string[];
}

export const cifar10Layout: CifarLayout = {
  name: 'cifar10',
  folder: 'cifar-10-batches-bin',
  remedy: '"igc data get cifar10", or unpack cifar-10-binary.tar.gz',
  train: [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`),
  test: 'test_batch.bin',
  trainRecords: 10_000,
  testRecords: 10_000,
  labelBytes: 1,
  namesFile: 'batches.meta.txt',
  classCount: 10,
  knownNames: cifar10Labels,
};

export const cifar100Layout: CifarLayout = {
  name: 'cifar100',
  folder: 'cifar-100-binary',
  remedy: '"igc data get cifar100", or unpack cifar-100-binary.tar.gz',
  train: ['train.bin'],
  test: 'test.bin',
  trainRecords: 50_000,
  testRecords: 10_000,
  labelBytes: 2,
  namesFile: 'fine_label_names.txt',
  classCount: 100,
};

/** Opens CIFAR-10: 50,000 training and 10,000 test images of 3×32×32, 10 classes. Throws data errors. */
export function openCifar10(dir?: string): Promise<DatasetSource> {
  return openCifar(cifar10Layout, dir);
}

/** Opens CIFAR-100 with its 100 fine labels, split as CIFAR-10. Throws data errors. */
export function openCifar100(dir?: string): Promise<DatasetSource> {
  return openCifar(cifar100Layout, dir);
}

/** Opens files of a layout, or Parquet files in their place. */
export async function openCifar(layout: CifarLayout, dir?: string): Promise<DatasetSource> {
  const parquet = dir === undefined ? undefined : await findParquet(dir);
  if (parquet !== undefined) return openParquetCifar(layout.name, parquet);
  const files = [...layout.train, layout.test];
  if (layout.knownNames === undefined) files.push(layout.namesFile);
  const folder = findDataFolder({ ...layout, files, dir });
  return {
    name: layout.name,
    classes: await readNames(layout, folder),
    train: await openRecords(layout, folder, layout.train, layout.trainRecords),
    test: await openRecords(layout, folder, [layout.test], layout.testRecords),
  };
}

async function readNames(layout: CifarLayout, folder: string): Promise<readonly string[]> {
  const file = path.join(folder, layout.namesFile);
  if (layout.knownNames !== undefined && !existsSync(file)) return layout.knownNames;
  const lines = (await readWhole(layout.name, file)).toString('utf8').split('\n');
  const names = lines.map((line) => line.trim()).filter((line) => line !== '');
  if (names.length !== layout.classCount) {
    throw dataError({
      path: layout.name,
      rule: `${layout.namesFile} must have ${layout.classCount} class names, one a line`,
      got: String(names.length),
    });
  }
  return names;
}

async function openRecords(
  layout: CifarLayout,
  folder: string,
  files: readonly string[],
  recordsPerFile: number,
): Promise<SplitSource> {
  for (const file of files) await checkSize(layout, folder, file, recordsPerFile);
  return {
    channels: 3,
    height: 32,
    width: 32,
    maxValue: 255,
    count: files.length * recordsPerFile,
    async *chunks() {
      for (const file of files) yield* readRecords(layout, folder, file, recordsPerFile);
    },
  };
}

/** Refuses a file of the wrong length before its bytes, or any memory, are taken. */
async function checkSize(layout: CifarLayout, folder: string, name: string, records: number) {
  const recordBytes = layout.labelBytes + pixelsPerImage;
  const expected = records * recordBytes;
  const file = path.join(folder, name);
  const { size } = await stat(file);
  if (size === expected) return;
  const fault = { file, offset: Math.min(size, expected), expected: `${expected} bytes` };
  const what = `${name} has ${size} bytes, expected ${expected} (${records} records of ${recordBytes})`;
  const message = `${layout.name}: ${what}; the file is ${size < expected ? 'truncated' : 'too long'}`;
  throw new FormatError({ ...fault, got: `${size}` }, { message });
}

async function* readRecords(
  layout: CifarLayout,
  folder: string,
  name: string,
  records: number,
): AsyncGenerator<ImageChunk> {
  const recordBytes = layout.labelBytes + pixelsPerImage;
  const file = path.join(folder, name);
  const stream = openByteStream({ file, packing: 'plain' });
  try {
    for (let first = 0; first < records; first += chunkRecords) {
      const n = Math.min(chunkRecords, records - first);
      const bytes = await stream.read(n * recordBytes, `records ${first}…${first + n - 1}`);
      yield splitRecords(layout, file, bytes, first);
    }
    await stream.expectEnd();
  } finally {
    stream.close();
  }
}

/** Parts whole records, from record `first` of the file on, into labels and pixels. */
function splitRecords(
  { name, labelBytes, classCount }: CifarLayout,
  file: string,
  bytes: Uint8Array,
  first: number,
): ImageChunk {
  const recordBytes = labelBytes + pixelsPerImage;
  const labels = new Uint8Array(bytes.length / recordBytes);
  const pixels = new Uint8Array(labels.length * pixelsPerImage);
  for (let i = 0; i < labels.length; i++) {
    const pixelsAt = i * recordBytes + labelBytes;
    const label = bytes[pixelsAt - 1]!;
    if (label >= classCount) {
      const record = first + i;
      const offset = record * recordBytes + labelBytes - 1;
      const expected = `a label below ${classCount}`;
      const place = `${path.basename(file)} record ${record} (byte ${offset})`;
      const message = `${name}: ${place} must have ${expected}, got ${label}; the file is corrupt`;
      throw new FormatError({ file, offset, expected, got: String(label) }, { message });
    }
    labels[i] = label;
    pixels.set(bytes.subarray(pixelsAt, pixelsAt + pixelsPerImage), i * pixelsPerImage);
  }
  return { pixels, labels };
}
