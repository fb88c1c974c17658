import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stream } from '../../src/core/random.ts';
import type { AugmentSpec } from '../../src/data/batches/augment.ts';
import { allocateBatch, fillBatch, orderEpoch } from '../../src/data/batches/batch-content.ts';
import { type BatchRequest, openBatches } from '../../src/data/batches/batches.ts';
import { applyCutout, chooseCutout } from '../../src/data/batches/cutout.ts';
import { applyMixture, chooseMixture } from '../../src/data/batches/mixing.ts';
import { channelStatistics } from '../../src/data/channel-statistics.ts';
import { errorOf, smallSet } from './fixtures.ts';

const set = smallSet(); // 40 images of 2×5×7
const shape = { channels: 2, height: 5, width: 7, count: 1, maxValue: 255 };
const statistics = channelStatistics(set);
const recipeOf = (augment: AugmentSpec | null) =>
  ({ set, batchSize: 6, order: 'shuffled', seed: 5, augment, statistics }) as const;
const plain = { pad: 2, mirror: true };

function fill(augment: AugmentSpec | null, epoch = 1, step = 2) {
  const recipe = recipeOf(augment);
  const out = allocateBatch(recipe);
  fillBatch(out, recipe, orderEpoch(recipe, epoch), step);
  return out;
}

describe('cutout', () => {
  it('blanks a square around any pixel, cut at the borders, and nothing else', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.nat(), (side, seed) => {
        const { top, bottom, left, right } = chooseCutout(side, shape, stream(seed, 'cutout'));
        expect([bottom - top <= side, right - left <= side]).toEqual([true, true]);
        const out = new Float32Array(70).fill(1);
        applyCutout(out, 0, shape, { top, bottom, left, right });
        for (const [i, value] of out.entries()) {
          const [y, x] = [Math.floor(i / 7) % 5, i % 7];
          expect(value).toBe(y >= top && y < bottom && x >= left && x < right ? 0 : 1);
        }
      }),
    );
  });

  it('does not change the crops', () => {
    const [with_, without] = [fill({ ...plain, cutout: 3 }), fill(plain)];
    let blanked = 0;
    for (const [i, value] of with_.images.entries()) {
      if (value === without.images[i]) continue;
      expect(value).toBe(0);
      blanked++;
    }
    expect(blanked).toBeGreaterThan(0);
  });
});

describe('mixtures', () => {
  it('blend by a weight, or paste a patch whose share is the rest of the weight', () => {
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom(0, 0.2, 1, 5), fc.constantFrom(0, 1), (seed, a, b) => {
        if (a + b === 0) return;
        const mixture = chooseMixture({ mixup: a, cutmix: b }, shape, stream(seed, 'mix'));
        expect(mixture.kind === 'blend' ? a : b).toBeGreaterThan(0);
        expect(mixture.weight).toBeGreaterThanOrEqual(0);
        expect(mixture.weight).toBeLessThanOrEqual(1);
        const image = new Float32Array(70).fill(1);
        applyMixture(image, new Float32Array(70), shape, mixture);
        const mean = image.reduce((sum, value) => sum + value, 0) / 70;
        expect(mean).toBeCloseTo(mixture.weight, 6);
      }),
    );
  });

  it('takes both kinds in turns', () => {
    const kinds = Array.from(
      { length: 400 },
      (_, i) => chooseMixture({ mixup: 1, cutmix: 1 }, shape, stream(i, 'turns')).kind,
    );
    const blends = kinds.filter((kind) => kind === 'blend').length;
    expect(Math.abs(blends - 200)).toBeLessThan(60); // six standard deviations
  });

  it('mixes every image with the next of its batch as it was, and the last with the first', () => {
    const [mixed, pure] = [fill({ ...plain, mixup: 1 }), fill(plain)];
    expect(mixed.labels).toEqual(pure.labels);
    for (let i = 0; i < 6; i++) {
      const next = (i + 1) % 6;
      expect(mixed.partners[i]).toBe(pure.labels[next]);
      const w = mixed.weights[i]!;
      for (let p = 0; p < 70; p++) {
        const want = w * pure.images[i * 70 + p]! + (1 - w) * pure.images[next * 70 + p]!;
        expect(mixed.images[i * 70 + p]).toBeCloseTo(want, 5);
      }
    }
  });

  it('weigh 1 with the own label as partner where nothing is mixed', () => {
    const out = fill(plain);
    expect(out.partners).toEqual(out.labels);
    expect([...out.weights]).toEqual([1, 1, 1, 1, 1, 1]);
  });

  it('come out of the ring as they are filled here, for any number of workers', async () => {
    const augment = { ...plain, cutout: 2, mixup: 0.4, cutmix: 0.7 };
    const range = { firstEpoch: 1, firstStep: 2, stepsPerEpoch: 6, epochs: 2 };
    const want = fill(augment);
    for (const workers of [1, 3]) {
      const request: BatchRequest = { ...recipeOf(augment), ...range, workers };
      const source = openBatches(request);
      const { images, mix } = source.next();
      expect(images).toEqual(want.images);
      expect(mix).toEqual({ partners: want.partners, weights: want.weights });
      await source.close();
    }
    const source = openBatches({ ...recipeOf(plain), ...range });
    expect(source.next().mix).toBeUndefined();
    await source.close();
  });

  it.each([
    [{ cutout: -1 }, 'batches.augment.cutout: must be a whole number of pixels from 0, got -1'],
    [{ mixup: Number.NaN }, 'batches.augment.mixup: must be a number of at least 0, got NaN'],
    [{ cutmix: -2 }, 'batches.augment.cutmix: must be a number of at least 0, got -2'],
  ])('refuses %j', async (wrong, message) => {
    const range = { firstEpoch: 0, firstStep: 0, stepsPerEpoch: 6, epochs: 1 };
    const open = () => openBatches({ ...recipeOf({ ...plain, ...wrong }), ...range });
    expect(await errorOf(open)).toMatchObject({ kind: 'usage', message });
  });
});
