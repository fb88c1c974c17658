/**
 * The producer's loop: fills the ring with batch after batch from the resume point to the end. Runs in any thread
 * that may block; batch-worker.ts gives it one.
 */

import { type BatchRecipe, fillBatch, orderEpoch } from './batch-content.ts';
import { awaitFree, type BatchRing, endRing, openSlots, publish } from './batch-ring.ts';

/** Which batches are wanted, in order: `firstStep` of `firstEpoch`, … the last step of epoch `epochs` − 1. */
export interface BatchRange {
  readonly firstEpoch: number;
  readonly firstStep: number;
  readonly stepsPerEpoch: number;
  /** Epochs of the whole run, those before `firstEpoch` included. */
  readonly epochs: number;
}

/** What the producer's thread is given. */
export interface ProducerTask {
  readonly recipe: BatchRecipe;
  readonly range: BatchRange;
  readonly ring: BatchRing;
}

/** Produces until the range is done or the ring has ended; an error goes to the consumer through the ring. */
export function produceBatches({ recipe, range, ring }: ProducerTask): void {
  try {
    const slots = openSlots(ring);
    let batch = 0;
    let step = range.firstStep;
    for (let epoch = range.firstEpoch; epoch < range.epochs; epoch++) {
      const order = orderEpoch(recipe, epoch);
      for (; step < range.stepsPerEpoch; step++, batch++) {
        if (!awaitFree(ring, batch)) return;
        fillBatch(slots[batch % ring.slots]!, recipe, order, step);
        publish(ring);
      }
      step = 0;
    }
  } catch (error) {
    endRing(ring, error);
  }
}
