/**
 * What a training run reports while it goes on: plain objects, the same for the console, the run folder and the
 * page. Letters: none. Times are milliseconds; accuracies and errors are percent, 0…100.
 */
import type { RunConfig } from './config.ts';

/** One row of metrics.jsonl: an epoch. Everything outside `time` repeats bit for bit. */
export interface MetricsRow {
  /** Epochs finished, from 1. */
  readonly epoch: number;
  /** Steps finished, all epochs together. */
  readonly step: number;
  /** Learning rate of the epoch's last step. */
  readonly learningRate: number;
  /** Means over the epoch's training batches, as they were seen in training. */
  readonly trainLoss: number;
  /** Percent. */
  readonly trainAccuracy: number;
  /** Present in epochs that were evaluated; accuracies in percent. */
  readonly validationLoss?: number;
  readonly validationAccuracy?: number;
  readonly testLoss?: number;
  readonly testAccuracy?: number;
  readonly time: {
    /** When the row was written, ISO 8601. */
    readonly at: string;
    /** Training images per second, evaluation and checkpoints left out. */
    readonly imagesPerSecond: number;
    /** Training alone, then evaluation alone. */
    readonly trainMs: number;
    readonly evalMs: number;
    /** How long steps waited for data. */
    readonly waitedMs: number;
  };
}

/** summary.json: what a finished run amounts to. */
export interface RunSummary {
  readonly name: string;
  readonly net: string;
  readonly depth: number;
  readonly dataset: string;
  readonly classes: number;
  /** Epochs trained. */
  readonly epochs: number;
  /** Present when early stopping ended the run before the last epoch of its configuration. */
  readonly stoppedEarly?: true;
  readonly steps: number;
  readonly seed: number;
  /** After the last epoch, in percent; testError is 100 − testAccuracy. */
  readonly testAccuracy: number;
  readonly testError: number;
  readonly testLoss: number;
  /** After the last epoch, in percent; absent without a validation split. */
  readonly validationAccuracy?: number;
  /** Percent, of the epoch that was best on `bestChosenOn`. */
  readonly bestTestAccuracy: number;
  readonly bestEpoch: number;
  readonly bestChosenOn: 'validation' | 'test';
  /** Every trainable value, batch norm included. */
  readonly params: number;
  /** The paper's convention: convolutions and fc, no batch norm. */
  readonly paramsPaper: number;
  /** Multiply-adds per image, convolutions and fc. */
  readonly macs: number;
  readonly kernels: string;
  readonly threads: number;
  readonly wallMs: number;
  readonly imagesPerSecond: number;
  /** Share of the training time that steps waited for data. */
  readonly dataWaitFraction: number;
  readonly skippedFiles: number;
  /** ISO 8601. */
  readonly finishedAt: string;
}

/** The first event: what will be trained, on what, with which kernels. */
export interface StartEvent {
  readonly kind: 'start';
  readonly name: string;
  /** Absolute path of the run folder. */
  readonly folder: string;
  readonly config: RunConfig;
  /** Where a resumed run goes on; absent in a new one. */
  readonly resumed?: { readonly epoch: number; readonly step: number };
  /** What the run begins with, in words, where not with drawn values. */
  readonly initial?: string;
  readonly stepsPerEpoch: number;
  readonly steps: number;
  /** Images in each step. */
  readonly batchSize: number;
  readonly dataset: {
    readonly name: string;
    readonly classes: readonly string[];
    readonly trainImages: number;
    readonly validationImages: number;
    readonly testImages: number;
    /** Files left out under skipBad, with the reason. */
    readonly skipped: readonly string[];
  };
  readonly params: number;
  readonly paramsPaper: number;
  readonly macs: number;
  readonly kernels: { readonly name: string; readonly reason: string; readonly threads: number };
  /** Of a run of several processes: this one, from 0, and where they all run; absent for one alone. */
  readonly team?: {
    readonly rank: number;
    readonly ranks: number;
    readonly hosts: readonly string[];
    readonly library: string;
  };
}

/** Progress inside an epoch; at most about ten a second leave the worker. */
export interface StepEvent {
  readonly kind: 'step';
  /** The epoch that is going on, from 1, of `epochs`. */
  readonly epoch: number;
  readonly epochs: number;
  /** Steps finished in this epoch and altogether. */
  readonly stepInEpoch: number;
  readonly stepsPerEpoch: number;
  readonly step: number;
  readonly steps: number;
  readonly learningRate: number;
  /** Of this step's batch. */
  readonly loss: number;
  /** Means over the epoch so far; the accuracy in percent. */
  readonly trainLoss: number;
  readonly trainAccuracy: number;
  readonly imagesPerSecond: number;
  readonly waitedMs: number;
  /** Estimate for the rest of the run, evaluations included. */
  readonly remainingMs: number;
}

/** An epoch is over, and its row written. */
export interface EpochEvent {
  readonly kind: 'epoch';
  readonly epochs: number;
  readonly row: MetricsRow;
  /** Is this the best epoch so far? */
  readonly best: boolean;
}

/** A checkpoint was written. */
export interface CheckpointEvent {
  readonly kind: 'checkpoint';
  readonly which: 'last' | 'best';
  /** Absolute path of the checkpoint folder. */
  readonly folder: string;
  readonly epoch: number;
  readonly step: number;
}

/** Something the user should know that does not stop the run. */
export interface WarningEvent {
  readonly kind: 'warning';
  readonly message: string;
}

/** The run is over, and its summary written. */
export interface DoneEvent {
  readonly kind: 'done';
  readonly folder: string;
  readonly summary: RunSummary;
}

/** Everything that `train` yields. */
export type TrainEvent =
  | StartEvent
  | StepEvent
  | EpochEvent
  | CheckpointEvent
  | WarningEvent
  | DoneEvent;
