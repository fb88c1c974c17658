/**
 * Brings a decoded image to a network's size: aspect-preserving resize that covers the target, centre crop,
 * planar bytes. Pure arithmetic and the only resize there is, so that every decoder and platform
 * feeds a network the same pixels. Letters: C channels, H height, W width.
 */

import type { RgbImage } from './rgb-image.ts';

/** The shape that a network expects; `channels` is 1 (grey) or 3 (RGB). */
export interface ImageShape {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** For one axis: output i = Σ_k weight[k] · input[first[i] + k], k < length. */
interface Taps {
  readonly first: Int32Array;
  readonly weights: readonly Float32Array[];
}

/**
 * The image as C×H×W bytes. A triangle filter as wide as the reduction (Pillow's and torchvision's antialiased
 * "bilinear"), in the stored gamma; grey = 0.299 R + 0.587 G + 0.114 B (BT.601). With a `share` below 1 the image is
 * made larger than the target by 1 / share and the centre kept: 224 / 256 resizes to 256 and crops 224.
 *
 * Differs: torchvision rounds the resized size to whole pixels before it crops; here the crop is exact.
 */
export function resizeToCover(image: RgbImage, shape: ImageShape, share = 1): Uint8Array {
  const scale = share * Math.min(image.width / shape.width, image.height / shape.height);
  const columns = makeTaps(image.width, shape.width, scale);
  const rows = makeTaps(image.height, shape.height, scale);
  const out = new Uint8Array(shape.channels * shape.height * shape.width);
  const row = new Float32Array(image.width * 3);
  const rgb = new Float32Array(3);
  for (let y = 0; y < shape.height; y++) {
    blendRows(row, image, rows.first[y]!, rows.weights[y]!);
    for (let x = 0; x < shape.width; x++) {
      blendColumns(rgb, row, columns.first[x]!, columns.weights[x]!);
      writePixel(out, shape, y * shape.width + x, rgb);
    }
  }
  return out;
}

/** Taps of `target` outputs, `scale` inputs apart, centred on an axis of `source` inputs. */
function makeTaps(source: number, target: number, scale: number): Taps {
  const start = (source - target * scale) / 2;
  const support = Math.max(1, scale);
  const first = new Int32Array(target);
  const weights: Float32Array[] = [];
  for (let i = 0; i < target; i++) {
    const centre = start + (i + 0.5) * scale;
    const from = Math.max(0, Math.floor(centre - support + 0.5));
    const to = Math.min(source, Math.max(from + 1, Math.floor(centre + support + 0.5)));
    const raw = Array.from({ length: to - from }, (_, k) =>
      Math.max(0, 1 - Math.abs(from + k + 0.5 - centre) / support),
    );
    const sum = raw.reduce((total, weight) => total + weight, 0);
    first[i] = from;
    weights.push(Float32Array.from(raw, (weight) => weight / sum));
  }
  return { first, weights };
}

function blendRows(row: Float32Array, image: RgbImage, first: number, weights: Float32Array): void {
  const { pixels } = image;
  const length = row.length;
  row.fill(0);
  for (let k = 0; k < weights.length; k++) {
    const weight = weights[k]!;
    const at = (first + k) * length;
    for (let i = 0; i < length; i++) row[i]! += weight * pixels[at + i]!;
  }
}

function blendColumns(
  rgb: Float32Array,
  row: Float32Array,
  first: number,
  weights: Float32Array,
): void {
  let red = 0;
  let green = 0;
  let blue = 0;
  for (let k = 0; k < weights.length; k++) {
    const weight = weights[k]!;
    const at = (first + k) * 3;
    red += weight * row[at]!;
    green += weight * row[at + 1]!;
    blue += weight * row[at + 2]!;
  }
  rgb[0] = red;
  rgb[1] = green;
  rgb[2] = blue;
}

function writePixel(out: Uint8Array, shape: ImageShape, at: number, rgb: Float32Array): void {
  const area = shape.height * shape.width;
  if (shape.channels === 1) {
    out[at] = Math.round(0.299 * rgb[0]! + 0.587 * rgb[1]! + 0.114 * rgb[2]!); // BT.601
    return;
  }
  for (let c = 0; c < 3; c++) out[c * area + at] = Math.round(rgb[c]!);
}
