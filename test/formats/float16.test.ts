import { describe, expect, it } from 'vitest';
import { fromFloat16, toFloat16 } from '../../src/formats/float16.ts';

/** All 65536 halves and what they are worth. */
const bits = Uint16Array.from({ length: 65536 }, (_, i) => i);
const values = fromFloat16(bits);
const largest = 0x7bff;

describe('half precision', () => {
  it('gives every number back its bits', () => {
    const again = toFloat16(values);
    const wrong = [...bits].filter((i) => !Number.isNaN(values[i]!) && again[i] !== i);
    expect(wrong).toEqual([]);
    expect([...toFloat16([Number.NaN])]).toEqual([0x7e00]);
  });

  it('knows the numbers that the standard names', () => {
    const at = (i: number) => values[i]!;
    expect([at(1), at(0x0400), at(0x3c00), at(0x3555), at(largest)]).toEqual([
      2 ** -24,
      2 ** -14,
      1,
      0.333251953125,
      65504,
    ]);
    expect([at(0x8000), at(0x7c00), at(0xfc00)]).toEqual([
      -0,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
    ]);
  });

  it('rounds to the nearest, and of two to the even one', () => {
    for (let i = 0; i < largest; i++) {
      const [low, high] = [values[i]!, values[i + 1]!];
      const middle = (low + high) / 2;
      const below = low + (high - low) * 0.499;
      const above = low + (high - low) * 0.501;
      const want = [i, i % 2 === 0 ? i : i + 1, i + 1];
      expect([...toFloat16([below, middle, above])]).toEqual(want);
    }
    expect([...toFloat16([65519, 65520, -65520])]).toEqual([largest, 0x7c00, 0xfc00]);
  });
});
