/**
 * What is in a batch: decided by (recipe, epoch, step) alone, so that a resumed run, another ring size or
 * another thread sees the same bytes. Shared by the producer's thread, evaluation and tests; nothing of Node.
 */

import { usageError } from '../../core/errors.ts';
import { shuffledIndices, stream } from '../../core/random.ts';
import type { AnyImageSet, ChannelStatistics, EncodedSet, ImageSet } from '../dataset.ts';
import { imageBytes, rowOf } from '../image-set.ts';
import {
  type AugmentSpec,
  applyAugmentation,
  chooseAugmentation,
  noAugmentation,
  normalisationTable,
} from './augment.ts';
import { findWrongValue } from './crop-spec.ts';
import { applyCutout, chooseCutout } from './cutout.ts';
import { isMixing, mixBatch } from './mixing.ts';
import { type ImageSize, shrinkImages, sizeAt } from './shrink.ts';

/** Everything that decides the batches of a run. Plain data; travels to a worker. */
export interface BatchRecipe {
  readonly set: AnyImageSet;
  readonly batchSize: number;
  /**
   * shuffled: a new order each epoch, the last short batch dropped (a set smaller than one batch is one batch).
   * sequential: the set's own order, the last batch may be short.
   */
  readonly order: 'shuffled' | 'sequential';
  /** Seed of the run; decides order and augmentation. */
  readonly seed: number;
  /** Drawn anew for each image and epoch; null for none. */
  readonly augment: AugmentSpec | null;
  readonly statistics: ChannelStatistics;
  /** Epochs whose images are made smaller, square ones; ascending. Default none. */
  readonly sizes?: readonly ImageSize[] | undefined;
  /** Which part of every batch is made; default all of it. */
  readonly shard?: BatchShard | undefined;
  /** Equal parts of what is made, within which images are mixed with their neighbours; default 1. */
  readonly mixingParts?: number | undefined;
}

/** One of `of` equal parts of every batch: number `index`, from 0. */
export interface BatchShard {
  readonly index: number;
  readonly of: number;
}

/** A recipe of images that are pixels, or of encoded ones. */
export type DecodedRecipe = BatchRecipe & { readonly set: ImageSet };
export type EncodedRecipe = BatchRecipe & { readonly set: EncodedSet };

/** Whether the recipe's images are pixels in memory. */
export function isDecoded(recipe: BatchRecipe): recipe is DecodedRecipe {
  return !('encoded' in recipe.set);
}

/** How many images of a full batch are made: all of them, or those of the shard. */
export function shardSize({ batchSize, shard }: Pick<BatchRecipe, 'batchSize' | 'shard'>): number {
  return batchSize / (shard?.of ?? 1);
}

/** Where a batch is written: room for its (or its shard's) images, and the label and place in the set of each. */
export interface BatchArrays {
  /** N × C × H × W for N images; with a smaller side S the first N × C × S × S are used. */
  readonly images: Float32Array;
  readonly labels: Int32Array;
  /** Index in the set of each image. */
  readonly indices: Int32Array;
  /** Label of what each image is mixed with, and what its own label weighs; its own and 1 without mixing. */
  readonly partners: Int32Array;
  readonly weights: Float32Array;
}

/** What the batches of one epoch share. */
export interface EpochOrder {
  readonly epoch: number;
  /** The set's images in the order of this epoch. */
  readonly order: Uint32Array;
  /** `normalisationTable` of the recipe. */
  readonly table: Float32Array;
}

/** Number of batches in an epoch. */
export function countBatches(recipe: Pick<BatchRecipe, 'set' | 'batchSize' | 'order'>): number {
  const whole = recipe.set.count / recipe.batchSize;
  return recipe.order === 'sequential' ? Math.ceil(whole) : Math.max(1, Math.floor(whole));
}

/** Arrays for one batch of the recipe, in memory of this thread. */
export function allocateBatch(recipe: BatchRecipe): BatchArrays {
  const size = shardSize(recipe);
  return {
    images: new Float32Array(size * imageBytes(recipe.set)),
    labels: new Int32Array(size),
    indices: new Int32Array(size),
    partners: new Int32Array(size),
    weights: new Float32Array(size),
  };
}

/** The order of an epoch: `stream(seed, 'order', epoch)` shuffles it, when the recipe says so. */
export function orderEpoch(recipe: BatchRecipe, epoch: number): EpochOrder {
  const { set, seed } = recipe;
  const order =
    recipe.order === 'shuffled'
      ? shuffledIndices(stream(seed, 'order', epoch), set.count)
      : Uint32Array.from({ length: set.count }, (_, i) => i);
  return { epoch, order, table: normalisationTable(set.maxValue, recipe.statistics) };
}

/** Which images of the epoch's order are made for batch `step`: `count` from `first`. */
export function batchSpan(
  recipe: Pick<BatchRecipe, 'set' | 'batchSize' | 'shard'>,
  step: number,
): { readonly first: number; readonly count: number } {
  const size = shardSize(recipe);
  const first = step * recipe.batchSize + (recipe.shard?.index ?? 0) * size;
  return { first, count: Math.max(0, Math.min(size, recipe.set.count - first)) };
}

