import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stream } from '../../src/core/random.ts';
import { checkRecipe } from '../../src/data/batches/batch-content.ts';
import { chooseColor, shiftColors } from '../../src/data/batches/color.ts';
import {
  applyResizedCrop,
  chooseResizedCrop,
  cropWriter,
} from '../../src/data/batches/resized-crop.ts';
import { coverSampling, resizeToCover } from '../../src/data/images/resize.ts';
import { smallSet, wavyPixels } from './fixtures.ts';

const imagenet = { shortSide: 480, minScale: 0.533, maxScale: 1, aspect: 0.25 };
const choice = { crop: imagenet, mirror: true, color: null };
const target = { height: 224, width: 224 };
const statistics = { mean: [0.4, 0.5, 0.6], std: [0.2, 0.25, 0.5] };
const image = (width: number, height: number) => ({
  width,
  height,
  pixels: wavyPixels(width, height, `${width}×${height}`),
});

describe('a random crop', () => {
  it('lies in the image, whatever its size', () => {
    const side = fc.integer({ min: 1, max: 2000 });
    fc.assert(
      fc.property(side, side, fc.nat(), (width, height, seed) => {
        const crop = chooseResizedCrop(choice, { width, height }, target, stream(seed, 'crop'));
        expect(crop.left).toBeGreaterThanOrEqual(0);
        expect(crop.top).toBeGreaterThanOrEqual(0);
        expect(crop.left + crop.stepX * 224).toBeLessThanOrEqual(width * (1 + 1e-12));
        expect(crop.top + crop.stepY * 224).toBeLessThanOrEqual(height * (1 + 1e-12));
      }),
    );
  });

  it('has the scales and forms of the equation, drawn evenly', () => {
    const draws = Array.from({ length: 4000 }, (_, i) =>
      chooseResizedCrop(choice, { width: 960, height: 960 }, target, stream(i, 'forms')),
    );
    // f = 1/2: hs = 1 / (f·stepX), ws = 1 / (f·stepY), r = ws / hs, s = (ws + hs) / 2.
    const forms = draws.map(({ stepX, stepY }) => stepX / stepY);
    const scales = draws.map(({ stepX, stepY }) => 1 / stepX + 1 / stepY);
    const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
    for (const form of forms) expect(Math.abs(form - 1)).toBeLessThanOrEqual(0.25 + 1e-9);
    for (const scale of scales) {
      expect(scale).toBeGreaterThanOrEqual(0.533 - 1e-9);
      expect(scale).toBeLessThanOrEqual(1 + 1e-9);
    }
    expect(Math.abs(mean(forms) - 1)).toBeLessThan(0.01); // four standard errors
    expect(Math.abs(mean(scales) - 0.7665)).toBeLessThan(0.009);
  });

  it('without a spec is the centre that evaluation takes, normalised', () => {
    const source = image(300, 260);
    const none = { crop: null, mirror: false, color: null };
    const crop = chooseResizedCrop(none, source, target, stream(0, 'centre'));
    expect(crop).toMatchObject(coverSampling(source, target, 224 / 256));
    const out = new Float32Array(3 * 224 * 224);
    applyResizedCrop({ out, at: 0, ...target, statistics }, source, crop);
    const bytes = resizeToCover(source, { channels: 3, ...target }, 224 / 256);
    for (let i = 0; i < out.length; i += 97) {
      const c = Math.floor(i / (224 * 224));
      const value = 255 * (out[i]! * statistics.std[c]! + statistics.mean[c]!);
      expect(Math.abs(value - bytes[i]!)).toBeLessThanOrEqual(0.501);
    }
  });

  it('is pure, and mirrored when it says so', () => {
    const source = image(80, 70);
    const small = { height: 20, width: 30 };
    const crop = { ...coverSampling(source, small), flip: false, color: null };
    const apply = (flip: boolean) => {
      const out = new Float32Array(3 * 600 + 2).fill(Number.NaN);
      applyResizedCrop({ out, at: 1, ...small, statistics }, source, { ...crop, flip });
      expect([out[0], out[1801]]).toEqual([Number.NaN, Number.NaN]);
      return out.subarray(1, 1801);
    };
    const [straight, mirrored] = [apply(false), apply(true)];
    expect(apply(false)).toEqual(straight);
    for (let i = 0; i < 1800; i++) {
      const x = i % 30;
      expect(mirrored[i - x + 29 - x]).toBe(straight[i]);
    }
  });
});

/** Nearly grey, or red where hue 0 and 360° meet: rounding decides which hue such a pixel has. */
function isBetweenHues(red: number, green: number, blue: number): boolean {
  const range = Math.max(red, green, blue) - Math.min(red, green, blue);
  const isRed = red >= green && red >= blue;
  return range <= 4 || (isRed && Math.abs(green - blue) < range / 1000);
}

