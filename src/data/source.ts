/**
 * What a reader gives: the splits of a data set whose sizes are known and whose images are streamed in order, some
 * at a time, so that no format needs more memory than a chunk. Loading keeps them; packing writes them on.
 * Letters: C channels, H height, W width.
 */

import { internalError } from '../core/errors.ts';
import type { Dataset, ImageSet, ImageSetShape } from './dataset.ts';
import { allocateImageSet, imageBytes } from './image-set.ts';

/** Some images in order; valid until the next chunk is asked for. */
export interface ImageChunk {
  /** labels.length × C × H × W bytes (channels planar). */
  readonly pixels: Uint8Array;
  /** Each below the number of classes. */
  readonly labels: ArrayLike<number>;
}

/** One split on disk; every `chunks()` begins at the first image and gives `count` images in all. */
export interface SplitSource extends ImageSetShape {
  /** Throws `FormatError`s; the images before the fault have been given by then. */
  chunks(): AsyncIterable<ImageChunk>;
}

/** A data set on disk, headers read and checked, images not yet. */
export interface DatasetSource {
  readonly name: string;
  /** Class names in label order. */
  readonly classes: readonly string[];
  readonly train: SplitSource;
  readonly validation?: SplitSource;
  readonly test: SplitSource;
}

/** Streams a split into shared memory; `name` is the data set's, for errors. */
export async function loadSplit(name: string, source: SplitSource): Promise<ImageSet> {
  const { channels, height, width, count, maxValue } = source;
  const set = allocateImageSet(name, { channels, height, width, count, maxValue });
  let at = 0;
  for await (const { pixels, labels } of source.chunks()) {
    if (at + labels.length > count) throw internalError(`${name}: more than ${count} images`);
    set.pixels.set(pixels, at * imageBytes(set));
    set.labels.set(labels, at);
    at += labels.length;
  }
  if (at !== count) throw internalError(`${name}: ${at} images of ${count}`);
  return set;
}

/** Loads every split. */
export async function loadDataset(source: DatasetSource): Promise<Dataset<ImageSet>> {
  const { name, classes, train, validation, test } = source;
  return {
    name,
    classes,
    train: await loadSplit(name, train),
    ...(validation && { validation: await loadSplit(name, validation) }),
    test: await loadSplit(name, test),
    skipped: [],
  };
}
