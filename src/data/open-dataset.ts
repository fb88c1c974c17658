/**
 * The one way to open a data set: a table with a row per format, the checks that all share, and the
 * validation split.
 */

import { suggestName, usageError } from '../core/errors.ts';
import { stream } from '../core/random.ts';
import type { AnyImageSet, Dataset, ImageSetShape } from './dataset.ts';
import { selectImages } from './image-set.ts';
import { openPack } from './pack/read-pack.ts';
import { openCifar10, openCifar100 } from './readers/cifar.ts';
import { openDigits } from './readers/digits.ts';
import { openFolder } from './readers/folder.ts';
import { openIdx } from './readers/idx.ts';
import { openImagenet } from './readers/imagenet.ts';
import { openSvhn } from './readers/svhn.ts';
import { openSynthetic, type SyntheticOptions } from './readers/synthetic.ts';
import { type DatasetSource, loadDataset } from './source.ts';
import { splitByClass } from './split.ts';

/** Which data set, and how: the part `data` of a configuration, and its seed. Options that the format does not take are errors. */
export interface DatasetRequest {
  /** One of `datasetNames`. */
  readonly name: string;
  /** cifar10, cifar100: the folder or its parent, searched for when absent. folder, imagenet: the images; packed: the file; required. */
  readonly dir?: string | undefined;
  /** svhn: the official split, or the paper's with its validation images; `official`. */
  readonly split?: 'official' | 'paper' | undefined;
  /** Share of every class held out of train for validation, in [0, 1); 0. */
  readonly valSplit?: number | undefined;
  /** Side of the images in pixels; only folders of images can choose it. */
  readonly imgSize?: number | undefined;
  /** Seed of the run; decides the validation split, and the test split of a folder that has none. */
  readonly seed: number;
  /** folder: leave out images that cannot be decoded and list them. */
  readonly skipBad?: boolean | undefined;
  /** folder: share of every class that becomes the test split when the folder has none, in (0, 1); 0.2. */
  readonly testSplit?: number | undefined;
  readonly synthetic?: SyntheticOptions | undefined;
}

type FormatOption = 'dir' | 'split' | 'skipBad' | 'testSplit' | 'synthetic';

/** A format whose images stream from disk, or one that opens by itself. */
type Format = {
  /** The options that it takes besides those of every format. */
  readonly takes: readonly FormatOption[];
} & (
  | { readonly source: (request: DatasetRequest) => Promise<DatasetSource> }
  | { readonly open: (request: DatasetRequest) => Promise<Dataset> }
);

const formats = {
  digits: { takes: [], open: () => openDigits() },
  cifar10: { takes: ['dir'], source: ({ dir }) => openCifar10(dir) },
  cifar100: { takes: ['dir'], source: ({ dir }) => openCifar100(dir) },
  svhn: {
    takes: ['dir', 'split'],
    source: ({ dir, split = 'official' }) => openSvhn({ dir, split }),
  },
  mnist: { takes: ['dir'], source: ({ dir }) => openIdx('mnist', dir) },
  'fashion-mnist': { takes: ['dir'], source: ({ dir }) => openIdx('fashion-mnist', dir) },
  folder: {
    takes: ['dir', 'skipBad', 'testSplit'],
    open: (request) => openFolder({ ...request, dir: requireDir(request) }),
  },
  imagenet: {
    takes: ['dir'],
    open: (request) => openImagenet({ ...request, dir: requireDir(request) }),
  },
  packed: { takes: ['dir'], open: (request) => openPacked(requireDir(request), request.imgSize) },
  synthetic: { takes: ['synthetic'], open: async ({ synthetic }) => openSynthetic(synthetic) },
} as const satisfies Record<string, Format>;

/** The names that `openDataset` knows. */
export const datasetNames: readonly string[] = Object.keys(formats);

/**
 * Opens a data set: in (shared) memory, mapped (`packed`), or listed, to be decoded when needed (`imagenet`).
 *
 * Throws usage errors for wrong requests, data errors for missing or corrupt files.
 * @example const { train, test } = await openDataset({ name: 'digits', seed: 0 })
 */
