/**
 * A whole run, new or resumed, in this thread: opens the data, chooses kernels, makes or opens the run folder and
 * trains. Blocks its thread for the length of a step; train.ts gives it one of its own.
 */
import path from 'node:path';
import { settleFolder } from '../core/durable-files.ts';
import { dataError, IgcError } from '../core/errors.ts';
import type { BatchSource } from '../data/batches/batches.ts';
import type { Dataset } from '../data/dataset.ts';
import { openDataset } from '../data/open-dataset.ts';
import { measureStatistics } from '../data/statistics.ts';
import { type ChosenKernels, chooseKernels } from '../kernels/choose.ts';
import { initializeModel } from '../model/model.ts';
import type { ModelCard } from '../model/model-card.ts';
import { countCost } from '../theory/cost.ts';
import {
  checkpointFiles,
  checkpointFolder,
  findCheckpoint,
  newState,
  readState,
  restoreCheckpoint,
  type TrainState,
} from './checkpoint.ts';
import { type ConfigOverrides, datasetRequest, type RunConfig } from './config.ts';
import { describeEnvironment } from './environment.ts';
import type { RunSummary, StartEvent, TrainEvent, WarningEvent } from './events.ts';
import { removeFailure, writeFailure } from './failure-file.ts';
import { applyInitialCheckpoint, type InitialNote } from './initial-checkpoint.ts';
import { readModelFile } from './read-model.ts';
import { checkRates, resumedConfig } from './resume.ts';
import {
  addEnvironment,
  createRunFolder,
  cutMetrics,
  hashConfig,
  readRunConfig,
  writeRunConfig,
} from './run-folder.ts';
import { releaseLock, takeLock } from './run-lock.ts';
import { trainEpochs } from './trainer.ts';
import {
  disposeTrainingModel,
  makeTrainingModel,
  openTrainingBatches,
  type TrainingModel,
} from './trainer-parts.ts';
import { updateAverage } from './weight-average.ts';

/** What to train; plain data, so that it travels to a worker. */
export type TrainTask =
  | { readonly kind: 'new'; readonly config: RunConfig }
  | { readonly kind: 'resume'; readonly folder: string; readonly overrides: ConfigOverrides };

export interface TrainControl {
  /** Asked before every step. */
  readonly isStopped: () => boolean;
  /** What has stopped the run, in words, where it was not the user. */
  readonly stoppedBy?: () => string | undefined;
  /** Least time between two step events; 0 for every step. */
  readonly stepEventMs: number;
  /** What the user's process was started with. */
  readonly command: readonly string[];
}

/** Where a run stands, and what it began with if not with drawn values. */
interface Begun {
  readonly state: TrainState;
  readonly initial?: InitialNote | undefined;
}

/** A run's folder and where it stands. */
interface Opened extends Begun {
  readonly folder: string;
  readonly isResumed: boolean;
  readonly warnings: readonly string[];
}

/** Trains; yields events and returns the summary. */
export async function* runTraining(
  task: TrainTask,
  control: TrainControl,
): AsyncGenerator<TrainEvent, RunSummary> {
  if (task.kind === 'new') {
    const { initialCheckpoint: initial } = task.config;
    // It decides the run's bits, wherever the run is resumed from.
    const initialCheckpoint = initial === null ? null : path.resolve(initial);
    return yield* trainTask(task, { ...task.config, initialCheckpoint }, control);
  }
  readRunConfig(task.folder); // or it is no run's folder, and not to be locked
  takeLock(task.folder);
  try {
    const config = resumedConfig(readRunConfig(task.folder), task.overrides);
    return yield* trainTask(task, config, control);
  } finally {
    releaseLock(task.folder);
  }
}

async function* trainTask(
  task: TrainTask,
  config: RunConfig,
  control: TrainControl,
): AsyncGenerator<TrainEvent, RunSummary> {
  const dataset = await openDataset(datasetRequest(config));
  const choice = chooseKernels({ kernels: config.kernels, threads: config.threads });
  const statistics = config.data.statistics ?? (await measureStatistics(dataset.train));
  const training = makeTrainingModel(config, dataset, statistics, choice.kernels);
  let source: BatchSource | undefined;
  let folder: string | undefined;
  try {
    const opened =
      task.kind === 'new'
        ? openNew(config, training, choice, control)
        : openResumed(task.folder, config, training, choice, control);
    const { state } = opened;
    folder = opened.folder;
    removeFailure(folder);
    source = openTrainingBatches(config, dataset, training, state);
    yield startEvent(config, dataset, training, choice, opened);
    yield* warnings([...choice.warnings, ...opened.warnings, ...dataWarnings(dataset)]);
    const rows = cutMetrics(folder, state.epoch);
    return yield* trainEpochs({
      ...training,
      ...control,
      config,
      folder,
      dataset,
      source,
      state,
      rows,
    });
  } catch (error) {
    if (folder !== undefined) noteFailure(folder, error);
    throw error;
  } finally {
    await source?.close();
    disposeTrainingModel(training);
    if (folder !== undefined) releaseLock(folder);
  }
}

