/**
 * Labelled images in folders: `root/train/<class>/…` beside `root/test/<class>/…` (or `val`, which with
 * `test` there as well becomes the validation split), or `root/<class>/…` split at random, class by class.
 * Every image is brought to S×S RGB, as image-decoder.ts describes.
 */

import { availableParallelism } from 'node:os';
import path from 'node:path';
import { dataError, IgcError, usageError } from '../core/errors.ts';
import { stream } from '../core/random.ts';
import { forEachBounded } from './bounded.ts';
import type { Dataset, ImageSet } from './dataset.ts';
import { type Listing, listClasses, listFolders } from './folder-listing.ts';
import { decodeImageFile } from './image-decoder.ts';
import { allocateImageSet, imageBytes, selectImages } from './image-set.ts';
import type { ImageDecoder } from './rgb-image.ts';
import { splitByClass } from './split.ts';

/** How a folder of images is read. */
export interface FolderRequest {
  readonly dataDir: string;
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

interface Splits {
  readonly train: Listing;
  readonly validation?: Listing;
  readonly test: Listing;
}

/**
 * Reads a folder of images wholly into memory: 3·S² bytes an image.
 *
 * Throws usage and data errors; an image that cannot be decoded is named, unless `skipBad`.
 */
export async function openFolder(request: FolderRequest): Promise<Dataset> {
  const { train, validation, test } = await findSplits(request);
  const skipped: string[] = [];
  return {
    name: 'folder',
    classes: train.classes,
    train: await decodeAll(train, request, skipped),
    ...(validation && { validation: await decodeAll(validation, request, skipped) }),
    test: await decodeAll(test, request, skipped),
    skipped,
  };
}

async function findSplits(request: FolderRequest): Promise<Splits> {
  const { dataDir, testSplit } = request;
  const folders = await listFolders(dataDir);
  const trainDir = path.join(dataDir, 'train');
  // A folder `train` of images, not of folders, is a class like any other.
  const isSplit = folders.includes('train') && (await listFolders(trainDir)).length > 0;
  if (!isSplit) return splitListing(request, await listClasses(dataDir));
  const testNames = ['test', 'val'].filter((name) => folders.includes(name));
  if (testNames.length === 0) {
    throw dataError({
      path: 'folder',
      rule: `${dataDir} must hold test or val beside train`,
      got: folders.join(', '),
      hint: `give ${trainDir} as dataDir to have a test split made of it`,
    });
  }
  if (testSplit !== undefined) {
    throw usageError({
      path: 'data.testSplit',
      rule: `is only for a folder without a test split, and ${dataDir} has one`,
      got: String(testSplit),
    });
  }
  const train = await listClasses(trainDir);
  const [test, validation] = await Promise.all(
    testNames.map((name) => listClasses(path.join(dataDir, name), train.classes)),
  );
  return { train, test: test!, ...(validation && { validation }) };
}

function splitListing({ seed, testSplit = 0.2 }: FolderRequest, all: Listing): Splits {
  const sizes = all.classes.map((_, label) => all.labels.filter((l) => l === label).length);
  const lonely = sizes.indexOf(1);
  if (lonely >= 0) {
    throw dataError({
      path: 'folder',
      rule: `every class must have at least 2 images to be split, got 1 in "${all.classes[lonely]}"`,
    });
  }
  const { kept, held } = splitByClass(all.labels, testSplit, stream(seed, 'test-split'));
  const pick = (indices: Uint32Array): Listing => ({
    classes: all.classes,
    files: Array.from(indices, (i) => all.files[i]!),
    labels: Array.from(indices, (i) => all.labels[i]!),
  });
  return { train: pick(kept), test: pick(held) };
}

async function decodeAll(
  listing: Listing,
  { imgSize = 32, skipBad = false, decoder }: FolderRequest,
  skipped: string[],
): Promise<ImageSet> {
  const shape = { channels: 3, height: imgSize, width: imgSize };
  const count = listing.files.length;
  const set = allocateImageSet('folder', { ...shape, maxValue: 255, count });
  set.labels.set(listing.labels);
  const reasons = new Map<number, string>();
  // sharp decodes on Node's own pool of 4 threads; a few more keep it busy while files are read.
  await forEachBounded(count, Math.max(6, availableParallelism()), async (i) => {
    try {
      const pixels = await decodeImageFile(listing.files[i]!, shape, decoder);
      set.pixels.set(pixels, i * imageBytes(shape));
    } catch (error) {
      if (!(error instanceof IgcError) || error.kind !== 'data') throw error;
      if (!skipBad) throw withHint(error);
      reasons.set(i, error.message);
    }
  });
  if (reasons.size === 0) return set;
  const good = Uint32Array.from(listing.labels.keys()).filter((i) => !reasons.has(i));
  checkClassesLeft(listing, good);
  for (const i of [...reasons.keys()].sort((a, b) => a - b)) skipped.push(reasons.get(i)!);
  return selectImages('folder', set, good);
}

function withHint(error: IgcError): Error {
  const joint = error.message.includes('; ') ? ', or' : ';';
  return new IgcError('data', `${error.message}${joint} pass skipBad to leave such files out`, {
    cause: error.cause,
  });
}

function checkClassesLeft(listing: Listing, good: Uint32Array): void {
  const left = new Set(Array.from(good, (i) => listing.labels[i]));
  const lost = listing.labels.find((label) => !left.has(label));
  if (lost === undefined) return;
  throw dataError({
    path: 'folder',
    rule: 'every class must have a decodable image',
    got: `none in "${listing.classes[lost]}"`,
    hint: 'skipBad left out all of them',
  });
}
