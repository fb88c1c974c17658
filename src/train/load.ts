/** Uses trained networks: loads a checkpoint, classifies images, evaluates a run, predicts files. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { dataError, internalError, usageError } from '../core/errors.ts';
import { normalisationTable } from '../data/batches/augment.ts';
import type { AnyImageSet, Dataset, SplitName } from '../data/dataset.ts';
import { decodeImageFile } from '../data/images/image-decoder.ts';
import { openDataset } from '../data/open-dataset.ts';
import { measureStatistics } from '../data/statistics.ts';
import type { WeightStorage } from '../formats/weight-storage.ts';
import { chooseKernels } from '../kernels/choose.ts';
import {
  type Classifier,
  type ClassProbability,
  makeClassifier,
  rankClasses,
} from '../model/classifier.ts';
import type { Model } from '../model/model.ts';
import type { ModelCard, Preprocessing } from '../model/model-card.ts';
import {
  checkNetwork,
  type ModelFile,
  modelFromFile,
  withStoredWeights,
} from '../model/model-file.ts';
import type { NetSpec } from '../spec/network.ts';
import { readState } from './checkpoint.ts';
import {
  type DataName,
  dataNames,
  datasetRequest,
  parseConfig,
  type RunConfig,
  resolveConfig,
} from './config.ts';
import { makeEvaluator } from './evaluate.ts';
import { configNetwork } from './network-choice.ts';
import { findRun, readNetwork } from './read-network.ts';
import { readRunConfig } from './run-folder.ts';
import type { Evaluation } from './tally.ts';

/** Which checkpoint, on which kernels. */
export interface LoadOptions {
  /** Which checkpoint of a run folder; default `last`. */
  readonly which?: 'last' | 'best' | undefined;
  /** Default `auto`. */
  readonly kernels?: RunConfig['kernels'] | undefined;
  /** Default 0: all cores. */
  readonly threads?: number | undefined;
  /** What the weights are rounded to, as an export with them would; default `float32`: as they are. */
  readonly weights?: WeightStorage | undefined;
}

/** A trained network, ready to classify. */
export interface LoadedModel {
  readonly spec: NetSpec;
  /** Class names in label order. */
  readonly classes: readonly string[];
  /** The size and number range of the images that `classify` takes. */
  readonly preprocessing: Preprocessing;
  readonly checkpoint: { readonly folder: string; readonly epoch: number; readonly step: number };
  readonly kernels: { readonly name: string; readonly reason: string; readonly threads: number };
  /** What the user should know, e.g. why the native kernels are not used. */
  readonly warnings: readonly string[];
  /**
   * Probabilities of the classes for one or several images, one array an image. Images are planar C×H×W bytes
   * one behind the other, 0…`preprocessing.maxValue`.
   *
   * Throws a usage error when the bytes are not a whole number of images.
   */
  classify(images: Uint8Array): Float32Array[];
  /** Frees the kernels' memory; the model cannot be used afterwards. */
  dispose(): void;
}

/**
 * Loads a network from a run folder or a checkpoint folder.
 *
 * Throws data errors for missing, damaged or newer checkpoints.
 * @example
 * const model = await loadModel('runs/digits');
 * const [probabilities] = model.classify(new Uint8Array(64)); // one 1×8×8 image
 */
export async function loadModel(folder: string, options: LoadOptions = {}): Promise<LoadedModel> {
  const { model, card, checkpoint, kernels, warnings, classifier } = openModel(folder, options);
  const { spec, classes, preprocessing } = card;
  const { maxValue } = preprocessing;
  const bytesPerImage = spec.input.channels * spec.input.height * spec.input.width;
  const table = normalisationTable(maxValue, preprocessing);
  return {
    spec: model.spec,
    classes,
    preprocessing,
    checkpoint: { folder: checkpoint, epoch: card.epoch, step: card.step },
    kernels,
    warnings,
    classify(images) {
      if (images.length === 0 || images.length % bytesPerImage !== 0) {
        const { channels, height, width } = spec.input;
        throw usageError({
          path: 'classify',
          rule: `images must be a multiple of ${channels}×${height}×${width} bytes`,
          got: `${images.length}`,
        });
      }
      return classifier.classify(images, table);
    },
    dispose: classifier.dispose,
  };
}

