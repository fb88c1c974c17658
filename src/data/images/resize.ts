/**
 * Brings a decoded image to a network's size: any rectangle of it is resampled to the target. Pure arithmetic and
 * the only resize there is, so that every decoder and platform feeds a network the same pixels.
 * Letters: C channels, H height, W width.
 */

import type { RgbImage } from './rgb-image.ts';

/** The shape that a network expects; `channels` is 1 (grey) or 3 (RGB). */
export interface ImageShape {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** Which rectangle of an image becomes the target, in its pixels: target pixel (x, y) begins at left + x·stepX, top + y·stepY. */
export interface Sampling {
  readonly left: number;
  readonly top: number;
  readonly stepX: number;
  readonly stepY: number;
}

/** For one axis: output i = Σ_k weights[offset[i] + k] · input[first[i] + k], k < length[i]. */
export interface Taps {
  readonly first: Int32Array;
  readonly length: Int32Array;
  readonly offset: Int32Array;
  readonly weights: Float32Array;
}

/**
 * The image as C×H×W bytes: the largest centred rectangle of the target's form. A triangle filter as wide as the
 * reduction (Pillow's and torchvision's antialiased "bilinear"), in the stored gamma;
 * grey = 0.299 R + 0.587 G + 0.114 B (BT.601). With a `share` below 1, that share of the rectangle's sides:
 * 224 / 256 is a resize to 256 and a crop of 224.
 *
 * Differs: torchvision rounds the resized size to whole pixels before it crops; here the crop is exact.
 */
export function resizeToCover(image: RgbImage, shape: ImageShape, share = 1): Uint8Array {
  const out = new Uint8Array(shape.channels * shape.height * shape.width);
  if (share === 1 && image.width === shape.width && image.height === shape.height) {
    const rowLength = 3 * image.width; // as it is: each pixel's one tap weighs 1
    for (let y = 0; y < image.height; y++) {
      writeRow(out, shape, y, image.pixels.subarray(y * rowLength, (y + 1) * rowLength));
    }
    return out;
  }
  resample(image, coverSampling(image, shape, share), shape, (y, row) => {
    writeRow(out, shape, y, row);
  });
  return out;
}

/** The centred rectangle of `resizeToCover`. */
export function coverSampling(
  image: Pick<RgbImage, 'width' | 'height'>,
  { height, width }: Pick<ImageShape, 'width' | 'height'>,
  share = 1,
): Sampling {
  const step = share * Math.min(image.width / width, image.height / height);
  const left = (image.width - width * step) / 2;
  return { left, top: (image.height - height * step) / 2, stepX: step, stepY: step };
}

/**
 * Resamples a rectangle row by row: `useRow(y, row)` gets the W·3 values (0…255) of target row y, which are valid until
 * it returns. Beyond the image's border its outermost pixels weigh more.
 */
export function resample(
  image: RgbImage,
  { left, top, stepX, stepY }: Sampling,
  { height, width }: Pick<ImageShape, 'width' | 'height'>,
  useRow: (y: number, row: Float32Array) => void,
): void {
  const columns = makeTaps(image.width, width, left, stepX);
  const rows = makeTaps(image.height, height, top, stepY);
  const from = 3 * columns.first[0]!;
  const to = 3 * (columns.first[width - 1]! + columns.length[width - 1]!);
  const blended = new Float32Array(image.width * 3);
  const row = new Float32Array(width * 3);
  for (let y = 0; y < height; y++) {
    blendRows(blended, image, rows, y, from, to);
    blendColumns(row, blended, columns);
    useRow(y, row);
  }
}

/** Taps of `target` outputs, `step` inputs apart from `start` on, on an axis of `source` inputs. */
export function makeTaps(source: number, target: number, start: number, step: number): Taps {
  const support = Math.max(1, step);
  const first = new Int32Array(target);
  const length = new Int32Array(target);
  const offset = new Int32Array(target);
  const weights = new Float32Array(target * (Math.ceil(2 * support) + 2));
  const raw = new Float64Array(Math.ceil(2 * support) + 2);
  for (let i = 0, at = 0; i < target; i++) {
    const centre = start + (i + 0.5) * step;
    const from = Math.min(source - 1, Math.max(0, Math.floor(centre - support + 0.5)));
    const to = Math.min(source, Math.max(from + 1, Math.floor(centre + support + 0.5)));
    let sum = 0;
    for (let k = 0; k < to - from; k++) {
      raw[k] = Math.max(0, 1 - Math.abs(from + k + 0.5 - centre) / support);
      sum += raw[k]!;
    }
    first[i] = from;
    length[i] = to - from;
    offset[i] = at;
    for (let k = 0; k < to - from; k++) weights[at++] = raw[k]! / sum;
  }
  return { first, length, offset, weights };
}

/** blended[from … to) ← Σ_k weight_k · row first + k of the image. */
function blendRows(
  blended: Float32Array,
  { pixels, width }: RgbImage,
  { first, length, offset, weights }: Taps,
  y: number,
  from: number,
  to: number,
): void {
  const stride = width * 3;
  const taps = length[y]!;
  let at = first[y]! * stride;
  const weight = weights[offset[y]!]!;
  for (let i = from; i < to; i++) blended[i] = weight * pixels[at + i]!;
  for (let k = 1; k < taps; k++) {
    at += stride;
    const more = weights[offset[y]! + k]!;
    if (more !== 0) for (let i = from; i < to; i++) blended[i]! += more * pixels[at + i]!;
  }
}

function blendColumns(
  row: Float32Array,
  blended: Float32Array,
  { first, length, offset, weights }: Taps,
): void {
  for (let x = 0; x < first.length; x++) {
    let red = 0;
    let green = 0;
    let blue = 0;
    let at = first[x]! * 3;
    const begin = offset[x]!;
    const end = begin + length[x]!;
    for (let k = begin; k < end; k++, at += 3) {
      const weight = weights[k]!;
      red += weight * blended[at]!;
      green += weight * blended[at + 1]!;
      blue += weight * blended[at + 2]!;
    }
    row[3 * x] = red;
    row[3 * x + 1] = green;
    row[3 * x + 2] = blue;
  }
}

/** Rounds a row of target pixels into the planar bytes. */
function writeRow(
  out: Uint8Array,
  shape: ImageShape,
  y: number,
  row: Float32Array | Uint8Array,
): void {
  const { channels, height, width } = shape;
  const area = height * width;
  for (let x = 0; x < width; x++) {
    const [red, green, blue] = [row[3 * x]!, row[3 * x + 1]!, row[3 * x + 2]!];
    const at = y * width + x;
    if (channels === 1) {
      out[at] = Math.round(0.299 * red + 0.587 * green + 0.114 * blue); // BT.601
      continue;
    }
    out[at] = Math.round(red);
    out[area + at] = Math.round(green);
    out[2 * area + at] = Math.round(blue);
  }
}
