/** How ImageNet's crops and colours are drawn, as plain data, and what of it cannot be. Nothing of Node. */
import type { ColorSpec } from './color.ts';

/** How crops are drawn. */
export interface ResizedCropSpec {
  /** The image is first resized so that its shorter side has so many pixels, */
  readonly shortSide: number;
  /** then by a scale s ~ U(minScale, maxScale), */
  readonly minScale: number;
  readonly maxScale: number;
  /** and in form by r ~ U(1 − aspect, 1 + aspect): widths by 2s / (1 + r), heights by r times that. */
  readonly aspect: number;
}

/** The first wrong value of a spec: its name, the rule and what it is. */
export function findWrongValue(
  crop: ResizedCropSpec | null,
  color: ColorSpec | null,
): readonly [path: string, rule: string, got: number] | undefined {
  const range = (path: string, value: number, least: number, most: number) =>
    value >= least && value <= most
      ? []
      : [[path, `must be a number from ${least} to ${most}`, value] as const];
  const { shortSide = 1, minScale = 1, maxScale = 1, aspect = 0 } = crop ?? {};
  const { hue = 0, saturation = 0, lightness = 0 } = color ?? {};
  return [
    ...range('resizedCrop.shortSide', shortSide, 1, 65_535),
    ...range('resizedCrop.maxScale', maxScale, 1e-3, 1e3),
    ...range('resizedCrop.minScale', minScale, 1e-3, maxScale),
    ...range('resizedCrop.aspect', aspect, 0, 0.99),
    ...range('color.hue', hue, 0, 180),
    ...range('color.saturation', saturation, 0, 255),
    ...range('color.lightness', lightness, 0, 255),
  ][0];
}
