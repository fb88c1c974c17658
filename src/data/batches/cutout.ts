/**
 * Cutout: a square of an augmented, normalised image becomes 0, the mean colour.
 * @source DeVries and Taylor, "Improved regularization of convolutional neural networks with cutout", 2017
 */

import type { RandomStream } from '../../core/random.ts';
import type { ImageSetShape } from '../dataset.ts';

/** Rows [top, bottom) and columns [left, right), within the image. */
export interface Patch {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** A square of `side` pixels around a pixel drawn from all of the image, cut at its borders. */
export function chooseCutout(
  side: number,
  { height, width }: Pick<ImageSetShape, 'height' | 'width'>,
  random: RandomStream,
): Patch {
  return patchAround(random.integer(height), random.integer(width), side, side, { height, width });
}

/** The rectangle of `patchHeight`×`patchWidth` pixels around pixel (y, x), cut at the image's borders. */
export function patchAround(
  y: number,
  x: number,
  patchHeight: number,
  patchWidth: number,
  { height, width }: Pick<ImageSetShape, 'height' | 'width'>,
): Patch {
  const [top, left] = [y - Math.floor(patchHeight / 2), x - Math.floor(patchWidth / 2)];
  return {
    top: Math.max(0, top),
    bottom: Math.min(height, top + patchHeight),
    left: Math.max(0, left),
    right: Math.min(width, left + patchWidth),
  };
}

/** Blanks the patch of the image of C×H×W values at out[at …). */
export function applyCutout(
  out: Float32Array,
  at: number,
  { channels, height, width }: Pick<ImageSetShape, 'channels' | 'height' | 'width'>,
  { top, bottom, left, right }: Patch,
): void {
  for (let c = 0; c < channels; c++) {
    for (let y = top; y < bottom; y++) {
      const row = at + (c * height + y) * width;
      out.fill(0, row + left, row + right);
    }
  }
}
