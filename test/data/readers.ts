/**
 * For tests of readers: what a source gives, as a hash; the same from an independent reader in Python; and files
 * of the formats, made here.
 */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import { imageBytes } from '../../src/data/image-set.ts';
import type { SplitSource } from '../../src/data/source.ts';

/** Chunks may take so many bytes and one image more. */
export const largestChunk = 2 ** 22;

/** SHA-256 of all pixels and then all labels (a byte each), once a split's promises are checked. */
export async function hashSplit(split: SplitSource, classes: number): Promise<string> {
  const hash = createHash('sha256');
  const labels: number[] = [];
  for await (const chunk of split.chunks()) {
    const n = chunk.labels.length;
    if (chunk.pixels.length !== n * imageBytes(split)) throw new Error('another number of pixels');
    if (chunk.pixels.length > largestChunk + imageBytes(split)) throw new Error('a large chunk');
    hash.update(chunk.pixels);
    for (let i = 0; i < n; i++) labels.push(chunk.labels[i]!);
  }
  if (labels.length !== split.count) throw new Error(`${labels.length} images of ${split.count}`);
  if (labels.some((label) => !(label >= 0 && label < classes))) throw new Error('a wrong label');
  return hash.update(Uint8Array.from(labels)).digest('hex');
}

/** Lines that a Python program prints, or undefined where Python or one of its modules is absent. */
export function python(program: string, ...args: string[]): readonly string[] | undefined {
  try {
    return execFileSync('python3', ['-c', program, ...args], { encoding: 'utf8', stdio: 'pipe' })
      .trim()
      .split('\n');
  } catch (error) {
    const { code, stderr = '' } = error as { code?: string; stderr?: string };
    if (code === 'ENOENT' || stderr.includes('ModuleNotFoundError')) return undefined;
    throw error;
  }
}

/** An IDX file. */
export function idx(magic: number, dimensions: readonly number[], body: Uint8Array): Buffer {
  const header = Buffer.alloc(4 + 4 * dimensions.length);
  header.writeUInt32BE(magic);
  for (const [i, n] of dimensions.entries()) header.writeUInt32BE(n, 4 + 4 * i);
  return Buffer.concat([header, body]);
}

export interface MatArray {
  readonly name: string;
  readonly dimensions: readonly number[];
  /** miUINT8 2, miDOUBLE 9, … and the class mxUINT8 9, mxDOUBLE 6. */
  readonly type: number;
  readonly class: number;
  readonly body: Uint8Array;
}

/** A MATLAB v5 file; `compress` as MATLAB does, `big` for big-endian numbers. */
export function mat5(
  arrays: readonly MatArray[],
  { compress = true, big = false }: { compress?: boolean; big?: boolean } = {},
): Buffer {
  const word = (...values: number[]) => {
    const bytes = Buffer.alloc(4 * values.length);
    for (const [i, value] of values.entries()) {
      if (big) bytes.writeUInt32BE(value, 4 * i);
      else bytes.writeUInt32LE(value, 4 * i);
    }
    return bytes;
  };
  const element = (type: number, body: Uint8Array) => {
    const padding = Buffer.alloc((8 - (body.length % 8)) % 8);
    return Buffer.concat([word(type, body.length), body, padding]);
  };
  const header = Buffer.alloc(128, ' ');
  if (big) header.writeUInt16BE(0x0100, 124);
  else header.writeUInt16LE(0x0100, 124);
  header.write(big ? 'MI' : 'IM', 126, 'latin1');
  const matrices = arrays.map((array) => {
    // A name of one to four letters is a small element: its tag and bytes in one word each.
    const name = Buffer.alloc(4);
    name.write(array.name, 'latin1');
    const parts = [
      element(6, word(array.class, 0)),
      element(5, word(...array.dimensions)),
      Buffer.concat([word((array.name.length << 16) | 1), name]),
      element(array.type, array.body),
    ];
    const matrix = element(14, Buffer.concat(parts));
    if (!compress) return matrix;
    const packed = deflateSync(matrix);
    return Buffer.concat([word(15, packed.length), packed]);
  });
  return Buffer.concat([header, ...matrices]);
}

/** An SVHN file of N images with the given labels (10 for the digit 0); images may be made cheaply. */
export function svhnMat(
  labels: Uint8Array,
  pixels: Uint8Array,
  options: { compress?: boolean; big?: boolean; labelsAs?: 'uint8' | 'double' } = {},
): Buffer {
  const n = labels.length;
  const doubles = new Float64Array(labels);
  const bytes = Buffer.from(doubles.buffer);
  if (options.big) bytes.swap64();
  const y =
    options.labelsAs === 'double'
      ? { type: 9, class: 6, body: bytes }
      : { type: 2, class: 9, body: labels };
  return mat5(
    [
      { name: 'X', dimensions: [32, 32, 3, n], type: 2, class: 9, body: pixels },
      { name: 'y', dimensions: [n, 1], ...y },
    ],
    options,
  );
}
