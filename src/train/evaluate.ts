/**
 * Measures a network on a split: accuracies, loss, per-class accuracy and the confusion matrix. Images are
 * normalised in this thread, batch by batch (encoded ones are decoded ahead by others), and run through an
 * inference plan.
 */
import { usageError } from '../core/errors.ts';
import {
  allocateBatch,
  type BatchRecipe,
  countBatches,
  type DecodedRecipe,
  fillBatch,
  isDecoded,
  orderEpoch,
} from '../data/batches/batch-content.ts';
import { type Batch, openBatches } from '../data/batches/batches.ts';
import type { AnyImageSet, ChannelStatistics } from '../data/dataset.ts';
import type { Model } from '../model/model.ts';
import { planModel } from '../model/model.ts';
import { addBatch, type Evaluation, newTally, summarize } from './tally.ts';

export interface EvaluationSplit {
  /** `test`, for errors. */
  readonly name: string;
  readonly set: AnyImageSet;
  /** Class names in label order. */
  readonly classes: readonly string[];
  readonly statistics: ChannelStatistics;
  readonly batchSize: number;
}

/** An inference plan in memory, to be run as often as wanted on the model's values of the moment. */
export interface Evaluator {
  /** Undefined when `isStopped` said so between two batches. */
  run(isStopped?: () => boolean): Evaluation | undefined;
  dispose(): void;
}

/**
 * Allocates everything to evaluate `model` on a split.
 *
 * Ties go to the lower class, and a NaN is never right.
 * Throws a usage error for an empty split.
 */
export function makeEvaluator(model: Model, split: EvaluationSplit): Evaluator {
  const { set, classes, statistics, name } = split;
  if (set.count === 0) {
    throw usageError({ path: `data.${name}`, rule: 'must have images to evaluate', got: '0' });
  }
  const batchSize = Math.min(split.batchSize, set.count);
  const recipe = {
    set,
    batchSize,
    statistics,
    order: 'sequential',
    seed: 0,
    augment: null,
  } as const satisfies BatchRecipe;
  const executor = model.kernels.instantiate(
    planModel(model, { batch: batchSize, training: false }),
    model,
  );
  const openReader = isDecoded(recipe) ? readHere(recipe) : () => readAhead(recipe);
  const batches = countBatches(recipe);
  const k = Math.min(5, classes.length);
  return {
    run(isStopped = () => false) {
      const tally = newTally(classes.length);
      const reader = openReader();
      try {
        executor.takeParameters();
        for (let step = 0; step < batches; step++) {
          if (isStopped()) return undefined;
          const { images, labels, count } = reader.next();
          executor.setBatch(images, labels, count);
          executor.forward({ oldWeight: 1 });
          tally.loss += executor.loss() * count;
          addBatch(tally, executor.output(), labels, count, k);
        }
        return summarize(tally, classes, set.count, k);
      } finally {
        void reader.close();
      }
    },
    dispose: () => executor.dispose(),
  };
}

/** The split's batches from the first one on. */
interface SplitReader {
  next(): Pick<Batch, 'images' | 'labels' | 'count'>;
  close(): Promise<void>;
}

/** Readers that normalise in this thread, all into the same arrays. */
function readHere(recipe: DecodedRecipe): () => SplitReader {
  const arrays = allocateBatch(recipe);
  const order = orderEpoch(recipe, 0);
  return () => {
    let step = 0;
    return {
      next: () => ({ ...arrays, count: fillBatch(arrays, recipe, order, step++) }),
      close: async () => {},
    };
  };
}

/** A reader whose images are decoded ahead by other threads. */
function readAhead(recipe: BatchRecipe): SplitReader {
  const range = { firstEpoch: 0, firstStep: 0, stepsPerEpoch: countBatches(recipe), epochs: 1 };
  return openBatches({ ...recipe, ...range });
}
