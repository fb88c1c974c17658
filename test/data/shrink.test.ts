import { describe, expect, it } from 'vitest';
import { stream } from '../../src/core/random.ts';
import { openBatches } from '../../src/data/batches/batches.ts';
import { shrinkImages, sizeAt } from '../../src/data/batches/shrink.ts';
import { channelStatistics } from '../../src/data/channel-statistics.ts';
import { openSynthetic } from '../../src/data/readers/synthetic.ts';

/** Every output as the definition says: a triangle as wide as the reduction, cut at the border. */
function definition(plane: readonly number[], height: number, side: number): number[] {
  const step = height / side;
  const weights = (i: number) => {
    const centre = (i + 0.5) * step;
    const raw = Array.from({ length: height }, (_, k) =>
      Math.max(0, 1 - Math.abs(k + 0.5 - centre) / Math.max(1, step)),
    );
    const sum = raw.reduce((a, b) => a + b, 0);
    return raw.map((value) => value / sum);
  };
  return Array.from({ length: side * side }, (_, at) => {
    const [rows, columns] = [weights(Math.floor(at / side)), weights(at % side)];
    return plane.reduce(
      (sum, value, k) => sum + rows[Math.floor(k / height)]! * columns[k % height]! * value,
      0,
    );
  });
}

describe('smaller images', () => {
  it.each([
    [32, 24],
    [32, 16],
    [8, 5],
    [5, 1],
    [7, 7],
  ])('of %s pixels a side are means over a triangle at %s', (height, side) => {
    const random = stream(0, `shrink/${height}/${side}`);
    const [count, channels] = [3, 2];
    const images = Float32Array.from({ length: count * channels * height ** 2 }, () =>
      random.normal(),
    );
    const planes = Array.from({ length: count * channels }, (_, p) =>
      Array.from(images.subarray(p * height ** 2, (p + 1) * height ** 2)),
    );
    shrinkImages(
      images,
      count,
      { count, channels, height, width: height, maxValue: 255 } as never,
      side,
    );
    for (const [p, plane] of planes.entries()) {
      const expected = definition(plane, height, side);
      const got = images.subarray(p * side ** 2, (p + 1) * side ** 2);
      for (const [i, value] of expected.entries()) expect(got[i]).toBeCloseTo(value, 5);
    }
  });

  it('are meant until an epoch, the first size that fits', () => {
    const sizes = [
      { untilEpoch: 2, side: 16 },
      { untilEpoch: 5, side: 24 },
    ];
    expect([0, 1, 2, 4, 5, 9].map((epoch) => sizeAt(sizes, epoch)?.side)).toEqual([
      16,
      16,
      24,
      24,
      undefined,
      undefined,
    ]);
    expect(sizeAt([], 0)).toBeUndefined();
  });
});

describe('batches of smaller images', () => {
  it('have the same images in the same order as large ones, made smaller', async () => {
    const { train } = openSynthetic({ count: 24, testCount: 2, channels: 3, height: 8, width: 8 });
    const request = {
      ...{
        set: train,
        batchSize: 8,
        order: 'shuffled' as const,
        seed: 1,
        statistics: channelStatistics(train),
      },
      ...{ firstEpoch: 0, firstStep: 0, stepsPerEpoch: 3, epochs: 2 },
      augment: { pad: 1, mirror: true, mixup: 0.4, cutout: 2 },
    } as const;
    const large = openBatches(request);
    const small = openBatches({ ...request, sizes: [{ untilEpoch: 1, side: 5 }] });
    try {
      for (let step = 0; step < 6; step++) {
        const [one, other] = [large.next(), small.next()];
        expect(other.indices).toEqual(one.indices);
        expect(other.mix).toEqual(one.mix);
        if (step < 3) {
          expect(other.images).toHaveLength(8 * 3 * 5 * 5);
          const expected = Float32Array.from(one.images);
          shrinkImages(expected, 8, train, 5);
          expect(other.images).toEqual(expected.subarray(0, 8 * 3 * 25));
        } else {
          expect(other.images).toEqual(one.images);
        }
      }
    } finally {
      await Promise.all([large.close(), small.close()]);
    }
  });

  it('are refused when they would not be smaller, or are not square', async () => {
    const open = async (height: number, side: number) => {
      const { train } = openSynthetic({ count: 8, testCount: 2, height, width: 8 });
      const rest = {
        order: 'shuffled',
        seed: 1,
        augment: null,
        firstEpoch: 0,
        firstStep: 0,
        stepsPerEpoch: 1,
        epochs: 2,
      } as const;
      openBatches({
        ...rest,
        set: train,
        batchSize: 8,
        statistics: channelStatistics(train),
        sizes: [{ untilEpoch: 1, side }],
      });
    };
    await expect(open(8, 9)).rejects.toThrow(
      'augment.progressive: must make square images smaller, and these are 8×8, got 9',
    );
    await expect(open(16, 4)).rejects.toThrow('and these are 16×8, got 4');
    await expect(open(8, 0)).rejects.toThrow('got 0');
  });
});
