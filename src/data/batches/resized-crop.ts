/**
 * ImageNet's augmentation of one decoded image: a crop at a random scale and form, mirrored and with shifted colours.
 * Chosen first, as plain data; applying is pure. Letters: H height and W width of the crop.
 * @source the authors' train_imagenet.py, MXNet's default augmenter (image_aug_default.cc)
 */

import { loadAddon } from '../../core/addon.ts';
import type { RandomStream } from '../../core/random.ts';
import type { ChannelStatistics } from '../dataset.ts';
import { cropShare } from '../images/encoded-images.ts';
import { coverSampling, resample, type Sampling } from '../images/resize.ts';
import type { RgbImage } from '../images/rgb-image.ts';
import { type ColorShift, type ColorSpec, chooseColor, shiftColors } from './color.ts';
import type { ResizedCropSpec } from './crop-spec.ts';

/** One draw. */
export interface ResizedCrop extends Sampling {
  readonly flip: boolean;
  /** Null leaves the colours as they are. */
  readonly color: ColorShift | null;
}

/** What is drawn; without `crop` the centre is taken, as in evaluation. */
export interface CropChoice {
  readonly crop: ResizedCropSpec | null;
  readonly mirror: boolean;
  readonly color: ColorSpec | null;
}

/**
 * Draws a crop of H×W target pixels from an image: with f = shortSide / min(width, height), a pixel of the target is
 * 1 / (f·2s/(1+r)) pixels of the image wide and 1 / (f·r·2s/(1+r)) high, and the rectangle lies anywhere in it.
 *
 * Differs: MXNet draws the stretched image on a white canvas of s·W×s·H and crops that, and fails for one smaller than
 * the crop; here the crop lies in the stretched image, and is made as small as it.
 */
export function chooseResizedCrop(
  { crop, mirror, color }: CropChoice,
  image: Pick<RgbImage, 'width' | 'height'>,
  target: { readonly height: number; readonly width: number },
  random: RandomStream,
): ResizedCrop {
  const sampling = crop
    ? drawSampling(crop, image, target, random)
    : coverSampling(image, target, cropShare);
  const flip = random.bits() < 2 ** 31 && mirror;
  return { ...sampling, flip, color: color && chooseColor(color, random) };
}

function drawSampling(
  { shortSide, minScale, maxScale, aspect }: ResizedCropSpec,
  image: Pick<RgbImage, 'width' | 'height'>,
  target: { readonly height: number; readonly width: number },
  random: RandomStream,
): Sampling {
  const scale = minScale + random.uniform() * (maxScale - minScale);
  const form = 1 - aspect + random.uniform() * 2 * aspect;
  const horizontal = ((2 * scale) / (1 + form)) * (shortSide / Math.min(image.width, image.height));
  const stepX = Math.min(image.width / target.width, 1 / horizontal);
  const stepY = Math.min(image.height / target.height, 1 / (form * horizontal));
  const left = random.uniform() * (image.width - stepX * target.width);
  const top = random.uniform() * (image.height - stepY * target.height);
  return { left, top, stepX, stepY };
}

/** Where an image is written, and how it is normalised. */
export interface CropOutput {
  readonly out: Float32Array;
  readonly at: number;
  readonly height: number;
  readonly width: number;
  readonly statistics: ChannelStatistics;
}

/** Writes the crop as 3×H×W normalised values to out[at …): (v/255 − mean) / std. */
export type CropWriter = (to: CropOutput, image: RgbImage, crop: ResizedCrop) => void;

interface CropAddon {
  applyCrop(pixels: Uint8Array, numbers: Float64Array, out: Float32Array): void;
}

/**
 * The addon's crop where it is loaded, else `applyResizedCrop`, which is the definition. They differ by rounding in
 * float32; hue jumps there, so that a pixel that is nearly grey, or red between its ends, may get another one.
 */
export function cropWriter(): CropWriter {
  const loaded = loadAddon<CropAddon>();
  if ('reason' in loaded) return applyResizedCrop;
  const numbers = new Float64Array(20);
  return ({ out, at, height, width, statistics }, image, crop) => {
    const { hue = 0, saturation = 0, lightness = 0 } = crop.color ?? {};
    const { scale, shift } = normalisation(statistics);
    const { left, top, stepX, stepY } = crop;
    numbers.set([image.width, image.height, left, top, stepX, stepY]);
    numbers.set([Number(crop.flip), Number(crop.color !== null)], 6);
    numbers.set([hue / 30, saturation / 255, lightness / 255], 8);
    numbers.set(scale, 11);
    numbers.set(shift, 14);
    numbers.set([at, height, width], 17);
    loaded.addon.applyCrop(image.pixels, numbers, out);
  };
}

/** out = scale·v − shift for bytes v. */
function normalisation({ mean, std }: ChannelStatistics) {
  const scale = std.map((deviation) => 1 / (255 * (deviation > 0 ? deviation : 1)));
  return { scale, shift: mean.map((average, c) => average * 255 * scale[c]!) };
}

/** The crop in TypeScript. */
export function applyResizedCrop(
  { out, at, height, width, statistics }: CropOutput,
  image: RgbImage,
  crop: ResizedCrop,
): void {
  const area = height * width;
  const { scale, shift } = normalisation(statistics);
  const [redScale, greenScale, blueScale] = [scale[0]!, scale[1]!, scale[2]!];
  const [redShift, greenShift, blueShift] = [shift[0]!, shift[1]!, shift[2]!];
  const step = crop.flip ? -1 : 1;
  resample(image, crop, { height, width }, (y, row) => {
    if (crop.color !== null) shiftColors(row, crop.color);
    let to = at + y * width + (crop.flip ? width - 1 : 0);
    for (let x = 0; x < row.length; x += 3, to += step) {
      out[to] = row[x]! * redScale - redShift;
      out[to + area] = row[x + 1]! * greenScale - greenShift;
      out[to + 2 * area] = row[x + 2]! * blueScale - blueShift;
    }
  });
}
