/** How many images a step takes, when the configuration leaves it open or the set is smaller than a batch. */
import { usageError } from '../core/errors.ts';
import type { RunConfig } from './config.ts';

/** Steps that an epoch of a small set is to have at least; with fewer, 30 epochs teach too little. */
const leastSteps = 8; // the best of 4, 8 and 16 on 300 photos in 10 classes
const [smallest, largest] = [8, 64];

/**
 * The chosen batch size, or without one a power of two from 8 to 64 that gives an epoch 8 steps; never more than
 * there are images, and a multiple of `replicas`.
 *
 * Throws a usage error when there are fewer images than replicas.
 */
export function batchSizeFor(
  { batchSize, replicas }: Pick<RunConfig, 'batchSize' | 'replicas'>,
  images: number,
): number {
  const open = 2 ** Math.floor(Math.log2(images / leastSteps));
  const wanted = batchSize ?? Math.min(largest, Math.max(smallest, open));
  const fitting = Math.floor(Math.min(wanted, images) / replicas) * replicas;
  if (fitting > 0) return fitting;
  throw usageError({
    path: 'replicas',
    rule: 'must be at most the number of images in a batch',
    got: `replicas=${replicas} and ${Math.min(wanted, images)} images`,
  });
}
