/** Makes or opens the folder of a run, and sets the network to where the run stands. */
import path from 'node:path';
import { settleFolder } from '../core/durable-files.ts';
import { dataError, usageError } from '../core/errors.ts';
import type { Dataset } from '../data/dataset.ts';
import type { ChosenKernels } from '../kernels/choose.ts';
import { initializeModel } from '../model/model.ts';
import type { ModelCard } from '../model/model-card.ts';
import { batchSizeFor } from './batch-size.ts';
import {
  checkpointFiles,
  checkpointFolder,
  findCheckpoint,
  newState,
  readState,
  restoreCheckpoint,
  type TrainState,
} from './checkpoint.ts';
import type { RunConfig } from './config.ts';
import { describeEnvironment } from './environment.ts';
import { applyInitialCheckpoint, type InitialNote } from './initial-checkpoint.ts';
import { readModelFile } from './read-model.ts';
import { checkRates } from './resume.ts';
import {
  addEnvironment,
  createRunFolder,
  hashConfig,
  readRunConfig,
  writeRunConfig,
} from './run-folder.ts';
import type { TrainControl } from './run-training.ts';
import { sharedNote } from './team-config.ts';
import type { TrainingModel } from './trainer-parts.ts';
import { updateAverage } from './weight-average.ts';

/** Where a run stands, and what it began with if not with drawn values. */
interface Begun {
  readonly state: TrainState;
  readonly initial?: InitialNote | undefined;
}

/** A run's folder and where it stands. */
export interface Opened extends Begun {
  readonly folder: string;
  readonly isResumed: boolean;
  readonly warnings: readonly string[];
}

/** Who trains it. */
export interface Opening {
  readonly choice: ChosenKernels;
  readonly control: Pick<TrainControl, 'command' | 'team'>;
}

/** Begins a run that was asked for as `asked`. Throws a usage error when a folder of its name exists. */
export function openNew(
  config: RunConfig,
  training: TrainingModel,
  { choice, control, asked }: Opening & { readonly asked: RunConfig },
): Opened {
  const begun = beginModel(config, training);
  const now = new Date();
  const folder = createRunFolder(config, describeEnvironment(choice, now, control), now);
  const state = { ...begun.state, ...ranksOf(control) };
  return { ...begun, folder, state, isResumed: false, warnings: sharedNote(asked, config) };
}

/**
 * Goes on with a run; one that was killed before its first checkpoint begins anew.
 *
 * Throws data errors when the folder is damaged or the data have changed, usage errors for what cannot change on the way.
 */
export function openResumed(
  folder: string,
  config: RunConfig,
  training: TrainingModel,
  { choice, control, dataset }: Opening & { readonly dataset: Dataset },
): Opened {
  for (const which of ['last', 'best'] as const) settleFolder(checkpointFolder(folder, which));
  const stored = readRunConfig(folder);
  checkSameBatch(stored, training, dataset);
  const last = findCheckpoint(folder, 'last');
  const { state, initial } = last ? { state: readState(last) } : beginModel(config, training);
  if (last) {
    checkState(last, state, { ...config, replicas: state.replicas ?? stored.replicas });
    checkRates(stored, config, state, training.stepsPerEpoch);
    restoreCheckpoint(last, training);
    checkSameData(last, readModelFile(path.join(last, checkpointFiles.model)).card, training.card);
  }
  const kernels = choice.kernels.name;
  const now = { kernels, ranks: control.team?.ranks ?? 1 };
  const warnings = [
    ...(last ? differences(state, now) : []),
    ...sharedNote({ ...config, replicas: stored.replicas }, config),
  ];
  writeRunConfig(folder, config);
  addEnvironment(folder, describeEnvironment(choice, new Date(), control));
  const { epochs } = config;
  const { ranks: _before, ...rest } = state;
  const configHash = hashConfig(config);
  const { replicas } = config;
  const current = { ...rest, epochs, kernels, configHash, replicas, ...ranksOf(control) };
  return { folder, state: current, initial, isResumed: true, warnings };
}

function ranksOf({ team }: Opening['control']): Pick<TrainState, 'ranks'> {
  return team === undefined || team.ranks === 1 ? {} : { ranks: team.ranks };
}

/** Another number of ranks may only cut the batch otherwise, not change it. */
function checkSameBatch(stored: RunConfig, { batchSize }: TrainingModel, { train }: Dataset): void {
  const was = batchSizeFor(stored, train.count);
  if (batchSize === was) return;
  throw usageError({
    path: 'dist',
    rule: `the run's batch of ${was} images must be divisible by the ranks`,
    got: `ranks for ${batchSize} of them`,
    hint: `start a divisor of ${was} as ranks`,
  });
}

/** Why a resumed run will not equal one that was not stopped, in words. */
function differences(
  state: TrainState,
  now: { readonly kernels: string; readonly ranks: number },
): readonly string[] {
  const inBits = 'it will not equal an uninterrupted one bit for bit';
  const ranks = (n: number) => (n === 1 ? 'one process' : `${n} ranks`);
  const { kernels, ranks: before = 1 } = state;
  return [
    ...(kernels === now.kernels
      ? []
      : [`the run was computed by ${kernels} kernels and goes on with ${now.kernels}: ${inBits}`]),
    ...(before === now.ranks
      ? []
      : [
          `the run was computed by ${ranks(before)} and goes on with ${ranks(now.ranks)}: ${inBits}`,
        ]),
  ];
}

function beginModel(config: RunConfig, { model, average, card }: TrainingModel): Begun {
  const { seed, epochs, replicas, initialCheckpoint } = config;
  initializeModel(model, seed);
  const initial =
    initialCheckpoint === null
      ? undefined
      : applyInitialCheckpoint(model, initialCheckpoint, card.classes);
  if (average) updateAverage(average, model, 0);
  const configHash = hashConfig(config);
  return {
    state: newState({ seed, epochs, configHash, replicas, kernels: model.kernels.name }),
    initial,
  };
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
