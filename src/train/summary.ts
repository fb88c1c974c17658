/** summary.json: what a finished run amounts to, from its rows of metrics and its counters. */

import path from 'node:path';
import { internalError } from '../core/errors.ts';
import { countCost } from '../theory/cost.ts';
import type { TrainState } from './checkpoint.ts';
import type { MetricsRow, RunSummary } from './events.ts';
import { networkName } from './network-choice.ts';
import type { TrainerParts } from './trainer-parts.ts';

type Summarized = Pick<TrainerParts, 'config' | 'folder' | 'dataset' | 'model'>;

/** Throws when the run has not come to its end. */
export function summarizeRun(
  { config, folder, dataset, model }: Summarized,
  state: TrainState,
  rows: readonly MetricsRow[],
): RunSummary {
  const last = rows.at(-1);
  const { best, time } = state;
  if (last?.testAccuracy === undefined || last.testLoss === undefined || best === null) {
    throw internalError(`no evaluation of epoch ${state.epoch} in the metrics of ${folder}`);
  }
  const { spec, kernels } = model;
  const paper = countCost(spec, 'paper');
  return {
    name: path.basename(folder),
    net: networkName(config),
    depth: config.depth,
    dataset: dataset.name,
    classes: dataset.classes.length,
    epochs: state.epoch,
    ...(state.epoch < config.epochs && { stoppedEarly: true }),
    steps: state.step,
    seed: config.seed,
    testAccuracy: last.testAccuracy,
    testError: 100 - last.testAccuracy,
    testLoss: last.testLoss,
    ...(last.validationAccuracy !== undefined && { validationAccuracy: last.validationAccuracy }),
    bestTestAccuracy: best.testAccuracy,
    bestEpoch: best.epoch,
    bestChosenOn: dataset.validation ? 'validation' : 'test',
    params: countCost(spec, 'all').params,
    paramsPaper: paper.params,
    macs: paper.macs,
    kernels: kernels.name,
    threads: kernels.threads,
    wallMs: time.wallMs,
    imagesPerSecond: (1000 * time.images) / time.trainMs,
    dataWaitFraction: time.waitedMs / time.trainMs,
    skippedFiles: dataset.skipped.length,
    finishedAt: new Date().toISOString(),
  };
}
