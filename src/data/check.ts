/**
 * Looks over an opened data set: how many images of each class, what they look like, and what should not be
 * there. Reads every image. Gives a plain object; prints nothing.
 */

import { createHash } from 'node:crypto';
import { IgcError } from '../core/errors.ts';
import { forEachBounded } from './bounded.ts';
import type { AnyImageSet, ChannelStatistics, Dataset, SplitName } from './dataset.ts';
import { imagePixels } from './image-set.ts';
import { decodedAtOnce, decodeEncoded, readEncoded } from './images/encoded-images.ts';
import { measureStatistics } from './statistics.ts';

interface SplitReport {
  readonly split: SplitName;
  readonly count: number;
  /** Images of each class, in label order. */
  readonly perClass: readonly number[];
  /** Of images that are decoded when needed: the smallest and largest sides there are, in pixels. */
  readonly sizes?: {
    readonly smallest: readonly [width: number, height: number];
    readonly largest: readonly [width: number, height: number];
  };
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
  /** Images whose pixels (of encoded ones, whose files) equal those of an earlier one; labels are not compared. */
  readonly duplicates: {
    readonly withinTrain: number;
    /** Test images that are training images, too. */
    readonly testInTrain: number;
    /** Absent without a validation split. */
    readonly validationInTrain?: number;
  };
  /** Files left out under `skipBad`, with the reason. */
  readonly skipped: readonly string[];
  /** Images that cannot be decoded, with the reason (of sets that are decoded when needed). */
  readonly undecodable: readonly string[];
}

/** What was read of one split. */
interface Inspection {
  readonly report: SplitReport;
  /** A hash of every image. */
  readonly hashes: readonly string[];
  readonly undecodable: readonly string[];
}

/** Counts, measures and compares all images; takes about a second for CIFAR-10. */
export async function checkDataset(dataset: Dataset): Promise<DatasetReport> {
  const { name, classes, train, validation, test, skipped } = dataset;
  const { channels, height, width, maxValue } = train;
  const inspect = (split: SplitName, set: AnyImageSet) => inspectSplit(split, set, classes.length);
  const inspections = {
    train: await inspect('train', train),
    ...(validation && { validation: await inspect('validation', validation) }),
    test: await inspect('test', test),
  };
  const inTrain = new Set(inspections.train.hashes);
  const countInTrain = ({ hashes }: Inspection) => hashes.filter((h) => inTrain.has(h)).length;
  const all = Object.values(inspections);
  const undecodable = all.flatMap((inspection) => inspection.undecodable);
  return {
    name,
    classes,
    channels,
    height,
    width,
    maxValue,
    splits: all.map(({ report }) => report),
    statistics: await statisticsOf(train, undecodable.length > 0),
    duplicates: {
      withinTrain: train.count - inTrain.size,
      testInTrain: countInTrain(inspections.test),
      ...(inspections.validation && { validationInTrain: countInTrain(inspections.validation) }),
    },
    skipped,
    undecodable,
  };
}

/** Nothing is measured where images are broken: the check has failed already. */
async function statisticsOf(train: AnyImageSet, isBroken: boolean): Promise<ChannelStatistics> {
  if (isBroken) return { mean: [], std: [] };
  return measureStatistics(train);
}

async function inspectSplit(
  split: SplitName,
  set: AnyImageSet,
  classes: number,
): Promise<Inspection> {
  const perClass = new Array<number>(classes).fill(0);
  for (const label of set.labels) perClass[label]!++;
  const report = { split, count: set.count, perClass };
  if (!('encoded' in set)) {
    const hashes = Array.from({ length: set.count }, (_, i) => hash(imagePixels(set, i)));
    return { report, hashes, undecodable: [] };
  }
  const hashes: string[] = new Array(set.count);
  const reasons = new Map<number, string>();
  const sizes: (readonly [number, number])[] = [];
  await forEachBounded(set.count, decodedAtOnce, async (i) => {
    hashes[i] = hash(await readEncoded(set.encoded, i));
    try {
      const { width, height } = await decodeEncoded(set, i);
      sizes.push([width, height]);
    } catch (error) {
      if (!(error instanceof IgcError)) throw error;
      reasons.set(i, error.message);
    }
  });
  sizes.sort(([w, h], [v, k]) => w * h - v * k || w - v);
  const undecodable = [...reasons].sort(([i], [j]) => i - j).map(([, reason]) => reason);
  const [smallest, largest] = [sizes[0], sizes.at(-1)];
  const measured = smallest && largest ? { ...report, sizes: { smallest, largest } } : report;
  return { report: measured, hashes, undecodable };
}

function hash(bytes: Uint8Array): string {
  return createHash('sha1').update(bytes).digest('base64');
}
