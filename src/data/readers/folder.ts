/**
 * Labelled images in folders: `root/train/<class>/…` beside `root/test/<class>/…` (or `val`, which with
 * `test` there as well becomes the validation split), or `root/<class>/…` split at random, class by class.
 * Every image is brought to S×S RGB, as image-decoder.ts describes.
 */

import { availableParallelism } from 'node:os';
import path from 'node:path';
import { dataError, IgcError, usageError } from '../../core/errors.ts';
import { stream } from '../../core/random.ts';
import { forEachBounded } from '../bounded.ts';
import type { Dataset, ImageSet } from '../dataset.ts';
import { allocateImageSet, imageBytes, selectImages } from '../image-set.ts';
import { decodedAtOnce } from '../images/encoded-images.ts';
import { decodeImageFile } from '../images/image-decoder.ts';
import type { ImageDecoder } from '../images/rgb-image.ts';
import { splitByClass } from '../split.ts';
import { type Listing, listClasses, listFolders } from './folder-listing.ts';

/** How a folder of images is read. */
export interface FolderRequest {
  readonly dir: string;
  /** Side S of the square images, in pixels; 32. */
  readonly imgSize?: number | undefined;
  /** Seed of the run; decides the split of a folder that has none. */
  readonly seed: number;
  /** Share of every class that becomes the test split when the folder has none; 0.2. */
  readonly testSplit?: number | undefined;
  /** Leave out images that cannot be decoded and list them, instead of failing. */
  readonly skipBad?: boolean | undefined;
  /** The best one installed. */
  readonly decoder?: ImageDecoder | undefined;
}

/** The listings of a folder that is split already. */
interface Splits {
  readonly train: Listing;
  readonly validation?: Listing;
  readonly test: Listing;
}

/** A listing's images, and what was left out under `skipBad`. */
interface Decoded {
  readonly set: ImageSet;
  readonly skipped: readonly string[];
}

/**
 * Reads a folder of images wholly into memory: 3·S² bytes an image.
 *
 * Throws usage and data errors; an image that cannot be decoded is named, unless `skipBad`.
 */
export async function openFolder(request: FolderRequest): Promise<Dataset<ImageSet>> {
  const splits = await findSplits(request);
  if (splits === undefined) return splitAtRandom(request, await listClasses(request.dir));
  const train = await decodeAll(splits.train, request);
  const validation = splits.validation && (await decodeAll(splits.validation, request));
  const test = await decodeAll(splits.test, request);
  return {
    name: 'folder',
    classes: splits.train.classes,
    train: train.set,
    ...(validation && { validation: validation.set }),
    test: test.set,
    skipped: [train, validation, test].flatMap((part) => part?.skipped ?? []),
  };
}

/** Undefined for a folder of classes, that has no splits. */
async function findSplits(request: FolderRequest): Promise<Splits | undefined> {
  const { dir, testSplit } = request;
  const folders = await listFolders(dir);
  const trainDir = path.join(dir, 'train');
  // A folder `train` of images, not of folders, is a class like any other.
  const isSplit = folders.includes('train') && (await listFolders(trainDir)).length > 0;
  if (!isSplit) return undefined;
  const testNames = ['test', 'val'].filter((name) => folders.includes(name));
  if (testNames.length === 0) {
    throw dataError({
      path: 'folder',
      rule: `${dir} must hold test or val beside train`,
      got: folders.join(', '),
      hint: `give ${trainDir} as data.dir to have a test split made of it`,
    });
  }
  if (testSplit !== undefined) {
    throw usageError({
      path: 'data.testSplit',
      rule: `is only for a folder without a test split, and ${dir} has one`,
      got: String(testSplit),
    });
  }
  const train = await listClasses(trainDir);
  const [test, validation] = await Promise.all(
    testNames.map((name) => listClasses(path.join(dir, name), train.classes)),
  );
  return { train, test: test!, ...(validation && { validation }) };
}

/** Decoded first, then split, so that files left out cannot empty a class's share of test images. */
async function splitAtRandom(request: FolderRequest, all: Listing): Promise<Dataset<ImageSet>> {
  const { seed, testSplit = 0.2 } = request;
  checkSplittable(all, all.labels, 'images');
  const { set, skipped } = await decodeAll(all, request);
  checkSplittable(all, set.labels, 'decodable images');
  const { kept, held } = splitByClass(set.labels, testSplit, stream(seed, 'test-split'));
  return {
    name: 'folder',
    classes: all.classes,
    train: selectImages('folder', set, kept),
    test: selectImages('folder', set, held),
    skipped,
  };
}

function checkSplittable(
  { classes }: Listing,
  labels: ArrayLike<number> & Iterable<number>,
  what: string,
): void {
  const sizes = classes.map(() => 0);
  for (const label of labels) sizes[label]!++;
  const lonely = sizes.findIndex((size) => size < 2);
  if (lonely < 0) return;
  throw dataError({
    path: 'folder',
    rule: `every class must have at least 2 ${what} to be split`,
    got: `${sizes[lonely]} in "${classes[lonely]}"`,
  });
}

async function decodeAll(
  listing: Listing,
  { imgSize = 32, skipBad = false, decoder }: FolderRequest,
): Promise<Decoded> {
  const shape = { channels: 3, height: imgSize, width: imgSize };
  const count = listing.files.length;
  const set = allocateImageSet('folder', { ...shape, maxValue: 255, count });
  set.labels.set(listing.labels);
  const reasons = new Map<number, string>();
  await forEachBounded(count, Math.max(decodedAtOnce, availableParallelism()), async (i) => {
    try {
      const pixels = await decodeImageFile(listing.files[i]!, shape, { decoder });
      set.pixels.set(pixels, i * imageBytes(shape));
    } catch (error) {
      if (!(error instanceof IgcError) || error.kind !== 'data') throw error;
      if (!skipBad) throw withHint(error);
      reasons.set(i, error.message);
    }
  });
  if (reasons.size === 0) return { set, skipped: [] };
  const good = Uint32Array.from(listing.labels.keys()).filter((i) => !reasons.has(i));
  checkClassesLeft(listing, good);
  const bad = [...reasons.keys()].sort((a, b) => a - b);
  return { set: selectImages('folder', set, good), skipped: bad.map((i) => reasons.get(i)!) };
}

function withHint(error: IgcError): Error {
  const joint = error.message.includes('; ') ? ', or' : ';';
  return new IgcError(
    'data',
    `${error.message}${joint} pass data.skipBad to leave such files out`,
    {
      cause: error.cause,
    },
  );
}

function checkClassesLeft(listing: Listing, good: Uint32Array): void {
  const left = new Set(Array.from(good, (i) => listing.labels[i]));
  const lost = listing.labels.find((label) => !left.has(label));
  if (lost === undefined) return;
  throw dataError({
    path: 'folder',
    rule: 'every class must have a decodable image',
    got: `none in "${listing.classes[lost]}"`,
    hint: 'data.skipBad left out all of them',
  });
}
