/**
 * Shifts of hue, lightness and saturation, in the units of OpenCV's 8-bit HLS: H 0…180, L and S 0…255, each clamped
 * at its ends (hue, too). Letters: H, L, S.
 * @source MXNet's default augmenter (image_aug_default.cc), random_h, random_l, random_s
 * Differs: in real numbers, where MXNet rounds to bytes before and after the shift.
 */

import type { RandomStream } from '../../core/random.ts';

/** The largest shifts, to both sides. */
export interface ColorSpec {
  readonly hue: number;
  readonly saturation: number;
  readonly lightness: number;
}

/** One draw, uniform in ±ColorSpec. */
export type ColorShift = ColorSpec;

/** Draws hue, saturation, lightness, in this order. */
export function chooseColor(spec: ColorSpec, random: RandomStream): ColorShift {
  const draw = (most: number) => (2 * random.uniform() - 1) * most;
  return {
    hue: draw(spec.hue),
    saturation: draw(spec.saturation),
    lightness: draw(spec.lightness),
  };
}

/** Shifts RGB triples of 0…255 in place. */
export function shiftColors(rgb: Float32Array, shift: ColorShift): void {
  const hueShift = shift.hue / 30; // in sixths of the circle
  const lightnessShift = shift.lightness / 255;
  const saturationShift = shift.saturation / 255;
  for (let i = 0; i < rgb.length; i += 3) {
    const red = rgb[i]! / 255;
    const green = rgb[i + 1]! / 255;
    const blue = rgb[i + 2]! / 255;
    const top = red > green ? Math.max(red, blue) : Math.max(green, blue);
    const bottom = red < green ? Math.min(red, blue) : Math.min(green, blue);
    const range = top - bottom;
    let hue = 0;
    let saturation = 0;
    let lightness = (top + bottom) / 2;
    if (range > 0) {
      saturation = range / (lightness < 0.5 ? top + bottom : 2 - top - bottom);
      if (top === red) hue = (green - blue) / range;
      else if (top === green) hue = 2 + (blue - red) / range;
      else hue = 4 + (red - green) / range;
      if (hue < 0) hue += 6;
    }
    hue = clamp(hue + hueShift, 6);
    saturation = clamp(saturation + saturationShift, 1);
    lightness = clamp(lightness + lightnessShift, 1);
    // f(n) = L − a·max(−1, min(k − 3, 9 − k, 1)), k = (n + 2H) mod 12, a = S·min(L, 1 − L), H in sixths
    const a = 255 * saturation * (lightness < 0.5 ? lightness : 1 - lightness);
    const middle = 255 * lightness;
    rgb[i] = middle - a * wave(2 * hue);
    rgb[i + 1] = middle - a * wave(2 * hue + 8);
    rgb[i + 2] = middle - a * wave(2 * hue + 4);
  }
}

function clamp(value: number, most: number): number {
  return value < 0 ? 0 : Math.min(value, most);
}

function wave(place: number): number {
  const k = place >= 12 ? place - 12 : place;
  const slope = Math.min(k - 3, 9 - k);
  return slope < -1 ? -1 : Math.min(slope, 1);
}
