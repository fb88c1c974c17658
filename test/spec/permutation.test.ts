/** The interleaving permutation: the paper's eqs. (2) and (4), and the laws of channel maps. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  composeMaps,
  identityMap,
  interleave,
  invertMap,
  repeatChannels,
  restore,
} from '../../src/core/permutation.ts';

const sizes = [fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 })] as const;

test('interleave gathers ȳ_m = [y_1m … y_Lm], eq. (2)', () => {
  fc.assert(
    fc.property(...sizes, (L, M) => {
      // y as the list of its partitions y_l, each element named by (l, m).
      const y = Array.from({ length: L }, (_, l) => Array.from({ length: M }, (_, m) => [l, m]));
      const yBar = Array.from({ length: M }, (_, m) => y.map((partition) => partition[m]!));
      const flat = y.flat();
      expect(interleave(L, M).map((c) => flat[c])).toEqual(yBar.flat());
    }),
    { seed: 1 },
  );
});

test('restore gathers x′_l = [z̄_1l … z̄_Ml], eq. (4)', () => {
  fc.assert(
    fc.property(...sizes, (L, M) => {
      const z = Array.from({ length: M }, (_, m) => Array.from({ length: L }, (_, l) => [m, l]));
      const x = Array.from({ length: L }, (_, l) => z.map((partition) => partition[l]!));
      const flat = z.flat();
      expect(restore(L, M).map((c) => flat[c])).toEqual(x.flat());
    }),
    { seed: 2 },
  );
});

test('restore undoes interleave, and interleave restore', () => {
  fc.assert(
    fc.property(...sizes, (L, M) => {
      const identity = identityMap(L * M);
      expect(composeMaps(interleave(L, M), restore(L, M))).toEqual(identity);
      expect(composeMaps(restore(L, M), interleave(L, M))).toEqual(identity);
      expect(invertMap(interleave(L, M))).toEqual(restore(L, M));
    }),
    { seed: 3 },
  );
});

test('interleave of two partitions of three is [0 3 1 4 2 5]', () => {
  expect(interleave(2, 3)).toEqual([0, 3, 1, 4, 2, 5]);
});

test('every secondary partition holds one channel of each primary partition', () => {
  fc.assert(
    fc.property(...sizes, (L, M) => {
      const map = interleave(L, M);
      for (let m = 0; m < M; m++) {
        const primaries = map.slice(m * L, (m + 1) * L).map((c) => Math.floor(c / M));
        expect(primaries).toEqual(identityMap(L));
      }
    }),
    { seed: 4 },
  );
});

test('composed maps apply the first, then the second', () => {
  const channelMap = fc.array(fc.nat(7), { minLength: 8, maxLength: 8 });
  fc.assert(
    fc.property(channelMap, channelMap, (first, second) => {
      const values = [...'abcdefgh'];
      const apply = (map: readonly number[], from: string[]) => map.map((c) => from[c]!);
      expect(apply(composeMaps(first, second), values)).toEqual(
        apply(second, apply(first, values)),
      );
    }),
    { seed: 5 },
  );
});

test('maps that repeat or leave out channels have no inverse', () => {
  expect(invertMap(repeatChannels(3, 2))).toBeUndefined();
  expect(invertMap([0, 0, 1])).toBeUndefined();
  expect(invertMap([1, 2])).toBeUndefined();
  expect(repeatChannels(2, 3)).toEqual([0, 1, 0, 1, 0, 1]);
});
