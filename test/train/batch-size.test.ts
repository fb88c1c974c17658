import { expect, it } from 'vitest';
import { batchSizeFor } from '../../src/train/batch-size.ts';

it.each<[batchSize: number | null, replicas: number, images: number, expected: number]>([
  [null, 1, 50_000, 64],
  [null, 1, 512, 64],
  [null, 1, 511, 32],
  [null, 1, 240, 16],
  [null, 1, 80, 8],
  [null, 1, 8, 8],
  [null, 1, 2, 2],
  [null, 2, 7, 6],
  [null, 3, 512, 63],
  [64, 2, 63, 62],
  [64, 2, 64, 64],
  [100, 1, 240, 100],
])('a batch of %s in %d replicas of %d images has %d', (batchSize, replicas, images, expected) => {
  expect(batchSizeFor({ batchSize, replicas }, images)).toBe(expected);
});

it('refuses more replicas than images', () => {
  expect(() => batchSizeFor({ batchSize: null, replicas: 3 }, 2)).toThrow(
    expect.objectContaining({
      kind: 'usage',
      message:
        'replicas: must be at most the number of images in a batch, got replicas=3 and 2 images',
    }),
  );
});