/** Leaves the reason in the folder of a run that ends without a result, unless it was asked to stop. */
function noteFailure(folder: string, error: unknown): void {
  const kind = error instanceof IgcError ? error.kind : 'failure';
  if (kind === 'interrupted') return;
  const message = error instanceof Error ? error.message : String(error);
  try {
    writeFailure(folder, kind === 'diverged' ? kind : 'failure', message);
  } catch {
    // The disk may be why it failed; that error is the one to hear of.
  }
}

function openNew(
  config: RunConfig,
  training: TrainingModel,
  choice: ChosenKernels,
  { command }: TrainControl,
): Opened {
  const begun = beginModel(config, training);
  const now = new Date();
  const folder = createRunFolder(config, describeEnvironment(choice, now, command), now);
  return { folder, ...begun, isResumed: false, warnings: [] };
}

/** A run killed before its first checkpoint begins anew. */
function openResumed(
  folder: string,
  config: RunConfig,
  training: TrainingModel,
  choice: ChosenKernels,
  { command }: TrainControl,
): Opened {
  const { stepsPerEpoch, card } = training;
  const { kernels } = choice;
  for (const which of ['last', 'best'] as const) settleFolder(checkpointFolder(folder, which));
  const last = findCheckpoint(folder, 'last');
  const { state, initial } = last ? { state: readState(last) } : beginModel(config, training);
  const notes: string[] = [];
  if (last) {
    checkState(last, state, config);
    checkRates(readRunConfig(folder), config, state, stepsPerEpoch);
    restoreCheckpoint(last, training);
    checkSameData(last, readModelFile(path.join(last, checkpointFiles.model)).card, card);
    if (state.kernels !== kernels.name) {
      notes.push(
        `the run was computed by ${state.kernels} kernels and goes on with ${kernels.name}: it will ` +
          'not equal an uninterrupted one bit for bit',
      );
    }
  }
  writeRunConfig(folder, config);
  addEnvironment(folder, describeEnvironment(choice, new Date(), command));
  const current = { ...state, epochs: config.epochs, kernels: kernels.name };
  return { folder, state: current, initial, isResumed: true, warnings: notes };
}

function beginModel(config: RunConfig, { model, average, card }: TrainingModel): Begun {
  const { seed, epochs, initialCheckpoint } = config;
  initializeModel(model, seed);
  const initial =
    initialCheckpoint === null
      ? undefined
      : applyInitialCheckpoint(model, initialCheckpoint, card.classes);
  if (average) updateAverage(average, model, 0);
  const configHash = hashConfig(config);
  return { state: newState({ seed, epochs, configHash, kernels: model.kernels.name }), initial };
}

function checkState(checkpoint: string, state: TrainState, config: RunConfig): void {
  if (state.configHash === hashConfig(config)) return;
  throw dataError({
    path: path.join(checkpoint, checkpointFiles.state),
    rule: 'must belong to the config.json of its run',
    got: 'another configuration',
    hint: 'config.json was changed; restore it or start a new run',
  });
}

/** The data may lie elsewhere, but must be the same. */
function checkSameData(
  checkpoint: string,
  stored: ModelCard,
  now: Omit<ModelCard, 'epoch' | 'step'>,
): void {
  for (const key of ['classes', 'preprocessing'] as const) {
    if (JSON.stringify(stored[key]) === JSON.stringify(now[key])) continue;
    throw dataError({
      path: checkpoint,
      rule: 'must have been trained on the same data',
      got: `other ${key === 'classes' ? 'classes' : 'image statistics'}`,
      hint: 'the images have changed since the run began; start a new run',
    });
  }
}

function startEvent(
  config: RunConfig,
  { name, classes, train, validation, test, skipped }: Dataset,
  { model, stepsPerEpoch, batchSize }: TrainingModel,
  { kernels, reason }: ChosenKernels,
  { folder, state, initial, isResumed }: Opened,
): StartEvent {
  const paper = countCost(model.spec, 'paper');
  return {
    kind: 'start',
    name: path.basename(folder),
    folder,
    config,
    ...(isResumed && { resumed: { epoch: state.epoch, step: state.step } }),
    ...(initial !== undefined && { initial }),
    stepsPerEpoch,
    steps: stepsPerEpoch * config.epochs,
    batchSize,
    dataset: {
      name,
      classes,
      trainImages: train.count,
      validationImages: validation?.count ?? 0,
      testImages: test.count,
      skipped,
    },
    params: countCost(model.spec, 'all').params,
    paramsPaper: paper.params,
    macs: paper.macs,
    kernels: { name: kernels.name, reason, threads: kernels.threads },
  };
}

function* warnings(messages: readonly string[]): Generator<WarningEvent> {
  for (const message of messages) yield { kind: 'warning', message };
}

function dataWarnings({ skipped, test }: Dataset): readonly string[] {
  const files = skipped.length === 1 ? 'file was' : 'files were';
  const share = Math.round(100 / test.count);
  return [
    ...(skipped.length > 0
      ? [`${skipped.length} ${files} left out, the first is ${skipped[0]}`]
      : []),
    ...(test.count < 20
      ? [`few test images (${test.count}): each is ${share} % of the test accuracy`]
      : []),
  ];
}
