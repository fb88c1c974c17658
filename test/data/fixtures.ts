/**
 * Small files and sets for the tests of src/data. Temporary folders are removed when their test file is done.
 */

import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { encode } from 'fast-png';
import { afterAll } from 'vitest';
import { stream } from '../../src/core/random.ts';
import type { Dataset, ImageSet } from '../../src/data/dataset.ts';
import { openSynthetic, type SyntheticOptions } from '../../src/data/readers/synthetic.ts';

const temporary: string[] = [];
afterAll(() =>
  Promise.all(temporary.map((folder) => rm(folder, { recursive: true, force: true }))),
);

/** A fresh temporary folder. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'igcnet-data-'));
  temporary.push(folder);
  return folder;
}

/** Where real data lies, or undefined; the reason to skip is in `missingReason`. */
export function realData(folder: string): string | undefined {
  return realDataPlaces(folder).find((place) => existsSync(place));
}

export function missingReason(folder: string): string {
  return `skipped: no ${realDataPlaces(folder).join(' and no ')}`;
}

function realDataPlaces(folder: string): readonly string[] {
  const roots = [process.env.IGCNET_DATA, path.join(homedir(), '.cache', 'igcnet-data')];
  return roots.filter((root) => root !== undefined).map((root) => path.join(root, folder));
}

/** Writes a file and the folders above it. */
export async function put(file: string, content: Uint8Array | string): Promise<string> {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, content);
  return file;
}

/** Writes a file of `size` zero bytes, and then some bytes at their places. */
export async function putZeros(file: string, size: number, bytes: Record<number, number> = {}) {
  await put(file, '');
  const handle = await open(file, 'r+');
  await handle.truncate(size);
  for (const [at, value] of Object.entries(bytes)) {
    await handle.write(Uint8Array.of(value), 0, 1, Number(at));
  }
  await handle.close();
}

/** A PNG of one colour. */
export function plainPng(colour: readonly number[], width = 8, height = 8): Uint8Array {
  const data = new Uint8Array(width * height * colour.length);
  for (let i = 0; i < data.length; i++) data[i] = colour[i % colour.length]!;
  return encode({ width, height, data, channels: colour.length });
}

/** An RGB image of smooth waves, from a seed. */
export function wavyPixels(width: number, height: number, name: string): Uint8Array {
  const random = stream(0, name);
  const phases = [random.uniform(), random.uniform(), random.uniform()];
  return Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const x = Math.floor(i / 3) % width;
    const y = Math.floor(i / 3 / width);
    return 128 + 100 * Math.sin(9 * (x / width + phases[i % 3]! * (1 + y / height)));
  });
}

/** The training split of a synthetic set. */
export function smallSet(options: SyntheticOptions = {}) {
  const defaults = { count: 40, testCount: 1, channels: 2, height: 5, width: 7 };
  return openSynthetic({ ...defaults, ...options }).train;
}

/** A data set whose images are pixels, as all of the small formats' are. */
export function inMemory(dataset: Dataset): Dataset<ImageSet> {
  for (const set of [dataset.train, dataset.validation, dataset.test]) {
    if (set && 'encoded' in set) throw new Error(`the images of ${dataset.name} stay encoded`);
  }
  return dataset as Dataset<ImageSet>;
}

/** The error that a call must end in. */
export async function errorOf(call: () => unknown): Promise<{ message: string; kind?: string }> {
  try {
    await call();
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
  throw new Error('the call was to fail, and did not');
}
