import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  igcParameters,
  igcWidth,
  isWiderThanRegular,
  regularParameters,
  regularWidth,
  widestPartitions,
  widthBound,
} from '../../src/theory/widths.ts';

const number = (max: number) => fc.integer({ min: 1, max });
const taps = fc.constantFrom(1, 3, 9, 25);

describe('igcParameters', () => {
  it('is eq. (7)', () => {
    expect(igcParameters({ L: 40, M: 2, taps: 9 })).toBe(4640);
    expect(igcParameters({ L: 1, M: 23, taps: 9 })).toBe(4784);
  });

  it('is G²(S/L + 1/M), and igcWidth undoes it', () => {
    fc.assert(
      fc.property(number(500), number(500), taps, (L, M, S) => {
        const params = igcParameters({ L, M, taps: S });
        expect((L * M) ** 2 * (S / L + 1 / M)).toBeCloseTo(params, 3);
        expect(igcWidth({ L, M, taps: S, params })).toBeCloseTo(L * M, 6);
      }),
      { seed: 1 },
    );
  });
});

it('regularWidth undoes regularParameters, eq. (8)', () => {
  expect(regularParameters({ width: 16, taps: 9 })).toBe(2304);
  expect(regularWidth({ params: 2304, taps: 9 })).toBe(16);
});

describe('isWiderThanRegular', () => {
  it('says what the widths say, eq. (9)', () => {
    fc.assert(
      fc.property(number(300), number(300), taps, (L, M, S) => {
        const params = igcParameters({ L, M, taps: S });
        const margin = igcWidth({ L, M, taps: S, params }) - regularWidth({ params, taps: S });
        fc.pre(Math.abs(margin) > 1e-9);
        expect(isWiderThanRegular({ L, M, taps: S })).toBe(margin > 0);
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it('is true for 3×3 kernels whenever L > 1, and never for L = 1', () => {
    for (let M = 1; M < 40; M++) {
      expect(isWiderThanRegular({ L: 2, M, taps: 9 })).toBe(true);
      expect(isWiderThanRegular({ L: 1, M, taps: 9 })).toBe(false);
    }
  });
});

describe('widthBound', () => {
  it('bounds every block’s width, eq. (15)', () => {
    fc.assert(
      fc.property(number(500), number(500), taps, (L, M, S) => {
        const bound = widthBound({ params: igcParameters({ L, M, taps: S }), taps: S });
        expect(L * M).toBeLessThanOrEqual(bound * (1 + 1e-12));
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it('is attained where L = M·S', () => {
    fc.assert(
      fc.property(number(100), taps, (M, S) => {
        const params = igcParameters({ L: M * S, M, taps: S });
        expect(widthBound({ params, taps: S })).toBeCloseTo(M * M * S, 6);
        const { L, M: best } = widestPartitions({ params, taps: S });
        expect([L, best]).toEqual([expect.closeTo(M * S, 6), expect.closeTo(M, 6)]);
      }),
      { seed: 1 },
    );
  });

  it('leaves Table 1’s widest blocks just under it', () => {
    expect(widthBound({ params: 4672, taps: 9 })).toBeCloseTo(84.6, 1);
    expect(widthBound({ params: 17536, taps: 9 })).toBeCloseTo(204.4, 1);
  });
});
