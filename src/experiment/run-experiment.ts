/**
 * Runs an experiment: what is not done of its runs, one after another or several at a time, each in a process of its own.
 * What is done is skipped, what was begun goes on, what failed is tried again, and what diverged stays: it would again.
 */
import os from 'node:os';
import { makeFolder } from '../core/durable-files.ts';
import { complain, IgcError, usageError } from '../core/errors.ts';
import { processLockHolder } from '../core/process-lock.ts';
import { openDataset } from '../data/open-dataset.ts';
import { datasetRequest, type RunConfig } from '../train/config.ts';
import type { TrainEvent } from '../train/events.ts';
import {
  addToExperiment,
  experimentRecord,
  experimentRecords,
  forgetEarlyFailure,
  lockExperiment,
  noteRunFailure,
  runFolderOf,
  runLockOf,
} from './experiment-folder.ts';
import type { RunTask } from './run-messages.ts';
import type { PlannedRun, RunPlan } from './run-plan.ts';
import { type RunEnd, type RunProcess, startRunProcess } from './run-process.ts';
import { isComplete, type RunRecord } from './run-record.ts';

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
  /** A process of before, whose experiment was killed, still trains the run; it will have saved and ended soon. */
  | { readonly kind: 'wait'; readonly run: PlannedRun; readonly pid: number }
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

/** What became of an experiment. */
export interface ExperimentResult {
  readonly folder: string;
  /** Of all its runs. */
  readonly records: readonly RunRecord[];
  /** Runs that should have been done and are not: neither finished (and evaluated) nor diverged. */
  readonly undone: readonly { readonly run: PlannedRun; readonly message: string }[];
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
    const messages = yield* runAll(folder, plan, left, { jobs, signal });
    const undone = todo();
    if (signal?.aborted && undone.length > 0) throw stoppedError(folder, plan, undone.length);
    return {
      folder,
      records: experimentRecords(folder, whole),
      undone: undone.map((run) => ({ run, message: messages.get(run.id) ?? 'it did not end' })),
    };
  } finally {
    release();
  }
}

/** What the runs of an experiment that go on at a time share. */
interface Crew {
  readonly folder: string;
  readonly plan: RunPlan;
  /** Runs at a time, at the most. */
  readonly jobs: number;
  readonly signal: AbortSignal | undefined;
  readonly events: EventQueue<ExperimentEvent>;
  readonly processes: Set<RunProcess>;
}

/** Gives the reasons of the runs that failed, by their ids. */
async function* runAll(
  folder: string,
  plan: RunPlan,
  left: readonly PlannedRun[],
  { jobs, signal }: { readonly jobs: number; readonly signal: AbortSignal | undefined },
): AsyncGenerator<ExperimentEvent, ReadonlyMap<string, string>> {
  const events = eventQueue<ExperimentEvent>();
  const processes = new Set<RunProcess>();
  const crew = { folder, plan, jobs: Math.min(jobs, left.length), signal, events, processes };
  const messages = new Map<string, string>();
  const active = new Set<Promise<void>>();
  const stopAll = () => {
    for (const process of processes) process.stop();
  };
  signal?.addEventListener('abort', stopAll);
  const begin = (run: PlannedRun, index: number) => {
    const place = { index: index + 1, of: left.length };
    events.put({ kind: 'begin', run, place });
    const done = runOne(crew, run).then((end) => {
      active.delete(done);
      if (end.kind === 'failed') messages.set(run.id, end.message);
      events.put({ kind: 'end', run, place, end, record: experimentRecord(folder, run) });
    });
    active.add(done);
  };
  try {
    let next = 0;
    while (active.size > 0 || events.size() > 0 || (next < left.length && !signal?.aborted)) {
      while (active.size < jobs && next < left.length && !signal?.aborted) {
        begin(left[next]!, next++);
      }
      yield await events.take();
    }
    return messages;
  } finally {
    signal?.removeEventListener('abort', stopAll);
    stopAll();
    await Promise.all(active);
  }
}

/** A run from its process's start to its end. Never rejects. */
async function runOne(crew: Crew, run: PlannedRun): Promise<RunEnd> {
  const { folder, signal, events, processes } = crew;
  try {
    const isFree = await awaitOrphan(folder, run, signal, (pid) => {
      events.put({ kind: 'wait', run, pid });
    });
    if (!isFree) return { kind: 'stopped' };
    forgetEarlyFailure(folder, run);
    const running = startRunProcess(taskOf(crew, run), (event) => {
      events.put({ kind: 'train', run, event });
    });
    processes.add(running);
    if (signal?.aborted) running.stop();
    const end = await running.ended;
    processes.delete(running);
    if (end.kind === 'failed') noteFailed(folder, run, end.message);
    return end;
  } catch (error) {
    return { kind: 'failed', message: error instanceof Error ? error.message : String(error) };
  }
}

function taskOf({ folder, plan: { evaluate }, jobs }: Crew, run: PlannedRun): RunTask {
  return {
    kind: 'task',
    folder: runFolderOf(folder, run),
    lock: runLockOf(folder, run),
    config: shareCores(run.config, folder, jobs),
    evaluate,
    command: process.argv,
  };
}

const pollMs = 200;

/** Waits until no process of before trains the run; false when stopped before. */
async function awaitOrphan(
  folder: string,
  run: PlannedRun,
  signal: AbortSignal | undefined,
  onWait: (pid: number) => void,
): Promise<boolean> {
  makeFolder(runsFolder(folder));
  for (let waited = false; !signal?.aborted; waited = true) {
    const pid = processLockHolder(runLockOf(folder, run));
    if (pid === undefined) return true;
    if (!waited) onWait(pid);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  return false;
}

/** Is there anything to do for a run? A diverged one would diverge again. */
function isLeft(folder: string, run: PlannedRun, { evaluate }: RunPlan): boolean {
  const record = experimentRecord(folder, run);
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

/** Keeps the reason with the run, unless it has its result and only an evaluation failed. */
function noteFailed(folder: string, run: PlannedRun, message: string): void {
  if (experimentRecord(folder, run).status === 'finished') return;
  try {
    noteRunFailure(folder, run, message);
  } catch {
    // Then only the event tells.
  }
}

function stoppedError(folder: string, { runs }: RunPlan, undone: number): Error {
  const message = complain({
    path: folder,
    rule: `stopped with ${runs.length - undone} of ${runs.length} runs done`,
    hint: 'the same command goes on',
  });
  return new IgcError('interrupted', message);
}

/** Events of several processes, in the order in which they come. */
interface EventQueue<T> {
  put(event: T): void;
  size(): number;
  /** The next one, as soon as there is one. */
  take(): Promise<T>;
}

function eventQueue<T>(): EventQueue<T> {
  const waiting: T[] = [];
  let wake = () => {};
  return {
    put(event) {
      waiting.push(event);
      wake();
    },
    size: () => waiting.length,
    async take() {
      while (waiting.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return waiting.shift()!;
    },
  };
}
