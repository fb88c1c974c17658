/**
 * A whole run, new or resumed, in this thread: opens the data, chooses kernels, makes or opens the run folder and
 * trains, alone or as one rank of a team. Blocks its thread for the length of a step; train.ts gives it one of its own.
 */
import path from 'node:path';
import { IgcError } from '../core/errors.ts';
import type { BatchSource } from '../data/batches/batches.ts';
import type { Dataset } from '../data/dataset.ts';
import { openDataset } from '../data/open-dataset.ts';
import { measureStatistics } from '../data/statistics.ts';
import { type ChosenKernels, chooseKernels } from '../kernels/choose.ts';
import type { RealArray } from '../kernels/contract.ts';
import { soloTeam, type Team } from '../team/team.ts';
import { countCost } from '../theory/cost.ts';
import { agree, checkSame, fromFirst, takeFromFirst } from './agreement.ts';
import { type ConfigOverrides, datasetRequest, type RunConfig } from './config.ts';
import type { RunSummary, StartEvent, TrainEvent, WarningEvent } from './events.ts';
import { removeFailure, writeFailure } from './failure-file.ts';
import { keepJournal, noJournal } from './journal.ts';
import { type Opened, openNew, openResumed } from './open-run.ts';
import { resumedConfig } from './resume.ts';
import { cutMetrics, decisiveChoices, readRunConfig } from './run-folder.ts';
import { releaseLock, takeLock } from './run-lock.ts';
import { makeStepTaker } from './step-taker.ts';
import { ranksOfHost, sharedConfig, threadsOf } from './team-config.ts';
import type { Overlap } from './team-step.ts';
import { trainEpochs } from './trainer.ts';
import {
  disposeTrainingModel,
  makeTrainingModel,
  openTrainingBatches,
  rankValues,
  type TrainingModel,
} from './trainer-parts.ts';

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
  /** With whom; default alone. */
  readonly team?: Team;
  /** Whether a team sums gradients while backward goes on; default auto. */
  readonly overlap?: Overlap | undefined;
}

/** Trains; yields events and returns the summary. */
export async function* runTraining(
  task: TrainTask,
  control: TrainControl,
): AsyncGenerator<TrainEvent, RunSummary> {
  const team = control.team ?? soloTeam();
  const { overlap = 'auto' } = control;
  const beginning = `${task.kind} run, --dist-overlap ${overlap}`;
  checkSame(team, 'command', beginning, 'start all ranks by one command');
  if (task.kind === 'new') {
    const { initialCheckpoint: initial } = task.config;
    // It decides the run's bits, wherever the run is resumed from.
    const initialCheckpoint = initial === null ? null : path.resolve(initial);
    const config = await agree(team, 'the configuration', () =>
      sharedConfig({ ...task.config, initialCheckpoint }, team.ranks),
    );
    return yield* trainTask(task, config, { ...control, team });
  }
  let isLocked = false;
  try {
    const config = await fromFirst(team, 'the configuration', () => {
      readRunConfig(task.folder); // or it is no run's folder, and not to be locked
      takeLock(task.folder);
      isLocked = true;
      const { folder, overrides } = task;
      return sharedConfig(resumedConfig(readRunConfig(folder), overrides), team.ranks);
    });
    return yield* trainTask(task, config, { ...control, team });
  } finally {
    if (isLocked) releaseLock(task.folder);
  }
}

/** Everything that is ready before the run's folder is opened. */
interface Prepared {
  readonly dataset: Dataset;
  readonly choice: ChosenKernels;
  readonly training: TrainingModel;
}

/** On every rank, and the same on all. */
async function prepareTogether(config: RunConfig, team: Team): Promise<Prepared> {
  const prepared = await agree(team, 'data and network', () => prepare(config, team));
  for (const [what, content, hint] of sameOnAllRanks(config, prepared)) {
    checkSame(team, what, content, hint);
  }
  return prepared;
}

async function prepare(config: RunConfig, team: Team): Promise<Prepared> {
  const dataset = await openDataset(datasetRequest(config));
  const threads = threadsOf(config, ranksOfHost(team));
  const choice = chooseKernels({ kernels: config.kernels, threads });
  const statistics = config.data.statistics ?? (await measureStatistics(dataset.train));
  const training = makeTrainingModel(config, dataset, statistics, choice.kernels, team);
  return { dataset, choice, training };
}