/** What to evaluate, and with what. */
export interface EvaluateOptions extends LoadOptions {
  /** Default `test`. */
  readonly split?: SplitName | undefined;
  /** Where the data lie now, when not where they were: `data.dir` of the run's configuration. */
  readonly dataDir?: string | undefined;
}

/** An evaluation and what was evaluated. */
export interface RunEvaluation extends Evaluation {
  /** The folder that was given, and the absolute path of the checkpoint in it. */
  readonly run: string;
  readonly which: 'last' | 'best';
  readonly checkpoint: string;
  readonly net: string;
  readonly depth: number;
  readonly dataset: string;
  readonly split: SplitName;
  /** Epochs of training that the network had. */
  readonly epoch: number;
  /** What the weights were rounded to. */
  readonly weights: WeightStorage;
  readonly classes: readonly string[];
  readonly kernels: LoadedModel['kernels'];
  readonly imagesPerSecond: number;
  /** Files left out under skipBad, with the reason. */
  readonly skipped: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Evaluates a run's network on a split of the data it was trained with. Blocks this thread while it computes.
 *
 * Throws data errors for missing or damaged checkpoints and data, usage errors for a split the data lacks.
 * @example const { top1, confusion } = await evaluateRun('runs/digits')
 */
export async function evaluateRun(
  folder: string,
  options: EvaluateOptions = {},
): Promise<RunEvaluation> {
  const { split = 'test', dataDir } = options;
  const { model, card, checkpoint, kernels, warnings, classifier } = openModel(folder, options);
  classifier.dispose();
  const config = configOf(folder, card.dataset, dataDir);
  const dataset = await openDataset(datasetRequest(config));
  const set = splitOf(dataset, split);
  checkFits(checkpoint, card, dataset, set);
  const changed = await hasChanged(dataset, config, card);
  const evaluator = makeEvaluator(model, {
    name: split,
    set,
    classes: card.classes,
    statistics: card.preprocessing,
    batchSize: config.testBatchSize,
  });
  try {
    const began = performance.now();
    const evaluation = evaluator.run();
    if (!evaluation) throw internalError('nobody stopped the evaluation');
    return {
      ...evaluation,
      run: folder,
      which: options.which ?? 'last',
      checkpoint,
      net: card.spec.name,
      depth: card.spec.depth,
      dataset: dataset.name,
      split,
      epoch: card.epoch,
      weights: options.weights ?? 'float32',
      classes: card.classes,
      kernels,
      imagesPerSecond: (1000 * set.count) / (performance.now() - began),
      skipped: dataset.skipped,
      warnings: changed
        ? [...warnings, 'the training images are not those that the network was trained on']
        : warnings,
    };
  } finally {
    evaluator.dispose();
  }
}

/** How many classes, and what of bad files. */
export interface PredictOptions extends LoadOptions {
  /** How many of the likeliest classes; default 5, at most all. */
  readonly top?: number | undefined;
  /** Go on after a file that cannot be decoded; its `error` says why. Default false. */
  readonly skipBad?: boolean | undefined;
}

/** What a network says of an image file. */
export interface FilePrediction {
  readonly file: string;
  /** Likeliest first; empty with an `error`. */
  readonly top: readonly ClassProbability[];
  /** Why the file could not be read, under `skipBad`. */
  readonly error?: string;
}

/**
 * Classifies image files (PNG, JPEG; more with sharp) with a run's network, in the order given. Each is resized to
 * cover the network's input and cropped at its centre, as training images are.
 *
 * Throws a data error that names a file which cannot be decoded, unless `skipBad`.
 * @example
 * for (const { file, top } of await predictFiles('runs/pets', ['cat.jpg'])) console.log(file, top[0]);
 */
export async function predictFiles(
  folder: string,
  files: readonly string[],
  options: PredictOptions = {},
): Promise<readonly FilePrediction[]> {
  const { top = 5, skipBad = false } = options;
  if (!(Number.isInteger(top) && top >= 1)) {
    throw usageError({ path: 'top', rule: 'must be an integer of at least 1', got: `${top}` });
  }
  const { card, classifier } = openModel(folder, options);
  const { spec, classes, preprocessing } = card;
  // Decoded files are bytes of 0…255, whatever range the training images had.
  const table = normalisationTable(255, preprocessing);
  try {
    const predictions: FilePrediction[] = [];
    for (const file of files) {
      try {
        const image = await decodeImageFile(file, spec.input, { share: preprocessing.cropShare });
        const [probabilities] = classifier.classify(image, table);
        predictions.push({ file, top: rankClasses(classes, probabilities!).slice(0, top) });
      } catch (error) {
        if (!skipBad || !(error instanceof Error)) throw error;
        predictions.push({ file, top: [], error: error.message });
      }
    }
    return predictions;
  } finally {
    classifier.dispose();
  }
}

/** A network in memory, and where it came from. */
export interface OpenedModel {
  readonly model: Model;
  readonly card: ModelCard;
  /** Absolute path. */
  readonly checkpoint: string;
  readonly kernels: LoadedModel['kernels'];
  readonly warnings: readonly string[];
  readonly classifier: Classifier;
}

/** The network at a run, folder or file in the kernels’ memory. Throws as `loadModel` does. */
export function openModel(folder: string, options: LoadOptions): OpenedModel {
  const { which = 'last', kernels: name = 'auto', threads = 0, weights = 'float32' } = options;
  const { network: file, place: checkpoint } = readNetwork(folder, which);
  if (path.resolve(folder) !== checkpoint) checkBelongs(folder, checkpoint, file);
  const choice = chooseKernels({ kernels: name, threads });
  const { kernels, reason, warnings } = choice;
  const model = modelFromFile(withStoredWeights(file, weights), kernels);
  return {
    model,
    card: file.card,
    checkpoint,
    kernels: { name: kernels.name, reason, threads: kernels.threads },
    warnings,
    classifier: makeClassifier(model),
  };
}

/** A checkpoint in a run folder must be of the run's network, and of a format that we know. */
function checkBelongs(run: string, checkpoint: string, file: ModelFile): void {
  if (!existsSync(path.join(run, 'config.json'))) return;
  readState(checkpoint);
  const { input, classes } = file.card.spec;
  checkNetwork(file, configNetwork(readRunConfig(run), { input, classes }));
}

/**
 * The run's configuration, from a run folder or the one that a checkpoint lies in; else what opens the data set of that
 * name.
 */
export function configOf(folder: string, dataset: string, dataDir: string | undefined): RunConfig {
  const run = findRun(folder);
  if (run === undefined && !(dataNames as readonly string[]).includes(dataset)) {
    throw dataError({
      path: folder,
      rule: 'must be a run to know its data',
      got: dataset || 'none',
    });
  }
  const config =
    run === undefined
      ? resolveConfig(undefined, { data: { name: dataset as DataName } })
      : readRunConfig(run);
  if (dataDir === undefined) return config;
  return parseConfig({ ...config, data: { ...config.data, dir: dataDir } });
}

/** A split of the data. Throws a usage error with those that there are. */
export function splitOf(dataset: Dataset, split: SplitName): AnyImageSet {
  const set = dataset[split];
  if (set) return set;
  const known = (['train', 'validation', 'test'] as const).filter((name) => dataset[name]);
  throw usageError({
    path: 'split',
    rule: `${dataset.name} must have the split`,
    got: split,
    hint: `it has ${known.join(', ')}; data.valSplit makes a validation split`,
  });
}

/** Throws a data error when a network takes other images than the set has, or knows other classes. */
export function checkFits(
  checkpoint: string,
  card: ModelCard,
  dataset: Dataset,
  set: AnyImageSet,
): void {
  const { channels, height, width } = card.spec.input;
  const text = (shape: { channels: number; height: number; width: number }) =>
    `${shape.channels}×${shape.height}×${shape.width}`;
  if (text(set) !== `${channels}×${height}×${width}`) {
    const rule = `takes images of ${text(card.spec.input)}`;
    throw dataError({ path: checkpoint, rule, got: `${dataset.name} of ${text(set)}` });
  }
  if (JSON.stringify(dataset.classes) !== JSON.stringify(card.classes)) {
    throw dataError({
      path: checkpoint,
      rule: `knows the classes ${card.classes.join(', ')}`,
      got: `${dataset.name} with ${dataset.classes.join(', ')}`,
    });
  }
}

/** Whether mean or deviation of the training images are others than in training. */
async function hasChanged(dataset: Dataset, config: RunConfig, card: ModelCard): Promise<boolean> {
  const { mean, std } = config.data.statistics ?? (await measureStatistics(dataset.train));
  const { preprocessing } = card;
  return JSON.stringify([mean, std]) !== JSON.stringify([preprocessing.mean, preprocessing.std]);
}
