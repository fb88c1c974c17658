/**
 * Makes image sets, in shared memory where there is any, and new sets from some images of another. Reads no images, and
 * needs nothing of Node.
 */

import { dataError } from '../core/errors.ts';
import type { AnyImageSet, EncodedImages, EncodedSet, ImageSet, ImageSetShape } from './dataset.ts';

/** A page that is not cross-origin isolated has none to share, nor anybody to share it with. */
const Memory: new (bytes: number) => ArrayBufferLike = globalThis.SharedArrayBuffer ?? ArrayBuffer;

/** Bytes of one image, C·H·W. */
export function imageBytes(set: Pick<ImageSetShape, 'channels' | 'height' | 'width'>): number {
  return set.channels * set.height * set.width;
}

/** Where image `index` of the set lies in `pixels`, in images. */
export function rowOf(set: ImageSet, index: number): number {
  return set.rows === undefined ? index : set.rows[index]!;
}

/** The C·H·W bytes of image `index`; a view. */
export function imagePixels(set: ImageSet, index: number): Uint8Array {
  const size = imageBytes(set);
  const at = rowOf(set, index) * size;
  return set.pixels.subarray(at, at + size);
}

/**
 * A set of `shape.count` black images with label 0, to be filled in; `name` is the data set's, for the error.
 *
 * Throws a data error when the memory cannot be had.
 */
export function allocateImageSet(name: string, shape: ImageSetShape): ImageSet {
  const sizeBytes = shape.count * imageBytes(shape);
  try {
    return {
      ...shape,
      pixels: new Uint8Array(new Memory(sizeBytes)),
      labels: new Uint16Array(new Memory(2 * shape.count)),
    };
  } catch (cause) {
    const size = `${shape.channels}×${shape.height}×${shape.width}`;
    throw dataError(
      {
        path: name,
        rule: 'the images must fit in memory',
        got: `${shape.count} images of ${size}, ${Math.ceil(sizeBytes / 2 ** 20)} MiB`,
        hint: 'use fewer or smaller images, or "igc data pack", whose files are mapped',
      },
      cause,
    );
  }
}

/** A new set of the images `indices` of `set`, in that order. Pixels in memory are copied, those in files are not. */
export function selectImages<Set extends AnyImageSet>(
  name: string,
  set: Set,
  indices: Uint32Array,
): Set {
  const count = indices.length;
  const labels = new Uint16Array(new Memory(2 * count));
  for (const [i, index] of indices.entries()) labels[i] = set.labels[index]!;
  const { encoded, mapped } = set as Partial<EncodedSet & ImageSet>;
  if (encoded) return { ...set, count, labels, encoded: selectEncoded(encoded, indices) };
  const pixelSet = set as ImageSet;
  if (mapped) {
    const rows = new Uint32Array(new Memory(4 * count));
    for (const [i, index] of indices.entries()) rows[i] = rowOf(pixelSet, index);
    return { ...set, count, labels, rows };
  }
  const { channels, height, width, maxValue } = set;
  const { pixels } = allocateImageSet(name, { channels, height, width, maxValue, count });
  const size = imageBytes(set);
  for (const [i, index] of indices.entries()) pixels.set(imagePixels(pixelSet, index), i * size);
  return { ...set, count, labels, pixels };
}

function selectEncoded(encoded: EncodedImages, indices: Uint32Array): EncodedImages {
  if (encoded.kind === 'files') {
    return { ...encoded, files: Array.from(indices, (i) => encoded.files[i]!) };
  }
  const starts = Float64Array.from(indices, (i) => encoded.starts[i]!);
  return { ...encoded, starts, sizes: Uint32Array.from(indices, (i) => encoded.sizes[i]!) };
}
