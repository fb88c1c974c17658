/**
 * A producer's loop: fills the ring with batches from the resume point to the end; one of several producers makes
 * every n-th of them. Runs in any thread that may block; batch-worker.ts gives it one.
 */

import { receiveSet } from '../sent-set.ts';
import {
  type BatchArrays,
  type BatchRecipe,
  type EncodedRecipe,
  type EpochOrder,
  fillBatch,
  isDecoded,
  orderEpoch,
} from './batch-content.ts';
import { awaitFree, type BatchRing, endRing, openSlots, publish } from './batch-ring.ts';
import { fillEncodedBatch } from './encoded-batch.ts';

/** Which batches are wanted, in order: `firstStep` of `firstEpoch`, … the last step of epoch `epochs` − 1. */
export interface BatchRange {
  readonly firstEpoch: number;
  readonly firstStep: number;
  readonly stepsPerEpoch: number;
  /** Epochs of the whole run, those before `firstEpoch` included. */
  readonly epochs: number;
}

/** What a producer's thread is given. */
export interface ProducerTask {
  readonly recipe: BatchRecipe;
  readonly range: BatchRange;
  readonly ring: BatchRing;
  /** This producer makes the batches number ≡ `index` (mod `producers`), counted from the resume point. */
  readonly index: number;
  readonly producers: number;
}

/** Produces until the range is done or the ring has ended; an error goes to the consumer through the ring. */
export async function produceBatches(task: ProducerTask): Promise<void> {
  const { range, ring, index, producers } = task;
  try {
    const recipe = { ...task.recipe, set: receiveSet(task.recipe.set) };
    const slots = openSlots(ring);
    let batch = 0;
    let step = range.firstStep;
    for (let epoch = range.firstEpoch; epoch < range.epochs; epoch++) {
      const order = orderEpoch(recipe, epoch);
      for (; step < range.stepsPerEpoch; step++, batch++) {
        if (batch % producers !== index) continue;
        if (!awaitFree(ring, batch)) return;
        const filling = fill(slots[batch % ring.slots]!, recipe, order, step);
        if (filling instanceof Promise) await filling;
        publish(ring, batch);
      }
      step = 0;
    }
  } catch (error) {
    endRing(ring, error);
  }
}

function fill(
  out: BatchArrays,
  recipe: BatchRecipe,
  order: EpochOrder,
  step: number,
): number | Promise<number> {
  if (isDecoded(recipe)) return fillBatch(out, recipe, order, step);
  return fillEncodedBatch(out, recipe as EncodedRecipe, order, step);
}