async function* trainTask(
  task: TrainTask,
  config: RunConfig,
  control: TrainControl & { readonly team: Team },
): AsyncGenerator<TrainEvent, RunSummary> {
  const { team, overlap = 'auto', isStopped } = control;
  const prepared = await prepareTogether(config, team);
  const { dataset, choice, training } = prepared;
  const { model, sgd, card } = training;
  let source: BatchSource | undefined;
  let own: string | undefined; // the folder, where this process writes it
  try {
    const opened = await fromFirst(team, 'the run’s folder', () => {
      const opening =
        task.kind === 'new'
          ? openNew(config, training, { choice, control, asked: task.config })
          : openResumed(task.folder, config, training, { choice, control, dataset });
      own = opening.folder;
      removeFailure(own);
      return { ...opening, rows: cutMetrics(own, opening.state.epoch) };
    });
    const { state, folder, rows } = opened;
    for (const [what, values] of rankValues(training)) takeFromFirst(team, what, values);
    source = await agree(team, 'the batches', () =>
      openTrainingBatches(config, dataset, training, state, team),
    );
    yield startEvent(config, prepared, opened, team);
    yield* warnings([
      ...choice.warnings,
      ...opened.warnings,
      ...dataWarnings(dataset),
      ...laneWarnings(config, training),
    ]);
    return yield* trainEpochs({
      ...training,
      ...control,
      ...{ config, folder, dataset, source, state, rows },
      journal: own === undefined ? noJournal : keepJournal(folder, training, card),
      stepTaker: makeStepTaker({ model, sgd }, { team, overlap, isStopped }),
    });
  } catch (error) {
    if (own !== undefined) noteFailure(own, error);
    throw error;
  } finally {
    await source?.close();
    disposeTrainingModel(training);
    if (own !== undefined) releaseLock(own);
  }
}

/** What must not differ between ranks: what it is, its content, and what to do about it. */
function* sameOnAllRanks(
  config: RunConfig,
  { dataset, choice, training }: Prepared,
): Generator<readonly [what: string, content: string | RealArray | Uint8Array, hint: string]> {
  const { train, validation, test } = dataset;
  const { name } = choice.kernels;
  // Native kernels of other instruction sets round alike where ranks must: in the update of the weights.
  const kernels = name.startsWith('native') ? 'native' : name;
  yield ['kernels', kernels, 'build the native ones on every host, or choose with --kernels'];
  const flags = JSON.stringify([decisiveChoices(config), config.epochs, training.card]);
  yield ['network and flags', flags, 'give every rank the same flags'];
  for (const set of [train, validation, test]) {
    if (set === undefined) continue;
    const hint = 'give every rank the same files';
    yield ['images', `${set.count}`, hint];
    yield ['labels', new Uint8Array(Uint16Array.from(set.labels).buffer), hint];
    if (!('encoded' in set) && set.mapped === undefined) yield ['pixels', set.pixels, hint];
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

function startEvent(
  config: RunConfig,
  { dataset, choice, training }: Prepared,
  { folder, state, initial, isResumed }: Opened,
  team: Team,
): StartEvent {
  const { name, classes, train, validation, test, skipped } = dataset;
  const { model, stepsPerEpoch, batchSize } = training;
  const { kernels, reason } = choice;
  const { rank, ranks, hosts, library } = team;
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
    ...(library !== null && { team: { rank, ranks, hosts, library } }),
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

/** Every replica has vectors of its own; many small ones leave them mostly empty. */
function laneWarnings(
  { replicas }: RunConfig,
  { batchSize, model }: TrainingModel,
): readonly string[] {
  const { lanes } = model.kernels;
  const images = batchSize / replicas;
  const waste = (replicas * Math.ceil(images / lanes)) / Math.ceil(batchSize / lanes);
  if (waste < 4) return [];
  return [
    `${replicas} replicas of ${images} images each take about ${Math.round(waste)} times as long as one of ${batchSize} (${model.kernels.name} computes ${lanes} at once); --replicas sets them`,
  ];
}
