import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stream } from '../../src/core/random.ts';
import { allocateImageSet, selectImages } from '../../src/data/image-set.ts';
import { splitByClass } from '../../src/data/split.ts';
import { errorOf, smallSet } from './fixtures.ts';

describe('splitByClass', () => {
  it('parts the items, giving each class its rounded share but never all of it', () => {
    const labels = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 60 });
    fc.assert(
      fc.property(labels, fc.double({ min: 0, max: 0.99, noNaN: true }), (labels, fraction) => {
        const { kept, held } = splitByClass(labels, fraction, stream(1, 'property'));
        expect([...kept, ...held].sort((a, b) => a - b)).toEqual([...labels.keys()]);
        for (const label of new Set(labels)) {
          const n = labels.filter((l) => l === label).length;
          const share = fraction === 0 ? 0 : Math.max(1, Math.round(fraction * n));
          expect(held.filter((i) => labels[i] === label).length).toBe(Math.min(n - 1, share));
        }
      }),
    );
  });

  it('chooses the same items for the same stream and others for another', () => {
    const labels = Array.from({ length: 200 }, (_, i) => i % 4);
    const held = (seed: number) => splitByClass(labels, 0.25, stream(seed, 'validation')).held;
    expect(held(1)).toEqual(held(1));
    expect(held(1)).not.toEqual(held(2));
    expect([...held(1)]).toEqual([...held(1)].sort((a, b) => a - b));
  });
});

describe('image sets', () => {
  it('lie in shared memory, and selecting copies images and labels', () => {
    const set = smallSet();
    const two = selectImages('synthetic', set, Uint32Array.of(7, 2));
    expect(two.count).toBe(2);
    expect(two.pixels.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(two.labels.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(two.pixels.subarray(0, 70)).toEqual(set.pixels.subarray(490, 560));
    expect([...two.labels]).toEqual([set.labels[7], set.labels[2]]);
  });

  it('say how much memory they wanted when there is not enough', async () => {
    const shape = { channels: 3, height: 2 ** 16, width: 2 ** 16, maxValue: 255, count: 2 ** 20 };
    const error = await errorOf(() => allocateImageSet('folder', shape));
    expect(error.kind).toBe('data');
    expect(error.message).toBe(
      'folder: the images must fit in memory, got 1048576 images of 3×65536×65536, 12884901888 MiB; use fewer or smaller images, or "igc data pack", whose files are mapped',
    );
  });
});
