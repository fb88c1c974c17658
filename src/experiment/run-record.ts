/** What a run folder says of its run, however far it came: read only, and checked as it is read. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { IgcError } from '../core/errors.ts';
import { readJsonFile } from '../core/json-file.ts';
import { checkpointFiles, findCheckpoint, readState } from '../train/checkpoint.ts';
import type { RunConfig } from '../train/config.ts';
import type { MetricsRow, RunSummary } from '../train/events.ts';
import { type RunFailure, readFailure } from '../train/failure-file.ts';
import { readMetrics, readRunConfig } from '../train/run-folder.ts';
import { isLocked } from '../train/run-lock.ts';
import { readEvaluation, type StoredEvaluation } from './evaluation-files.ts';
import { type PlannedRun, runId } from './run-plan.ts';

/**
 * `finished` has a result; `diverged` and `failed` have a reason instead; `running` is being trained by a process;
 * `unfinished` was stopped or killed, and can be resumed; `not run` has not begun; `damaged` has files that cannot be
 * read, and a reason that says which.
 */
export type RunStatus =
  | 'finished'
  | 'diverged'
  | 'failed'
  | 'running'
  | 'unfinished'
  | 'not run'
  | 'damaged';

/** A run, from its folder. */
export interface RunRecord {
  readonly folder: string;
  readonly id: string;
  readonly config: RunConfig;
  readonly status: RunStatus;
  /** Epochs that are done. */
  readonly epochs: number;
  readonly rows: readonly MetricsRow[];
  /** Of a finished run. */
  readonly summary?: RunSummary;
  /** Of a diverged, failed or damaged one. */
  readonly failure?: RunFailure;
  /** Evaluations of the last epoch that were kept, by split. */
  readonly evaluations: Partial<Readonly<Record<'test' | 'train', StoredEvaluation>>>;
  readonly environment?: RunEnvironment;
}

const percent = v.pipe(v.number(), v.minValue(0), v.maxValue(100));
const natural = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const summarySchema = v.looseObject({
  net: v.string(),
  dataset: v.string(),
  epochs: natural,
  seed: natural,
  testAccuracy: percent,
  testLoss: v.number(),
  bestTestAccuracy: percent,
  bestEpoch: natural,
  bestChosenOn: v.picklist(['validation', 'test']),
  validationAccuracy: v.optional(percent),
  params: natural,
  paramsPaper: natural,
  macs: natural,
  imagesPerSecond: v.number(),
  wallMs: v.number(),
  finishedAt: v.string(),
});

const environmentSchema = v.looseObject({
  igcnet: v.string(),
  node: v.string(),
  cpu: v.object({ model: v.string(), cores: v.number() }),
  kernels: v.looseObject({ name: v.string(), threads: v.number() }),
  git: v.nullable(v.object({ commit: v.string(), dirty: v.boolean() })),
  command: v.array(v.string()),
});
/** The parts of env.json that reports tell. */
export type RunEnvironment = v.InferOutput<typeof environmentSchema>;

/** Reads a run folder. Throws a data error when it is none; other damage is told by the record. */
export function readRunRecord(folder: string): RunRecord {
  const config = readRunConfig(folder);
  return readRest(folder, runId(config), config);
}

/** The record of a run that was to be trained into a folder, whether it has begun or not. Throws nothing. */
export function plannedRecord(folder: string, { id, config }: PlannedRun): RunRecord {
  if (!existsSync(path.join(folder, 'config.json')))
    return bareRecord(folder, id, config, 'not run');
  try {
    readRunConfig(folder);
  } catch (error) {
    return damagedRecord(folder, id, config, error);
  }
  return readRest(folder, id, config);
}

function readRest(folder: string, id: string, config: RunConfig): RunRecord {
  try {
    const summary = readSummary(folder);
    // A run that was made longer is not finished, whatever its summary said before.
    const isDone =
      summary !== undefined && (summary.epochs >= config.epochs || summary.stoppedEarly === true);
    const failure = isDone ? undefined : readFailure(folder);
    return {
      ...bareRecord(folder, id, config, statusOf(folder, isDone, failure)),
      epochs: isDone ? summary.epochs : doneEpochs(folder),
      rows: readMetrics(folder, Number.POSITIVE_INFINITY),
      ...(isDone && { summary }),
      ...(failure && { failure }),
      evaluations: {
        ...readEvaluation(folder, 'test'),
        ...readEvaluation(folder, 'train'),
      },
      ...readEnvironment(folder),
    };
  } catch (error) {
    return damagedRecord(folder, id, config, error);
  }
}

function bareRecord(folder: string, id: string, config: RunConfig, status: RunStatus): RunRecord {
  return { folder, id, config, status, epochs: 0, rows: [], evaluations: {} };
}

/** Of files that cannot be read; errors that are no damage go on. */
function damagedRecord(folder: string, id: string, config: RunConfig, error: unknown): RunRecord {
  if (!(error instanceof IgcError)) throw error;
  const failure = { kind: 'failure', message: error.message, at: '' } as const;
  return { ...bareRecord(folder, id, config, 'damaged'), failure };
}

/** The kept evaluation of a finished run's result on a split. */
export function lastEvaluation(
  { summary, evaluations }: RunRecord,
  split: 'test' | 'train',
): StoredEvaluation | undefined {
  const kept = evaluations[split];
  return summary !== undefined && kept?.epoch === summary.epochs ? kept : undefined;
}

/** Whether a run has its result and every evaluation that is wanted of it. */
export function isComplete(record: RunRecord, splits: readonly ('test' | 'train')[]): boolean {
  return (
    record.summary !== undefined &&
    splits.every((split) => lastEvaluation(record, split) !== undefined)
  );
}

function statusOf(folder: string, isDone: boolean, failure: RunFailure | undefined): RunStatus {
  if (isDone) return 'finished';
  if (isLocked(folder)) return 'running';
  if (failure === undefined) return 'unfinished';
  return failure.kind === 'diverged' ? 'diverged' : 'failed';
}

function readSummary(folder: string): RunSummary | undefined {
  const file = path.join(folder, 'summary.json');
  if (!existsSync(file)) return undefined;
  return readJsonFile(file, summarySchema, 'must be the summary of a run') as unknown as RunSummary;
}

/** Nothing rests on it, so a damaged one is as good as none. */
function readEnvironment(folder: string): { readonly environment?: RunEnvironment } {
  const file = path.join(folder, 'env.json');
  if (!existsSync(file)) return {};
  try {
    return { environment: readJsonFile(file, environmentSchema, 'must be an environment') };
  } catch {
    return {};
  }
}

function doneEpochs(folder: string): number {
  const last = findCheckpoint(folder, 'last');
  if (last === undefined || !existsSync(path.join(last, checkpointFiles.state))) return 0;
  return readState(last).epoch;
}