/**
 * Writes batch `step` of an epoch to `out` and returns its number of images; what lies behind them in `out` is
 * left as it was. Image i is augmented by `stream(seed, 'augment', epoch, i)`.
 */
export function fillBatch(
  out: BatchArrays,
  recipe: DecodedRecipe,
  { epoch, order, table }: EpochOrder,
  step: number,
): number {
  const { set, augment, seed } = recipe;
  const size = imageBytes(set);
  const { first, count } = batchSpan(recipe, step);
  for (let i = 0; i < count; i++) {
    const index = order[first + i]!;
    const choice =
      augment === null
        ? noAugmentation
        : chooseAugmentation(augment, stream(seed, 'augment', epoch, index));
    applyAugmentation(out.images, i * size, set, rowOf(set, index), table, choice);
    out.labels[i] = set.labels[index]!;
    out.indices[i] = index;
  }
  finishBatch(out, recipe, epoch, count);
  return count;
}

/** What is done to a batch of `count` filled images, of pixels or decoded ones: cutout, mixing and shrinking. */
export function finishBatch(
  out: BatchArrays,
  { set, augment, seed, sizes = [], mixingParts: parts = 1 }: BatchRecipe,
  epoch: number,
  count: number,
): void {
  const size = imageBytes(set);
  const { cutout = 0 } = augment ?? {};
  for (let i = 0; i < count && cutout > 0; i++) {
    const random = stream(seed, 'cutout', epoch, out.indices[i]!);
    applyCutout(out.images, i * size, set, chooseCutout(cutout, set, random));
  }
  out.partners.set(out.labels);
  out.weights.fill(1);
  if (isMixing(augment)) mixBatch({ out, shape: set, spec: augment, seed, epoch, count, parts });
  const side = sizeAt(sizes, epoch)?.side;
  if (side !== undefined) shrinkImages(out.images, count, set, side);
}

/** Refuses augmentations that have no meaning, or none for images of that kind. Throws usage errors. */
export function checkAugment(augment: AugmentSpec, set: AnyImageSet): void {
  for (const name of ['pad', 'cutout'] as const) {
    const { [name]: pixels = 0 } = augment;
    if (Number.isInteger(pixels) && pixels >= 0) continue;
    const rule = 'must be a whole number of pixels from 0';
    throw usageError({ path: `batches.augment.${name}`, rule, got: String(pixels) });
  }
  for (const name of ['mixup', 'cutmix'] as const) {
    const { [name]: alpha = 0 } = augment;
    if (Number.isFinite(alpha) && alpha >= 0) continue;
    const rule = 'must be a number of at least 0';
    throw usageError({ path: `batches.augment.${name}`, rule, got: String(alpha) });
  }
  const wrong = findWrongValue(augment.resizedCrop ?? null, augment.color ?? null);
  if (wrong !== undefined) {
    const [path, rule, got] = wrong;
    throw usageError({ path: `augment.${path}`, rule, got: String(got) });
  }
  const isEncoded = 'encoded' in set;
  const misplaced = isEncoded
    ? augment.pad > 0 && 'pad'
    : (['resizedCrop', 'color'] as const).find((name) => augment[name]);
  if (!misplaced) return;
  throw usageError({
    path: `augment.${misplaced}`,
    rule: isEncoded
      ? 'must be 0 for images that are decoded when needed'
      : 'is only for images that are decoded when needed (imagenet)',
    got: JSON.stringify(augment[misplaced]),
    ...(misplaced !== 'color' && {
      hint: isEncoded ? 'augment.resizedCrop crops them' : 'augment.pad crops others',
    }),
  });
}

/** Throws a usage error for sides that are not smaller, or images that have no side. */
export function checkSizes(sizes: readonly Pick<ImageSize, 'side'>[], set: AnyImageSet): void {
  const { height, width } = set;
  const wrong = sizes.find(({ side }) => !(Number.isInteger(side) && side >= 1 && side <= height));
  if (sizes.length === 0 || (wrong === undefined && height === width)) return;
  throw usageError({
    path: 'augment.progressive',
    rule: `must make square images smaller, and these are ${height}×${width}`,
    got: `${(wrong ?? sizes[0])?.side}`,
  });
}

/** Refuses a recipe that has no meaning. Throws usage errors whose path begins with `batches`. */
export function checkRecipe(recipe: BatchRecipe): void {
  const { set, batchSize, augment, statistics, sizes, shard } = recipe;
  if (set.count === 0) {
    throw usageError({ path: 'batches.set', rule: 'must have at least one image', got: '0' });
  }
  if (!(Number.isInteger(batchSize) && batchSize >= 1)) {
    const rule = 'must be a whole number from 1';
    throw usageError({ path: 'batches.batchSize', rule, got: String(batchSize) });
  }
  if (!Number.isInteger(shardSize(recipe))) {
    const rule = `must be divisible by the ${shard?.of} shards`;
    throw usageError({ path: 'batches.batchSize', rule, got: String(batchSize) });
  }
  if (augment !== null) checkAugment(augment, set);
  checkSizes(sizes ?? [], set);
  for (const name of ['mean', 'std'] as const) {
    if (statistics[name].length === set.channels) continue;
    throw usageError({
      path: `batches.statistics.${name}`,
      rule: `must have one value for each of the ${set.channels} channels`,
      got: String(statistics[name].length),
    });
  }
}
