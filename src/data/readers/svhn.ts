/**
 * SVHN's cropped digits: MATLAB files of X (32×32×3×N bytes, column-major) and y (N labels, 10 for the digit 0).
 * Letters: N images.
 * @source ufldl.stanford.edu/housenumbers, "Format 2"; the validation split: paper §5.1
 */

import path from 'node:path';
import { dataError } from '../../core/errors.ts';
import { shuffledIndices, stream } from '../../core/random.ts';
import { FormatError } from '../format-error.ts';
import type { DatasetSource, ImageChunk, SplitSource } from '../source.ts';
import { findDataFolder } from './data-folder.ts';
import { expectEndOfNumbers, type MatVariable, readMatVariables, readNumbers } from './mat5.ts';

const side = 32;
const area = side * side;
const bytesPerImage = 3 * area;
const chunkImages = 1024;
const digits = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'] as const;
/** Most labels that are read: deflate could pack terabytes into a small file. */
const mostImages = 2 ** 24;

/** Images of each class that the paper holds out for validation. @source paper §5.1 */
export const paperQuota = { train: 400, extra: 200 } as const;

/** Which images are trained on. */
export interface SvhnRequest {
  readonly dir?: string | undefined;
  /**
   * official: train and test. paper: of train and extra together 400 and 200 of each class are the validation split
   * and the others are trained on, 598,388 of the whole set.
   */
  readonly split: 'official' | 'paper';
}

/** One file: its labels, and its images as they are wanted. */
interface DigitFile {
  readonly file: string;
  readonly labels: Uint8Array;
  readonly x: MatVariable;
}

/**
 * Opens SVHN: 73,257 training and 26,032 test images of 3×32×32, 10 classes, with 531,131 extra ones for `paper`.
 * The paper's validation split is the same whatever the seed of a run: `stream(0, 'svhn/validation')`.
 *
 * Throws data errors, for fewer images of a class than the paper holds out, too.
 */
export async function openSvhn({ dir, split }: SvhnRequest): Promise<DatasetSource> {
  const parts = split === 'paper' ? ['train', 'extra'] : ['train'];
  const names = [...parts, 'test'].map((part) => `${part}_32x32.mat`);
  const folder = findDataFolder({
    name: 'svhn',
    folder: 'svhn',
    files: names,
    remedy: `"igc data get svhn${split === 'paper' ? ' --extra' : ''}", or put the files`,
    dir,
  });
  const files: DigitFile[] = [];
  // One by one, so that of several faults always the same is told.
  for (const name of names) files.push(await openFile(path.join(folder, name)));
  const test = files.pop()!;
  const shared = { name: 'svhn', classes: digits, test: splitOf([test], [allOf(test)]) };
  const whole = files.map(allOf);
  if (split === 'official') return { ...shared, train: splitOf(files, whole) };
  const held = holdOut(files as [DigitFile, DigitFile]);
  const kept = whole.map((all, i) => all.map((_, image) => 1 - held[i]![image]!));
  return { ...shared, train: splitOf(files, kept), validation: splitOf(files, held) };
}

async function openFile(file: string): Promise<DigitFile> {
  const variables = await readMatVariables(file);
  const [x, y] = ['X', 'y'].map((name) => variables.get(name));
  const fault = (expected: string, got: string) =>
    new FormatError({ file, offset: 128, expected, got });
  if (!x || !y) {
    throw fault('the arrays X and y', [...variables.keys()].join(', ') || 'none');
  }
  const [height, width, channels, count = 1] = x.dimensions;
  const isImages = height === side && width === side && channels === 3 && x.dimensions.length <= 4;
  if (!isImages || x.type !== 'uint8' || count < 1 || count > mostImages) {
    throw fault(`X of 32×32×3×N uint8, N to ${mostImages}`, `${x.dimensions.join('×')} ${x.type}`);
  }
  if (y.length !== count) throw fault(`${count} labels in y`, String(y.length));
  return { file, x, labels: toDigits(file, await readNumbers(y)) };
}

/** Labels 1…9 and 10 for the digit 0. */
function toDigits(file: string, numbers: Float64Array): Uint8Array {
  const wrong = numbers.findIndex(
    (label) => !(Number.isInteger(label) && label >= 1 && label <= 10),
  );
  if (wrong >= 0) {
    const got = `${numbers[wrong]} for image ${wrong}`;
    throw new FormatError({ file, offset: 128, expected: 'labels y from 1 to 10', got });
  }
  return Uint8Array.from(numbers, (label) => label % 10);
}

function allOf({ labels }: DigitFile): Uint8Array {
  return new Uint8Array(labels.length).fill(1);
}

/** Ones for the images of train and extra that are held out. */
function holdOut(files: readonly [train: DigitFile, extra: DigitFile]): readonly Uint8Array[] {
  const random = stream(0, 'svhn/validation');
  const quotas = [paperQuota.train, paperQuota.extra];
  return files.map(({ file, labels }, i) => {
    const quota = quotas[i]!;
    const left = new Array<number>(digits.length).fill(quota);
    const held = new Uint8Array(labels.length);
    for (const image of shuffledIndices(random, labels.length)) {
      if (left[labels[image]!] === 0) continue;
      held[image] = 1;
      left[labels[image]!]!--;
    }
    const short = left.findIndex((missing) => missing > 0);
    if (short < 0) return held;
    throw dataError({
      path: file,
      rule: `must have ${quota} images of every class for the paper's validation split`,
      got: `${quota - left[short]!} of ${short}`,
      hint: 'use the whole set, or data.split official',
    });
  });
}

/** The images of the files that have a one in `chosen`, file after file. */
function splitOf(files: readonly DigitFile[], chosen: readonly Uint8Array[]): SplitSource {
  const count = chosen.reduce((sum, of) => sum + of.reduce((n, one) => n + one, 0), 0);
  return {
    channels: 3,
    height: side,
    width: side,
    count,
    maxValue: 255,
    async *chunks() {
      for (const [i, file] of files.entries()) yield* readImages(file, chosen[i]!);
    },
  };
}

async function* readImages(
  { x, labels }: DigitFile,
  chosen: Uint8Array,
): AsyncGenerator<ImageChunk> {
  const numbers = await x.openNumbers();
  try {
    for (let first = 0; first < labels.length; first += chunkImages) {
      const n = Math.min(chunkImages, labels.length - first);
      const what = `images ${first}…${first + n - 1}`;
      const columns = await numbers.read(n * bytesPerImage, what);
      const wanted = Array.from({ length: n }, (_, i) => i).filter((i) => chosen[first + i] === 1);
      const pixels = new Uint8Array(wanted.length * bytesPerImage);
      for (const [to, from] of wanted.entries()) transpose(pixels, to, columns, from);
      yield { pixels, labels: wanted.map((i) => labels[first + i]!) };
    }
    await expectEndOfNumbers(x, numbers);
  } finally {
    numbers.close();
  }
}

/** Writes image `from` of column-major ones to place `to` of row-major ones. */
function transpose(out: Uint8Array, to: number, columns: Uint8Array, from: number): void {
  for (let c = 0; c < 3; c++) {
    const source = from * bytesPerImage + c * area;
    const target = to * bytesPerImage + c * area;
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) out[target + y * side + x] = columns[source + x * side + y]!;
    }
  }
}