export async function openDataset(request: DatasetRequest): Promise<Dataset> {
  const opened = await openStreaming(request);
  const isOpen = !('chunks' in opened.train);
  const dataset = isOpen ? (opened as Dataset) : await loadDataset(opened as DatasetSource);
  return holdOutValidation(request, dataset);
}

/**
 * Opens a data set without loading what can be streamed, and without a validation split held out.
 *
 * Throws as `openDataset` does.
 */
export async function openStreaming(request: DatasetRequest): Promise<Dataset | DatasetSource> {
  const format: Format = findFormat(request.name);
  checkRequest(request, format);
  const opened = 'source' in format ? await format.source(request) : await format.open(request);
  checkImageSize(request, opened.train);
  return opened;
}

function findFormat(name: string): Format {
  const table: Readonly<Record<string, Format>> = formats;
  const format = Object.hasOwn(table, name) ? table[name] : undefined;
  if (format !== undefined) return format;
  throw usageError({
    path: 'data.name',
    rule: 'unknown data set',
    got: `"${name}"`,
    hint: suggestName(name, datasetNames),
  });
}

function checkRequest(request: DatasetRequest, format: Format): void {
  const { name, valSplit = 0, testSplit, imgSize } = request;
  for (const option of ['dir', 'split', 'skipBad', 'testSplit', 'synthetic'] as const) {
    const value = request[option];
    const isDefault = value === undefined || value === false || value === 'official';
    if (isDefault || format.takes.includes(option)) continue;
    throw usageError({
      path: `data.${option}`,
      rule: `is not an option of ${name}`,
      got: JSON.stringify(value),
      ...(name === 'imagenet' &&
        option === 'skipBad' && { hint: '"igc data check" names the images to remove' }),
    });
  }
  if (!(valSplit >= 0 && valSplit < 1)) {
    const rule = 'must be at least 0 and below 1';
    throw usageError({ path: 'data.valSplit', rule, got: String(valSplit) });
  }
  if (testSplit !== undefined && !(testSplit > 0 && testSplit < 1)) {
    const rule = 'must be above 0 and below 1';
    throw usageError({ path: 'data.testSplit', rule, got: String(testSplit) });
  }
  if (imgSize !== undefined && !(Number.isInteger(imgSize) && imgSize >= 1)) {
    const rule = 'must be a whole number of pixels from 1';
    throw usageError({ path: 'data.imgSize', rule, got: String(imgSize) });
  }
}

function requireDir({ name, dir }: DatasetRequest): string {
  if (dir !== undefined) return dir;
  throw usageError({
    path: 'data.dir',
    rule: `must name ${name === 'packed' ? 'the packed file' : 'the folder of labelled images'}`,
    got: 'nothing',
    hint: 'give it as data.dir',
  });
}

/** Encoded images take any size when they are decoded. */
async function openPacked(file: string, imgSize: number | undefined): Promise<Dataset> {
  const dataset = await openPack(file);
  const resize = (set: AnyImageSet) =>
    'encoded' in set && imgSize !== undefined ? { ...set, height: imgSize, width: imgSize } : set;
  const { train, validation, test } = dataset;
  return {
    ...dataset,
    train: resize(train),
    ...(validation && { validation: resize(validation) }),
    test: resize(test),
  };
}

function checkImageSize({ name, imgSize }: DatasetRequest, train: ImageSetShape): void {
  if (imgSize === undefined || (imgSize === train.height && imgSize === train.width)) return;
  throw usageError({
    path: 'data.imgSize',
    rule: `the images of ${name} are ${train.height}×${train.width}`,
    got: String(imgSize),
    hint: 'only folders of images are resized',
  });
}

function holdOutValidation({ valSplit = 0, seed }: DatasetRequest, dataset: Dataset): Dataset {
  if (valSplit === 0) return dataset;
  if (dataset.validation !== undefined) {
    throw usageError({
      path: 'data.valSplit',
      rule: 'must be 0 when the data set has a validation split',
      got: String(valSplit),
      hint: 'leave it out',
    });
  }
  const { kept, held } = splitByClass(dataset.train.labels, valSplit, stream(seed, 'validation'));
  return {
    ...dataset,
    train: selectImages(dataset.name, dataset.train, kept),
    validation: selectImages(dataset.name, dataset.train, held),
  };
}
