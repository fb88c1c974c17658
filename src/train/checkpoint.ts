/**
 * A checkpoint: the folder {model.safetensors, optimizer.safetensors, state.json}, replaced as a whole. With it and
 * the run's config.json training goes on to the same bits as if it had never stopped.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { findFolder, replaceFolder } from '../core/durable-files.ts';
import { dataError } from '../core/errors.ts';
import { jsonText } from '../core/json-file.ts';
import type { Model } from '../model/model.ts';
import { checkVersion, formatVersion, issueText, type ModelCard } from '../model/model-card.ts';
import { encodeModel, fillModel } from '../model/model-file.ts';
import { encodeOptimizer, fillOptimizer } from './optimizer-file.ts';
import { readBytes, readModelFile } from './read-model.ts';

export type CheckpointName = 'last' | 'best';

/** The names of a checkpoint's files. */
export const checkpointFiles = {
  model: 'model.safetensors',
  optimizer: 'optimizer.safetensors',
  state: 'state.json',
} as const;

const natural = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const stateSchema = v.strictObject({
  formatVersion: natural,
  /** Epochs wholly finished, steps finished in the one after, steps finished altogether. */
  epoch: natural,
  stepInEpoch: natural,
  step: natural,
  seed: natural,
  /** Epochs the run was to have when this was written. */
  epochs: natural,
  /** Of everything in config.json that decides the run's bits. */
  configHash: v.string(),
  /** The kernel set that computed it, and in how many processes (1 where it is not said). */
  kernels: v.string(),
  ranks: v.optional(natural),
  /** `replicas` of that configuration, which other ranks may change; that of config.json where it is not said. */
  replicas: v.optional(natural),
  /** Sums over the unfinished epoch's batches. */
  sums: v.strictObject({ loss: v.number(), correct: natural, images: natural }),
  /** The best epoch so far; accuracies in percent. */
  best: v.nullable(
    v.strictObject({ epoch: natural, accuracy: v.number(), testAccuracy: v.number() }),
  ),
  /** Time spent so far, over all sessions; the only part that differs between equal runs. */
  time: v.strictObject({
    wallMs: v.number(),
    trainMs: v.number(),
    waitedMs: v.number(),
    images: natural,
    epochTrainMs: v.number(),
    epochWaitedMs: v.number(),
  }),
});

/** state.json */
export type TrainState = v.InferOutput<typeof stateSchema>;

/** The network in training and, with an EMA, its average, which is then the one that model.safetensors holds. */
export interface TrainedModels {
  readonly model: Model;
  readonly average?: Model;
}

/** Writes a checkpoint in place of the one of that name. Throws a failure that says why it could not. */
export function writeCheckpoint(
  folder: string,
  { model, average }: TrainedModels,
  card: Omit<ModelCard, 'epoch' | 'step'>,
  state: TrainState,
): void {
  const { epoch, step } = state;
  const bytes = encodeModel(average ?? model, { ...card, epoch, step });
  replaceFolder(folder, [
    { name: checkpointFiles.model, bytes },
    { name: checkpointFiles.optimizer, bytes: encodeOptimizer(model, average !== undefined) },
    { name: checkpointFiles.state, bytes: jsonText(state) },
  ]);
}

/** Sets the models from a checkpoint. Throws data errors for damage and for other networks. */
export function restoreCheckpoint(folder: string, { model, average }: TrainedModels): TrainState {
  const state = readState(folder);
  fillModel(average ?? model, readModelFile(path.join(folder, checkpointFiles.model)));
  const optimizer = path.join(folder, checkpointFiles.optimizer);
  fillOptimizer(model, optimizer, average !== undefined);
  return state;
}

/** Reads state.json. Throws a data error when it is damaged or of a newer version. */
export function readState(folder: string): TrainState {
  const file = path.join(folder, checkpointFiles.state);
  const content = parseJson(file);
  const version = v.safeParse(v.object({ formatVersion: v.number() }), content);
  if (version.success) checkVersion(file, version.output.formatVersion);
  const parsed = v.safeParse(stateSchema, content);
  if (parsed.success) return parsed.output;
  const got = issueText(parsed.issues[0]);
  throw dataError({ path: file, rule: 'must be the state of a run', got });
}

/** `runs/x/checkpoints/last` */
export function checkpointFolder(run: string, which: CheckpointName): string {
  return path.join(run, 'checkpoints', which);
}

/** Where that checkpoint of a run is, or undefined when there is none yet. */
export function findCheckpoint(run: string, which: CheckpointName): string | undefined {
  return findFolder(checkpointFolder(run, which));
}

/**
 * The checkpoint that a user means: `folder` itself when it is one, else the one of that name in it.
 *
 * Throws a data error when there is neither.
 */
export function resolveCheckpoint(folder: string, which: CheckpointName): string {
  if (existsSync(path.join(folder, checkpointFiles.model))) return folder;
  const found = findCheckpoint(folder, which);
  if (found !== undefined) return found;
  throw dataError({
    path: folder,
    rule: `must be a run folder with checkpoints/${which}, or a checkpoint folder`,
    got: existsSync(folder) ? 'neither' : 'no such folder',
  });
}

/** The state of a run that has not begun. */
export function newState(
  of: Pick<TrainState, 'seed' | 'epochs' | 'configHash' | 'kernels' | 'ranks' | 'replicas'>,
) {
  const zeroTime = { wallMs: 0, trainMs: 0, waitedMs: 0, images: 0 };
  return {
    formatVersion,
    epoch: 0,
    stepInEpoch: 0,
    step: 0,
    ...of,
    sums: { loss: 0, correct: 0, images: 0 },
    best: null,
    time: { ...zeroTime, epochTrainMs: 0, epochWaitedMs: 0 },
  } satisfies TrainState as TrainState;
}

function parseJson(file: string): unknown {
  try {
    return JSON.parse(Buffer.from(readBytes(file)).toString('utf8'));
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw dataError({ path: file, rule: 'must be JSON', got: `"${cause.message}"` }, cause);
  }
}
