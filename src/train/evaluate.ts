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

/** How well a network does on a split; accuracies in percent. */
export interface Evaluation {
  readonly images: number;
  /** Mean cross-entropy, without label smoothing. */
  readonly loss: number;
  /** Images whose class is the likeliest, or among the `k` likeliest; in percent. */
  readonly top1: number;
  readonly topK: number;
  /** min(5, classes) */
  readonly k: number;
  readonly perClass: readonly ClassAccuracy[];
  /** confusion[truth][predicted]: numbers of images. */
  readonly confusion: readonly (readonly number[])[];
}

/** How many images of one class were right. */
export interface ClassAccuracy {
  readonly name: string;
  readonly images: number;
  readonly correct: number;
  /** correct / images in percent, or null without images. */
  readonly accuracy: number | null;
}

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

interface Tally {
  loss: number;
  inTopK: number;
  readonly confusion: number[][];
}

function newTally(classes: number): Tally {
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  return { loss: 0, inTopK: 0, confusion };
}

function addBatch(
  tally: Tally,
  logits: ArrayLike<number>,
  labels: Int32Array,
  count: number,
  k: number,
): void {
  const classes = tally.confusion.length;
  for (let i = 0; i < count; i++) {
    const label = labels[i]!;
    tally.confusion[label]![likeliest(logits, i * classes, classes)]!++;
    if (rankOf(label, logits, i * classes, classes) < k) tally.inTopK++;
  }
}

/** The class of the largest of `classes` logits from `at`; the lowest of equal ones. */
export function likeliest(logits: ArrayLike<number>, at: number, classes: number): number {
  let best = 0;
  for (let j = 1; j < classes; j++) if (logits[at + j]! > logits[at + best]!) best = j;
  return best;
}

/** 100·part/whole: what every accuracy is, in rows, events, summaries and evaluations alike. */
export function percentOf(part: number, whole: number): number {
  return (100 * part) / whole;
}

/** How many classes come before `label`; all of them when its logit is NaN. */
function rankOf(label: number, logits: ArrayLike<number>, at: number, classes: number): number {
  const own = logits[at + label]!;
  let rank = Number.isNaN(own) ? classes : 0;
  for (let j = 0; j < classes; j++) {
    const isBehind = j > label ? own >= logits[at + j]! : own > logits[at + j]!;
    if (j !== label && !isBehind) rank++;
  }
  return rank;
}

function summarize(
  { loss, inTopK, confusion }: Tally,
  classes: readonly string[],
  images: number,
  k: number,
): Evaluation {
  const perClass = classes.map((name, label): ClassAccuracy => {
    const row = confusion[label]!;
    const total = row.reduce((sum, n) => sum + n, 0);
    const correct = row[label]!;
    return {
      name,
      images: total,
      correct,
      accuracy: total === 0 ? null : percentOf(correct, total),
    };
  });
  const correct = perClass.reduce((sum, entry) => sum + entry.correct, 0);
  return {
    images,
    loss: loss / images,
    top1: percentOf(correct, images),
    topK: percentOf(inTopK, images),
    k,
    perClass,
    confusion,
  };
}
