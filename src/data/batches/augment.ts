/**
 * Normalisation and augmentation of one image of pixels. What is random is chosen first, as plain data; applying it
 * is pure. Letters: C channels, H height, W width; P padding.
 * @source the authors' CIFAR recipe: pad 4, random 32×32 crop, random mirror (their fusenet README).
 * Differs: they pad with the rounded mean colour, which is almost 0 after normalisation; here it is 0.
 */

import type { RandomStream } from '../../core/random.ts';
import type { ChannelStatistics, ImageSet } from '../dataset.ts';
import type { ColorSpec } from './color.ts';
import type { ResizedCropSpec } from './crop-spec.ts';

/** Which augmentations are drawn; what is left out is off. */
export interface AugmentSpec {
  /** P: pad each side by P pixels, then crop back to H×W at a random place; 0 for none. */
  readonly pad: number;
  /** Mirror left to right with probability 1/2. */
  readonly mirror: boolean;
  /** Side in pixels of a square that is blanked at a random place; 0 for none. */
  readonly cutout?: number | undefined;
  /** α of mixup: two images are blended by λ ~ Beta(α, α); 0 for none. */
  readonly mixup?: number | undefined;
  /** α of cutmix: a rectangle of area 1 − λ, λ ~ Beta(α, α), comes from another image; 0 for none. */
  readonly cutmix?: number | undefined;
  /** Of images that are decoded when needed: crop at a random scale and form. */
  readonly resizedCrop?: ResizedCropSpec | null | undefined;
  /** Of images that are decoded when needed: shift the colours. */
  readonly color?: ColorSpec | null | undefined;
}

/** One draw: out[y][x] = in[y + dy][x + dx], mirrored afterwards when `flip`. dx and dy are −P…P. */
export interface Augmentation {
  readonly dx: number;
  readonly dy: number;
  readonly flip: boolean;
}

/** Normalisation alone. */
export const noAugmentation: Augmentation = { dx: 0, dy: 0, flip: false };

/** Draws an augmentation; whether mirroring is wanted does not change the shift that is drawn. */
export function chooseAugmentation(spec: AugmentSpec, random: RandomStream): Augmentation {
  const dy = random.integer(2 * spec.pad + 1) - spec.pad;
  const dx = random.integer(2 * spec.pad + 1) - spec.pad;
  const flip = random.bits() < 2 ** 31 && spec.mirror;
  return { dx, dy, flip };
}

/**
 * The normalised value of every byte in every channel: table[c·256 + v] = (v / maxValue − mean_c) / std_c.
 * A constant channel (std 0) is only centred.
 */
export function normalisationTable(maxValue: number, statistics: ChannelStatistics): Float32Array {
  const { mean, std } = statistics;
  const table = new Float32Array(mean.length * 256);
  for (let c = 0; c < mean.length; c++) {
    const scale = std[c]! > 0 ? std[c]! : 1;
    for (let v = 0; v < 256; v++) table[c * 256 + v] = (v / maxValue - mean[c]!) / scale;
  }
  return table;
}

/**
 * Writes image `row` of the pixels of `set`, augmented and normalised by `table`, to out[at … at + C·H·W). Padding is 0 after
 * normalisation, that is, of the mean colour.
 */
export function applyAugmentation(
  out: Float32Array,
  at: number,
  set: ImageSet,
  row: number,
  table: Float32Array,
  { dx, dy, flip }: Augmentation,
): void {
  const { channels, height, width, pixels } = set;
  // Columns of the crop that lie in the image: [left, right).
  const left = Math.min(width, Math.max(0, -dx));
  const right = Math.max(left, Math.min(width, width - dx));
  let from = row * channels * height * width;
  for (let c = 0; c < channels; c++, from += height * width) {
    const base = c * 256;
    for (let y = 0; y < height; y++, at += width) {
      const sourceY = y + dy;
      if (sourceY < 0 || sourceY >= height) {
        out.fill(0, at, at + width);
        continue;
      }
      const start = from + sourceY * width + dx;
      if (flip) {
        const last = at + width - 1;
        for (let x = 0; x < left; x++) out[last - x] = 0;
        for (let x = left; x < right; x++) out[last - x] = table[base + pixels[start + x]!]!;
        for (let x = right; x < width; x++) out[last - x] = 0;
      } else {
        for (let x = 0; x < left; x++) out[at + x] = 0;
        for (let x = left; x < right; x++) out[at + x] = table[base + pixels[start + x]!]!;
        for (let x = right; x < width; x++) out[at + x] = 0;
      }
    }
  }
}