describe("the addon's crop", () => {
  it('is the one in TypeScript, but for rounding', (context) => {
    const write = cropWriter();
    if (write === applyResizedCrop) return context.skip('the addon is not loaded');
    const size = fc.integer({ min: 1, max: 90 });
    fc.assert(
      fc.property(size, size, size, size, fc.nat(), fc.boolean(), (w, h, W, H, seed, colored) => {
        const source = image(w, h);
        const color = colored ? { hue: 36, saturation: 50, lightness: 50 } : null;
        const shape = { height: H, width: W };
        const crop = chooseResizedCrop({ ...choice, color }, source, shape, stream(seed, 'native'));
        const [want, got] = [new Float32Array(3 * H * W + 2), new Float32Array(3 * H * W + 2)];
        applyResizedCrop({ out: want, at: 1, ...shape, statistics }, source, crop);
        write({ out: got, at: 1, ...shape, statistics }, source, crop);
        const levels = new Float32Array(3 * H * W);
        const plain = { mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] };
        const uncolored = { ...crop, color: null };
        applyResizedCrop({ out: levels, at: 0, ...shape, statistics: plain }, source, uncolored);
        for (let i = 0; i < H * W; i++) {
          const [red, green, blue] = [0, 1, 2].map((c) => levels[c * H * W + i]!);
          if (colored && isBetweenHues(red!, green!, blue!)) continue;
          for (let c = 0, at = i + 1; c < 3; c++, at += H * W) {
            if (!(Math.abs(got[at]! - want[at]!) < 1e-3))
              throw new Error(`${got[at]}, not ${want[at]}`);
          }
        }
      }),
    );
  });
});

describe('a wrong spec', () => {
  it.each([
    [
      { ...imagenet, minScale: 2 },
      null,
      'augment.resizedCrop.minScale: must be a number from 0.001 to 1, got 2',
    ],
    [
      { ...imagenet, aspect: 2 },
      null,
      'augment.resizedCrop.aspect: must be a number from 0 to 0.99, got 2',
    ],
    [
      null,
      { hue: Number.NaN, saturation: 0, lightness: 0 },
      'augment.color.hue: must be a number from 0 to 180, got NaN',
    ],
  ] as const)('%# is refused', (resizedCrop, color, message) => {
    const augment = { pad: 0, mirror: false, resizedCrop, color };
    const recipe = {
      set: smallSet(),
      batchSize: 2,
      order: 'sequential',
      seed: 0,
      augment,
      statistics,
    } as const;
    expect(() => checkRecipe(recipe)).toThrow(message);
  });
});

describe('shifted colours', () => {
  const shift = (rgb: readonly number[], hue: number, lightness: number, saturation: number) => {
    const row = Float32Array.from(rgb);
    shiftColors(row, { hue, lightness, saturation });
    return Array.from(row, (value) => Math.round(10 * value) / 10);
  };

  it('are the same colours without a shift', () => {
    const byte = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(byte, byte, byte, (red, green, blue) => {
        expect(shift([red, green, blue], 0, 0, 0)).toEqual([red, green, blue]);
      }),
    );
  });

  it('are as OpenCV defines hue, lightness and saturation', () => {
    expect(shift([255, 0, 0], 60, 0, 0)).toEqual([0, 255, 0]); // red to green: 120° are 60
    expect(shift([0, 255, 0], 60, 0, 0)).toEqual([0, 0, 255]);
    expect(shift([200, 100, 100], 0, 50, 0)).toEqual([226.2, 173.8, 173.8]); // S = 10/21, L = 200/255
    expect(shift([200, 100, 100], 0, 0, -255)).toEqual([150, 150, 150]);
    expect(shift([10, 10, 10], 0, -255, 0)).toEqual([0, 0, 0]);
    expect(shift([10, 10, 10], 0, 255, 0)).toEqual([255, 255, 255]);
  });

  it('clamp the hue at its ends, as MXNet does', () => {
    expect(shift([255, 0, 10], 20, 0, 0)).toEqual([255, 0, 0]); // hue 177.6 of 180
    expect(shift([255, 10, 0], -20, 0, 0)).toEqual([255, 0, 0]);
  });

  it('are drawn within their limits', () => {
    for (let i = 0; i < 100; i++) {
      const { hue, saturation, lightness } = chooseColor(
        { hue: 36, saturation: 50, lightness: 20 },
        stream(i, 'color'),
      );
      expect(
        Math.max(Math.abs(hue) / 36, Math.abs(saturation) / 50, Math.abs(lightness) / 20),
      ).toBeLessThan(1);
    }
  });
});
