/**
 * Runs an experiment: what is not done of its runs, one after another or several at a time, each in a process of its own.
 * What is done is skipped, what was begun goes on, what failed is tried again, and what diverged stays: it would again.
 */
import { existsSync } from 'node:fs';
import os from 'node:os';
import { makeFolder } from '../core/durable-files.ts';
import { complain, IgcError, usageError } from '../core/errors.ts';
import { openDataset } from '../data/open-dataset.ts';
import { datasetRequest, type RunConfig } from '../train/config.ts';
import type { TrainEvent } from '../train/events.ts';
import { writeFailure } from '../train/failure-file.ts';
import {
  addToExperiment,
  experimentRecords,
  lockExperiment,
  runFolderOf,
} from './experiment-folder.ts';
import type { PlannedRun, RunPlan } from './run-plan.ts';
import { type RunEnd, type RunProcess, startRunProcess } from './run-process.ts';
import { isComplete, plannedRecord, type RunRecord } from './run-record.ts';

/** How an experiment is run. */
export interface ExperimentOptions {
  /** Runs at a time; default 1. Each has its share of the cores, unless its configuration says how many threads. */
  readonly jobs?: number | undefined;
  /** Stops the runs after their current steps, with checkpoints. */
  readonly signal?: AbortSignal | undefined;
}

/** What happens to an experiment. */
export type ExperimentEvent =
  | { readonly kind: 'plan'; readonly runs: number; readonly todo: number }
  | { readonly kind: 'begin'; readonly run: PlannedRun; readonly place: Place }
  | { readonly kind: 'train'; readonly run: PlannedRun; readonly event: TrainEvent }
  | {
      readonly kind: 'end';
      readonly run: PlannedRun;
      readonly place: Place;
      readonly end: RunEnd;
      readonly record: RunRecord;
    };

/** The how-many-th of how many runs that are to be done. */
export interface Place {
  readonly index: number;
  readonly of: number;
}

/** How many of an experiment's runs ended how. */
export interface ExperimentResult {
  readonly folder: string;
  readonly records: readonly RunRecord[];
}

/**
 * Runs what is left of a plan in `folder`, yields what happens and returns the records of all its runs.
 *
 * Throws `data` before anything is trained when data are missing, `interrupted` after an abort (the same call goes on),
 * `failure` when another process runs the experiment. A run that fails or diverges is a result, not an error.
 */
export async function* runExperiment(
  folder: string,
  plan: RunPlan,
  { jobs = 1, signal }: ExperimentOptions = {},
): AsyncGenerator<ExperimentEvent, ExperimentResult> {
  if (!Number.isInteger(jobs) || jobs < 1) {
    throw usageError({
      path: 'jobs',
      rule: 'must be a whole number of at least 1',
      got: `${jobs}`,
    });
  }
  const todo = () => plan.runs.filter((run) => isLeft(folder, run, plan));
  await checkData(todo());
  const release = lockExperiment(folder);
  try {
    const whole = addToExperiment(folder, plan);
    const left = todo();
    yield { kind: 'plan', runs: plan.runs.length, todo: left.length };
    yield* runAll(folder, plan, left, { jobs, signal });
    if (signal?.aborted) throw stoppedError(folder, plan);
    return { folder, records: experimentRecords(folder, whole) };
  } finally {
    release();
  }
}

async function* runAll(
  folder: string,
  { evaluate }: RunPlan,
  left: readonly PlannedRun[],
  { jobs, signal }: { readonly jobs: number; readonly signal: AbortSignal | undefined },
): AsyncGenerator<ExperimentEvent> {
  const events = eventQueue<ExperimentEvent>();
  const active = new Set<RunProcess>();
  const stopAll = () => {
    for (const process of active) process.stop();
  };
  signal?.addEventListener('abort', stopAll);
  const begin = (run: PlannedRun, index: number) => {
    const place = { index: index + 1, of: left.length };
    const config = shareCores(run.config, folder, Math.min(jobs, left.length));
    const into = runFolderOf(folder, run);
    const task = { kind: 'task', folder: into, config, evaluate, command: process.argv } as const;
    events.put({ kind: 'begin', run, place });
    const running = startRunProcess(task, (event) => events.put({ kind: 'train', run, event }));
    active.add(running);
    void running.ended.then((end) => {
      active.delete(running);
      if (end.kind === 'failed') noteFailed(into, end.message);
      events.put({ kind: 'end', run, place, end, record: plannedRecord(into, run) });
    });
  };
  try {
    let next = 0;
    while (active.size > 0 || events.size() > 0 || (next < left.length && !signal?.aborted)) {
      while (active.size < jobs && next < left.length && !signal?.aborted)
        begin(left[next]!, next++);
      yield await events.take();
    }
  } finally {
    signal?.removeEventListener('abort', stopAll);
    stopAll();
    await Promise.all([...active].map(({ ended }) => ended));
  }
}

/** Is there anything to do for a run? A diverged one would diverge again. */
function isLeft(folder: string, run: PlannedRun, { evaluate }: RunPlan): boolean {
  const record = plannedRecord(runFolderOf(folder, run), run);
  return record.status !== 'diverged' && !isComplete(record, evaluate);
}

/** Each data set is opened once before hours of training: missing data are said at once. */
async function checkData(runs: readonly PlannedRun[]): Promise<void> {
  const requests = new Map(
    runs.map(({ config }) => [JSON.stringify(config.data), datasetRequest(config)] as const),
  );
  for (const request of requests.values()) await openDataset(request);
}

function shareCores(config: RunConfig, folder: string, jobs: number): RunConfig {
  const share = Math.max(1, Math.floor(os.availableParallelism() / jobs));
  const threads = config.threads === 0 && jobs > 1 ? share : config.threads;
  return { ...config, threads, output: runsFolder(folder) };
}

function runsFolder(folder: string): string {
  return runFolderOf(folder, { name: '' });
}

/** Keeps the reason with the run, which may not even have a folder. */
function noteFailed(folder: string, message: string): void {
  try {
    if (!existsSync(folder)) makeFolder(folder);
    writeFailure(folder, 'failure', message);
  } catch {
    // Then only the event tells.
  }
}

function stoppedError(folder: string, plan: RunPlan): Error {
  const done = plan.runs.filter((run) => !isLeft(folder, run, plan)).length;
  const message = complain({
    path: folder,
    rule: `stopped with ${done} of ${plan.runs.length} runs done`,
    hint: 'the same command goes on',
  });
  return new IgcError('interrupted', message);
}

/** Events of several processes, in the order in which they come. */
function eventQueue<T>() {
  const waiting: T[] = [];
  let wake = () => {};
  return {
    put(event: T) {
      waiting.push(event);
      wake();
    },
    size: () => waiting.length,
    async take(): Promise<T> {
      while (waiting.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return waiting.shift()!;
    },
  };
}
