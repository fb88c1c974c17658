/**
 * Looks over an opened data set: how many images of each class, what they look like, and what should not be
 * there. Gives a plain object; prints nothing.
 */

import { createHash } from 'node:crypto';
import type { ChannelStatistics, Dataset, ImageSet } from './dataset.ts';
import { imageBytes } from './image-set.ts';
import { channelStatistics } from './statistics.ts';

/** The splits of a data set, by name. */
type SplitName = 'train' | 'validation' | 'test';

interface SplitReport {
  readonly split: SplitName;
  readonly count: number;
  /** Images of each class, in label order. */
  readonly perClass: readonly number[];
}

/** What `checkDataset` found. */
export interface DatasetReport {
  readonly name: string;
  readonly classes: readonly string[];
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly maxValue: number;
  readonly splits: readonly SplitReport[];
  /** Of the training images, in units of `maxValue`. */
  readonly statistics: ChannelStatistics;
  /** Images whose pixels equal those of an earlier one; their labels are not compared. */
  readonly duplicates: {
    readonly withinTrain: number;
    /** Test images that are training images, too. */
    readonly testInTrain: number;
    /** Absent without a validation split. */
    readonly validationInTrain?: number;
  };
  /** Files left out under `skipBad`, with the reason. */
  readonly skipped: readonly string[];
}

/** Counts, measures and compares all images; takes about a second for CIFAR-10. */
export function checkDataset(dataset: Dataset): DatasetReport {
  const { name, classes, train, validation, test, skipped } = dataset;
  const { channels, height, width, maxValue } = train;
  const countSplit = (split: SplitName, { count, labels }: ImageSet): SplitReport => {
    const perClass = classes.map(() => 0);
    for (const label of labels) perClass[label]!++;
    return { split, count, perClass };
  };
  const inTrain = new Set(hashImages(train));
  const countInTrain = (set: ImageSet) =>
    hashImages(set).filter((hash) => inTrain.has(hash)).length;
  return {
    name,
    classes,
    channels,
    height,
    width,
    maxValue,
    splits: [
      countSplit('train', train),
      ...(validation ? [countSplit('validation', validation)] : []),
      countSplit('test', test),
    ],
    statistics: channelStatistics(train),
    duplicates: {
      withinTrain: train.count - inTrain.size,
      testInTrain: countInTrain(test),
      ...(validation && { validationInTrain: countInTrain(validation) }),
    },
    skipped,
  };
}

/** A hash of every image's pixels. */
function hashImages(set: ImageSet): readonly string[] {
  const size = imageBytes(set);
  return Array.from({ length: set.count }, (_, i) =>
    createHash('sha1')
      .update(set.pixels.subarray(i * size, (i + 1) * size))
      .digest('base64'),
  );
}
