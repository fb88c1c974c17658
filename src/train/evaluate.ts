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
import { soloTeam, type Team } from '../team/team.ts';
import { addBatch, type Evaluation, newTally, summarize, type Tally } from './tally.ts';

export interface EvaluationSplit {
  /** `test`, for errors. */
  readonly name: string;
  readonly set: AnyImageSet;
  /** Class names in label order. */
  readonly classes: readonly string[];
  readonly statistics: ChannelStatistics;
  readonly batchSize: number;
  /** Whose ranks have a part of the batches each; default this process alone. */
  readonly team?: Team;
}

/** An inference plan in memory, to be run as often as wanted on the model's values of the moment. */
export interface Evaluator {
  /** Undefined when `isStopped` said so between two batches, on any rank. */
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
  const { set, classes, statistics, name, team = soloTeam() } = split;
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
  const batches = countBatches(recipe);
  const first = Math.floor((team.rank * batches) / team.ranks);
  const end = Math.floor(((team.rank + 1) * batches) / team.ranks);
  const openReader = isDecoded(recipe)
    ? readHere(recipe, first)
    : () => readAhead(recipe, first, end);
  const k = Math.min(5, classes.length);
  return {
    run(isStopped = () => false) {
      const tally = newTally(classes.length);
      const reader = first < end ? openReader() : undefined;
      let isLeft = false;
      try {
        executor.takeParameters();
        for (let step = first; step < end && !isLeft; step++) {
          isLeft = isStopped();
          if (isLeft || reader === undefined) break;
          const { images, labels, count } = reader.next();
          executor.setBatch(images, labels, count);
          executor.forward({ oldWeight: 1 });
          tally.loss += executor.loss() * count;
          addBatch(tally, executor.output(), labels, count, k);
        }
        isLeft = addRanks(tally, isLeft, team, name);
        return isLeft ? undefined : summarize(tally, classes, set.count, k);
      } finally {
        void reader?.close();
      }
    },
    dispose: () => executor.dispose(),
  };
}

/** The split's batches of this rank. */
interface SplitReader {
  next(): Pick<Batch, 'images' | 'labels' | 'count'>;
  close(): Promise<void>;
}

/** Makes the tally that of all ranks; true when one of them has left off. */
function addRanks(tally: Tally, isLeft: boolean, team: Team, name: string): boolean {
  if (team.ranks === 1) return isLeft;
  const { confusion } = tally;
  const classes = confusion.length;
  const sums = new Float64Array(3 + classes * classes);
  sums.set([tally.loss, tally.inTopK, Number(isLeft)]);
  const counts = sums.subarray(3);
  for (const [i, row] of confusion.entries()) counts.set(row, i * classes);
  team.sum(sums, `the evaluation of ${name}`);
  [tally.loss, tally.inTopK] = [sums[0]!, sums[1]!];
  for (const [i, row] of confusion.entries()) {
    for (let j = 0; j < classes; j++) row[j] = counts[i * classes + j]!;
  }
  return sums[2]! > 0;
}

/** Readers that normalise in this thread, all into the same arrays. */
function readHere(recipe: DecodedRecipe, first: number): () => SplitReader {
  const arrays = allocateBatch(recipe);
  const order = orderEpoch(recipe, 0);
  return () => {
    let step = first;
    return {
      next: () => ({ ...arrays, count: fillBatch(arrays, recipe, order, step++) }),
      close: async () => {},
    };
  };
}

/** A reader whose images are decoded ahead by other threads. */
function readAhead(recipe: BatchRecipe, firstStep: number, end: number): SplitReader {
  const range = { firstEpoch: 0, firstStep, stepsPerEpoch: end, epochs: 1 };
  return openBatches({ ...recipe, ...range });
}
