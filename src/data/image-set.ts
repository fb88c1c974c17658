/**
 * Makes image sets in shared memory, and new sets from some images of another. Reads no files.
 */

import { dataError } from '../core/errors.ts';
import type { ImageSet } from './dataset.ts';

/** What an image set is before its pixels are known. */
export type ImageSetShape = Pick<ImageSet, 'channels' | 'height' | 'width' | 'count' | 'maxValue'>;

/** Bytes of one image, C·H·W. */
export function imageBytes(set: Pick<ImageSet, 'channels' | 'height' | 'width'>): number {
  return set.channels * set.height * set.width;
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
      pixels: new Uint8Array(new SharedArrayBuffer(sizeBytes)),
      labels: new Uint16Array(new SharedArrayBuffer(2 * shape.count)),
    };
  } catch (cause) {
    const size = `${shape.channels}×${shape.height}×${shape.width}`;
    throw dataError(
      {
        path: name,
        rule: 'the images must fit in memory',
        got: `${shape.count} images of ${size}, ${Math.ceil(sizeBytes / 2 ** 20)} MiB`,
        hint: 'use fewer or smaller images',
      },
      cause,
    );
  }
}

/** A new set of the images `indices` of `set`, in that order. */
export function selectImages(name: string, set: ImageSet, indices: Uint32Array): ImageSet {
  const { channels, height, width, maxValue } = set;
  const count = indices.length;
  const selected = allocateImageSet(name, { channels, height, width, maxValue, count });
  const size = imageBytes(set);
  for (const [i, index] of indices.entries()) {
    selected.pixels.set(set.pixels.subarray(index * size, (index + 1) * size), i * size);
    selected.labels[i] = set.labels[index]!;
  }
  return selected;
}
