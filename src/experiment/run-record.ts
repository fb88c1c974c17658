/** What a run folder says of its run, however far it came: read only, and checked as it is read. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
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
 * `unfinished` was stopped or killed, and can be resumed; `not run` has not begun.
 */
export type RunStatus = 'finished' | 'diverged' | 'failed' | 'running' | 'unfinished' | 'not run';

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
  /** Of a diverged or failed one. */
  readonly failure?: RunFailure;
  /** Evaluations of the last epoch that were kept, by split. */
  readonly evaluations: Partial<Readonly<Record<'test' | 'train', StoredEvaluation>>>;
  readonly environment?: RunEnvironment;
}

const summarySchema = v.looseObject({
  net: v.string(),
  dataset: v.string(),
  epochs: v.number(),
  seed: v.number(),
  testAccuracy: v.number(),
  bestTestAccuracy: v.number(),
  bestEpoch: v.number(),
  params: v.number(),
  paramsPaper: v.number(),
  macs: v.number(),
  wallMs: v.number(),
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

/** Reads a run folder. Throws data errors for what is damaged in it. */
export function readRunRecord(folder: string): RunRecord {
  const config = readRunConfig(folder);
  const summary = readSummary(folder);
  // A run that was made longer is not finished, whatever its summary said before.
  const isDone =
    summary !== undefined && (summary.epochs >= config.epochs || summary.stoppedEarly === true);
  const failure = readFailure(folder);
  const rows = readMetrics(folder, Number.POSITIVE_INFINITY);
  return {
    folder,
    id: runId(config),
    config,
    status: statusOf(folder, isDone, failure),
    epochs: isDone ? summary.epochs : doneEpochs(folder),
    rows,
    ...(isDone && { summary }),
    ...(!isDone && failure && { failure }),
    evaluations: {
      ...readEvaluation(folder, 'test'),
      ...readEvaluation(folder, 'train'),
    },
    ...readEnvironment(folder),
  };
}

/** The record of a run that was to be trained into a folder, whether it has begun or not. */
export function plannedRecord(folder: string, { id, config }: PlannedRun): RunRecord {
  if (existsSync(path.join(folder, 'config.json'))) return readRunRecord(folder);
  const failure = readFailure(folder);
  return {
    ...{ folder, id, config, epochs: 0, rows: [], evaluations: {} },
    status: failure === undefined ? 'not run' : 'failed',
    ...(failure && { failure }),
  };
}

/** Every run folder in a folder, at most three folders below it, by name; or the folder itself, if it is one. */
export function findRunFolders(root: string, below = 3): readonly string[] {
  if (existsSync(path.join(root, 'config.json'))) return [root];
  if (below === 0 || !existsSync(root) || !statSync(root).isDirectory()) return [];
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map(({ name }) => name)
    .sort((a, b) => (a < b ? -1 : 1))
    .flatMap((name) => findRunFolders(path.join(root, name), below - 1));
}

/** Whether a run has its result and every evaluation that is wanted of it. */
export function isComplete(record: RunRecord, splits: readonly ('test' | 'train')[]): boolean {
  const { summary, evaluations } = record;
  return (
    summary !== undefined && splits.every((split) => evaluations[split]?.epoch === summary.epochs)
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

function readEnvironment(folder: string): { readonly environment?: RunEnvironment } {
  const file = path.join(folder, 'env.json');
  if (!existsSync(file)) return {};
  return { environment: readJsonFile(file, environmentSchema, 'must be the environment of a run') };
}

function doneEpochs(folder: string): number {
  const last = findCheckpoint(folder, 'last');
  if (last === undefined || !existsSync(path.join(last, checkpointFiles.state))) return 0;
  return readState(last).epoch;
}
