import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stream } from '../../src/core/random.ts';
import {
  type Augmentation,
  applyAugmentation,
  chooseAugmentation,
  noAugmentation,
  normalisationTable,
} from '../../src/data/batches/augment.ts';
import { channelStatistics } from '../../src/data/channel-statistics.ts';
import type { ImageSet } from '../../src/data/dataset.ts';
import { smallSet } from './fixtures.ts';

const set = smallSet();
const size = 2 * 5 * 7;
const statistics = channelStatistics(set);
const table = normalisationTable(255, statistics);

/** The definition: pad with the mean, crop, mirror, normalise, one pixel at a time. */
function defined(index: number, { dx, dy, flip }: Augmentation): number[] {
  const out: number[] = [];
  for (let c = 0; c < 2; c++) {
    for (let y = 0; y < 5; y++) {
      for (let x = 0; x < 7; x++) {
        const sourceX = (flip ? 6 - x : x) + dx;
        const sourceY = y + dy;
        const inside = sourceX >= 0 && sourceX < 7 && sourceY >= 0 && sourceY < 5;
        const value = set.pixels[index * size + c * 35 + sourceY * 7 + sourceX]! / 255;
        out.push(inside ? (value - statistics.mean[c]!) / statistics.std[c]! : 0);
      }
    }
  }
  return out;
}

describe('applyAugmentation', () => {
  it('equals the pixelwise definition for every shift, even beyond the image', () => {
    const shift = fc.integer({ min: -9, max: 9 });
    const choice = fc.record({ dx: shift, dy: shift, flip: fc.boolean() });
    fc.assert(
      fc.property(fc.nat(39), choice, (index, choice) => {
        const out = new Float32Array(size + 2).fill(Number.NaN);
        applyAugmentation(out, 1, set, index, table, choice);
        expect([out[0], out[size + 1]]).toEqual([Number.NaN, Number.NaN]);
        const expected = Float32Array.from(defined(index, choice));
        expect(out.subarray(1, size + 1)).toEqual(expected);
      }),
    );
  });

  it('gives the whole set mean 0 and deviation 1 without augmentation', () => {
    const out = new Float32Array(set.count * size);
    for (let i = 0; i < set.count; i++) {
      applyAugmentation(out, i * size, set, i, table, noAugmentation);
    }
    const mean = out.reduce((sum, value) => sum + value, 0) / out.length;
    const square = out.reduce((sum, value) => sum + value * value, 0) / out.length;
    expect(mean).toBeCloseTo(0, 5);
    expect(square).toBeCloseTo(1, 5);
  });
});

describe('chooseAugmentation', () => {
  it('draws every shift from −pad to pad and both mirrorings, evenly', () => {
    const random = stream(0, 'evenly');
    const counts = new Map<string, number>();
    for (let i = 0; i < 18_000; i++) {
      const { dx, dy, flip } = chooseAugmentation({ pad: 1, mirror: true }, random);
      const key = `${dx} ${dy} ${flip}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(counts.size).toBe(18);
    for (const times of counts.values()) expect(Math.abs(times - 1000)).toBeLessThan(150);
  });

  it('draws the identity when nothing is wanted, and the same shift with or without mirroring', () => {
    const nothing = chooseAugmentation({ pad: 0, mirror: false }, stream(0, 'nothing'));
    expect(nothing).toEqual(noAugmentation);
    for (let i = 0; i < 50; i++) {
      const draw = (mirror: boolean) => chooseAugmentation({ pad: 4, mirror }, stream(i, 'shift'));
      expect(draw(false)).toEqual({ ...draw(true), flip: false });
    }
  });
});

describe('channelStatistics', () => {
  const tiny: ImageSet = {
    channels: 2,
    height: 1,
    width: 2,
    count: 2,
    maxValue: 10,
    pixels: Uint8Array.of(0, 2, 5, 5, 4, 6, 5, 5),
    labels: Uint16Array.of(0, 1),
  };

  it('is the population mean and deviation of each channel in units of maxValue', () => {
    const { mean, std } = channelStatistics(tiny);
    expect(mean).toEqual([0.3, 0.5]);
    expect(std[0]).toBeCloseTo(Math.sqrt(5) / 10, 12);
    expect(std[1]).toBe(0);
  });

  it('leaves a constant channel finite when it normalises', () => {
    const constant = normalisationTable(10, channelStatistics(tiny)).subarray(256);
    expect(constant[5]).toBe(0);
    expect(constant[10]).toBeCloseTo(0.5, 6);
  });
});
