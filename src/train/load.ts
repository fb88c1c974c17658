/** Uses trained networks: loads a checkpoint, classifies images, evaluates a run, predicts files. */
import { internalError } from '../core/errors.ts';
import type { NetSpec } from '../spec/network.ts';
import type { RunConfig } from './config.ts';
import type { Evaluation } from './evaluate.ts';

export interface LoadOptions {
  /** Which checkpoint of a run folder; default `last`. */
  readonly which?: 'last' | 'best';
  /** Default `auto`. */
  readonly kernels?: RunConfig['kernels'];
  /** Default 0: all cores. */
  readonly threads?: number;
}

/** How bytes become a network's input: (pixel / maxValue − mean) / std per channel. */
export interface Preprocessing {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly maxValue: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

export interface LoadedModel {
  readonly spec: NetSpec;
  /** Class names in label order. */
  readonly classes: readonly string[];
  readonly preprocessing: Preprocessing;
  readonly checkpoint: { readonly folder: string; readonly epoch: number; readonly step: number };
  readonly kernels: { readonly name: string; readonly reason: string; readonly threads: number };
  /** What the user should know, e.g. why the native kernels are not used. */
  readonly warnings: readonly string[];
  /** Probabilities of the classes for one or several planar C×H×W images, one array an image. */
  classify(images: Uint8Array): Float32Array[];
  /** Frees the kernels' memory; the model cannot be used afterwards. */
  dispose(): void;
}

/** Loads a network from a run folder or a checkpoint folder. */
export async function loadModel(_folder: string, _options: LoadOptions = {}): Promise<LoadedModel> {
  throw internalError('loadModel is being written');
}

export interface EvaluateOptions extends LoadOptions {
  /** Default `test`. */
  readonly split?: 'train' | 'validation' | 'test';
  /** Where the data lie now, when not where they were. */
  readonly dataDir?: string;
}

export interface RunEvaluation extends Evaluation {
  readonly run: string;
  readonly dataset: string;
  readonly split: 'train' | 'validation' | 'test';
  readonly which: 'last' | 'best';
  readonly epoch: number;
  readonly kernels: string;
  readonly imagesPerSecond: number;
  readonly skipped: readonly string[];
  readonly warnings: readonly string[];
}

/** Evaluates a run's network on a split of the data it was trained with. */
export async function evaluateRun(
  _folder: string,
  _options: EvaluateOptions = {},
): Promise<RunEvaluation> {
  throw internalError('evaluateRun is being written');
}

export interface PredictOptions extends LoadOptions {
  /** How many of the likeliest classes; default 5, at most all. */
  readonly top?: number;
}

export interface FilePrediction {
  readonly file: string;
  /** Likeliest first. */
  readonly top: readonly { readonly name: string; readonly probability: number }[];
}

/** Classifies image files (PNG, JPEG; more with sharp) with a run's network. */
export async function predictFiles(
  _folder: string,
  _files: readonly string[],
  _options: PredictOptions = {},
): Promise<readonly FilePrediction[]> {
  throw internalError('predictFiles is being written');
}
