/**
 * Progressive resizing: in the early epochs of a run its finished training images are made smaller, so that they cost less.
 * @source Howard, "Training Imagenet in 3 hours for $25" (fast.ai, 2018)
 */
import type { ImageSetShape } from '../dataset.ts';
import { makeTaps, type Taps } from '../images/resize.ts';

/** Until which epoch images have which side in pixels. */
export interface ImageSize {
  /** The first epoch that is not meant, from 0. */
  readonly untilEpoch: number;
  readonly side: number;
}

/** The size that an epoch's images have; undefined for their own. */
export function sizeAt<T extends ImageSize>(sizes: readonly T[], epoch: number): T | undefined {
  return sizes.find(({ untilEpoch }) => epoch < untilEpoch);
}

/**
 * Makes `count` square images C×H×H, one behind the other, C×S×S in place, S = `side` ≤ H, with the triangle filter of
 * resize.ts: each output is the weighted mean of the values around it.
 */
export function shrinkImages(
  images: Float32Array,
  count: number,
  { channels, height, width }: ImageSetShape,
  side: number,
): void {
  const taps = makeTaps(height, side, 0, height / side);
  const rows = new Float32Array(side * width);
  const small = new Float32Array(side * side);
  // A small plane never reaches beyond the large ones that are used up.
  for (let plane = 0; plane < count * channels; plane++) {
    const at = plane * height * width;
    shrinkRows(rows, images, at, width, taps);
    shrinkColumns(small, rows, width, taps);
    images.set(small, plane * side * side);
  }
}

function shrinkRows(
  out: Float32Array,
  images: Float32Array,
  at: number,
  width: number,
  { first, length, offset, weights }: Taps,
): void {
  out.fill(0);
  for (let y = 0; y < first.length; y++) {
    for (let k = 0; k < length[y]!; k++) {
      const weight = weights[offset[y]! + k]!;
      const from = at + (first[y]! + k) * width;
      for (let x = 0; x < width; x++) out[y * width + x]! += weight * images[from + x]!;
    }
  }
}

function shrinkColumns(
  out: Float32Array,
  rows: Float32Array,
  width: number,
  { first, length, offset, weights }: Taps,
): void {
  const side = first.length;
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      let sum = 0;
      const from = y * width + first[x]!;
      for (let k = 0; k < length[x]!; k++) sum += weights[offset[x]! + k]! * rows[from + k]!;
      out[y * side + x] = sum;
    }
  }
}
