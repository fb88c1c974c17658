/**
 * CIFAR-10 and CIFAR-100 in their official binary layouts: records of one or two label bytes and 3×32×32
 * pixels (planar, red first). CIFAR-100 is read with its fine labels.
 * @source www.cs.toronto.edu/~kriz/cifar.html, "Binary version"
 */

import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { dataError } from '../../core/errors.ts';
import type { Dataset, ImageSet } from '../dataset.ts';
import { allocateImageSet } from '../image-set.ts';
import { findDataFolder } from './data-folder.ts';
import { readWhole } from './reading.ts';

const pixelsPerImage = 3 * 32 * 32;

interface CifarLayout {
  readonly name: string;
  readonly folder: string;
  readonly archive: string;
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

const cifar10: CifarLayout = {
  name: 'cifar10',
  folder: 'cifar-10-batches-bin',
  archive: 'cifar-10-binary.tar.gz (www.cs.toronto.edu/~kriz/cifar.html)',
  train: [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`),
  test: 'test_batch.bin',
  trainRecords: 10_000,
  testRecords: 10_000,
  labelBytes: 1,
  namesFile: 'batches.meta.txt',
  classCount: 10,
  knownNames: 'airplane automobile bird cat deer dog frog horse ship truck'.split(' '),
};

const cifar100: CifarLayout = {
  name: 'cifar100',
  folder: 'cifar-100-binary',
  archive: 'cifar-100-binary.tar.gz (www.cs.toronto.edu/~kriz/cifar.html)',
  train: ['train.bin'],
  test: 'test.bin',
  trainRecords: 50_000,
  testRecords: 10_000,
  labelBytes: 2,
  namesFile: 'fine_label_names.txt',
  classCount: 100,
};

/** Opens CIFAR-10: 50,000 training and 10,000 test images of 3×32×32, 10 classes. Throws data errors. */
export function openCifar10(dir?: string): Promise<Dataset<ImageSet>> {
  return openCifar(cifar10, dir);
}

/** Opens CIFAR-100 with its 100 fine labels, split as CIFAR-10. Throws data errors. */
export function openCifar100(dir?: string): Promise<Dataset<ImageSet>> {
  return openCifar(cifar100, dir);
}

async function openCifar(layout: CifarLayout, dir?: string): Promise<Dataset<ImageSet>> {
  const files = [...layout.train, layout.test];
  if (layout.knownNames === undefined) files.push(layout.namesFile);
  const folder = findDataFolder({ ...layout, files, dir });
  return {
    name: layout.name,
    classes: await readNames(layout, folder),
    train: await readRecords(layout, folder, layout.train, layout.trainRecords),
    test: await readRecords(layout, folder, [layout.test], layout.testRecords),
    skipped: [],
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

async function readRecords(
  layout: CifarLayout,
  folder: string,
  files: readonly string[],
  recordsPerFile: number,
): Promise<ImageSet> {
  for (const file of files) await checkSize(layout, folder, file, recordsPerFile);
  const count = files.length * recordsPerFile;
  const shape = { channels: 3, height: 32, width: 32, maxValue: 255, count };
  const set = allocateImageSet(layout.name, shape);
  for (const [i, file] of files.entries()) {
    const bytes = await readWhole(layout.name, path.join(folder, file));
    copyRecords(layout, file, bytes, set, i * recordsPerFile);
  }
  return set;
}

/** Refuses a file of the wrong length before its bytes, or any memory, are taken. */
async function checkSize(layout: CifarLayout, folder: string, file: string, records: number) {
  const recordBytes = layout.labelBytes + pixelsPerImage;
  const expected = records * recordBytes;
  const { size } = await stat(path.join(folder, file));
  if (size === expected) return;
  throw dataError({
    path: layout.name,
    rule: `${file} has ${size} bytes, expected ${expected} (${records} records of ${recordBytes})`,
    hint: `the file is ${size < expected ? 'truncated' : 'too long'}`,
  });
}

function copyRecords(
  layout: CifarLayout,
  file: string,
  bytes: Uint8Array,
  set: ImageSet,
  first: number,
): void {
  const { labelBytes, classCount } = layout;
  const recordBytes = labelBytes + pixelsPerImage;
  for (let record = 0; record * recordBytes < bytes.length; record++) {
    const pixelsAt = record * recordBytes + labelBytes;
    const label = bytes[pixelsAt - 1]!;
    if (label >= classCount) {
      throw dataError({
        path: layout.name,
        rule: `${file} record ${record} (byte ${pixelsAt - 1}) must have a label below ${classCount}`,
        got: String(label),
        hint: 'the file is corrupt',
      });
    }
    set.labels[first + record] = label;
    const image = bytes.subarray(pixelsAt, pixelsAt + pixelsPerImage);
    set.pixels.set(image, (first + record) * pixelsPerImage);
  }
}
