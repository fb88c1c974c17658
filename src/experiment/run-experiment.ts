/**
 * Runs an experiment: what is not done of its runs, one after another or several at a time, each in a process of its own.
 * What is done is skipped, what was begun goes on, what failed is tried again, and what diverged stays: it would again.
 * Several may work on one folder at once, on one machine or on several that share it: the lock of a run is the claim to it.
 */
import os from 'node:os';
import { makeFolder } from '../core/durable-files.ts';
import { complain, IgcError, usageError } from '../core/errors.ts';
import type { LockHolder } from '../core/lock-holder.ts';
import { processLockHolder } from '../core/process-lock.ts';
import { openDataset } from '../data/open-dataset.ts';
import { datasetRequest, type RunConfig } from '../train/config.ts';
import type { TrainEvent } from '../train/events.ts';
import { type EventQueue, eventQueue } from './event-queue.ts';
import {
  addToExperiment,
  experimentRecord,
  experimentRecords,
  forgetEarlyFailure,
  noteRunFailure,
  runFolderOf,
  runLockOf,
  withExperimentLock,
} from './experiment-folder.ts';
import type { RunTask } from './run-messages.ts';
import type { PlannedRun, RunPlan } from './run-plan.ts';
import { type RunEnd, type RunProcess, startRunProcess, type Taken } from './run-process.ts';
import { isComplete, type RunRecord } from './run-record.ts';

/** How an experiment is run. */
export interface ExperimentOptions {
  /** Runs at a time; default 1. Each has its share of the cores, unless its configuration says how many threads. */
  readonly jobs?: number | undefined;
  /** Stops the runs after their current steps, with checkpoints. */
  readonly signal?: AbortSignal | undefined;
  /** Cores that the runs share; default all of the machine's. */
  readonly cores?: number | undefined;
  /** Runs that other processes train: `wait` for their ends, the default, and go on with what these leave; or `leave` them. */
  readonly whenTaken?: 'wait' | 'leave' | undefined;
}

/** What happens to an experiment. */
export type ExperimentEvent =
  | { readonly kind: 'plan'; readonly runs: number; readonly todo: number }
  | { readonly kind: 'begin'; readonly run: PlannedRun; readonly place: Place }
  /** Another process trains the run: of another worker, or of an experiment that was killed and is saving. */
  | { readonly kind: 'wait'; readonly run: PlannedRun; readonly holder: LockHolder }
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
  /** Runs that should have been done and are not: neither finished (and evaluated) nor diverged, nor taken. */
  readonly undone: readonly { readonly run: PlannedRun; readonly message: string }[];
  /** Runs that were left to the processes which train them. */
  readonly taken: readonly { readonly run: PlannedRun; readonly holder: LockHolder }[];
}

/**
 * Runs what is left of a plan in `folder`, yields what happens and returns the records of all its runs.
 *
 * Throws `data` before anything is trained when data are missing, `interrupted` after an abort (the same call goes on),
 * `failure` where the experiment's list cannot be written. A run that fails or diverges is a result, not an error.
 */
export async function* runExperiment(
  folder: string,
  plan: RunPlan,
  options: ExperimentOptions = {},
): AsyncGenerator<ExperimentEvent, ExperimentResult> {
  const { jobs = 1, signal, cores = os.availableParallelism(), whenTaken = 'wait' } = options;
  if (!Number.isInteger(jobs) || jobs < 1) {
    throw usageError({
      path: 'jobs',
      rule: 'must be a whole number of at least 1',
      got: `${jobs}`,
    });
  }
  const todo = () => plan.runs.filter((run) => isLeft(folder, run, plan));
  await checkData(todo());
  const whole = await withExperimentLock(folder, () => addToExperiment(folder, plan));
  const left = todo();
  yield { kind: 'plan', runs: plan.runs.length, todo: left.length };
  const crew: Crew = {
    ...{ folder, plan, cores, signal, jobs: Math.min(jobs, Math.max(1, left.length)) },
    ...{ events: eventQueue<ExperimentEvent>(), processes: new Set() },
  };
  const messages = yield* runAll(crew, left, whenTaken);
  const [taken, undone] = splitTaken(folder, todo(), whenTaken);
  if (signal?.aborted && undone.length > 0) throw stoppedError(folder, plan, undone.length);
  return {
    folder,
    records: experimentRecords(folder, whole),
    undone: undone.map((run) => ({ run, message: messages.get(run.id) ?? 'it did not end' })),
    taken,
  };
}

/** Of runs that are not done, those that other processes train, if these are left to them, and the others. */
function splitTaken(folder: string, runs: readonly PlannedRun[], whenTaken: 'wait' | 'leave') {
  const taken: ExperimentResult['taken'][number][] = [];
  const others: PlannedRun[] = [];
  for (const run of runs) {
    const holder = whenTaken === 'leave' ? processLockHolder(runLockOf(folder, run)) : undefined;
    if (holder === undefined) others.push(run);
    else taken.push({ run, holder });
  }
  return [taken, others] as const;
}

/** What the runs of an experiment that go on at a time share. */
interface Crew {
  readonly folder: string;
  readonly plan: RunPlan;
  /** Runs at a time, at the most. */
  readonly jobs: number;
  readonly cores: number;
  readonly signal: AbortSignal | undefined;
  readonly events: EventQueue<ExperimentEvent>;
  readonly processes: Set<RunProcess>;
}

/** A run that has not begun here. */
interface WaitingRun {
  readonly run: PlannedRun;
  readonly place: Place;
  /** Another process was seen to train it. */
  isTaken: boolean;
}

/** How long until runs that others have are looked at again, which is a file each on a disk that many share. */
const leastPollMs = 1000;
const pollMsPerRun = 20;

/** Gives the reasons of the runs that failed, by their ids. */
async function* runAll(
  crew: Crew,
  left: readonly PlannedRun[],
  whenTaken: 'wait' | 'leave',
): AsyncGenerator<ExperimentEvent, ReadonlyMap<string, string>> {
  const { folder, signal, events, processes } = crew;
  const messages = new Map<string, string>();
  const active = new Set<Promise<void>>();
  const waiting: WaitingRun[] = left.map((run, i) => {
    return { run, place: { index: i + 1, of: left.length }, isTaken: false };
  });
  let nextLook = 0;
  const end = ({ run, place }: WaitingRun, how: RunEnd) => {
    if (how.kind === 'failed') messages.set(run.id, how.message);
    events.put({ kind: 'end', run, place, end: how, record: experimentRecord(folder, run) });
  };
  const begin = (job: WaitingRun) => {
    events.put({ kind: 'begin', run: job.run, place: job.place });
    const done = runOne(crew, job.run).then((how) => {
      active.delete(done);
      nextLook = 0;
      if (how.kind !== 'taken') return end(job, how);
      waiting.push({ ...job, isTaken: true });
    });
    active.add(done);
  };
  const stopAll = () => {
    for (const process of processes) process.stop();
  };
  signal?.addEventListener('abort', stopAll);
  try {
    for (;;) {
      const pollMs = Math.max(leastPollMs, pollMsPerRun * waiting.length);
      if (performance.now() >= nextLook) {
        nextLook = performance.now() + pollMs;
        for (const { job, how } of pickFree(crew, waiting, active)) {
          if (how === undefined) begin(job);
          else end(job, how);
        }
      }
      if (active.size === 0 && events.size() === 0) {
        if (waiting.length === 0 || signal?.aborted || whenTaken === 'leave') return messages;
      }
      const event = await events.take(pollMs);
      if (event !== undefined) yield event;
    }
  } finally {
    signal?.removeEventListener('abort', stopAll);
    stopAll();
    await Promise.all(active);
  }
}

/**
 * Takes the runs out of `waiting` that can begin now, or that another process has brought to an end meanwhile, and says
 * how. Yields one at a time, so that each begins before the next is looked for.
 */
function* pickFree(
  { folder, plan, jobs, signal, events }: Crew,
  waiting: WaitingRun[],
  active: ReadonlySet<unknown>,
): Generator<{ readonly job: WaitingRun; readonly how: RunEnd | undefined }> {
  for (const job of [...waiting]) {
    if (active.size >= jobs || signal?.aborted) return;
    const holder = processLockHolder(runLockOf(folder, job.run));
    if (holder === undefined) {
      waiting.splice(waiting.indexOf(job), 1);
      yield { job, how: endElsewhere(folder, plan, job) };
    } else if (!job.isTaken) {
      job.isTaken = true;
      events.put({ kind: 'wait', run: job.run, holder });
    }
  }
}

/** How a run ended that another process trained; undefined where it is still to be done. */
function endElsewhere(folder: string, plan: RunPlan, job: WaitingRun): RunEnd | undefined {
  const record = experimentRecord(folder, job.run);
  if (isComplete(record, plan.evaluate)) return { kind: 'finished' };
  const { status, failure } = record;
  if (status === 'diverged') return { kind: status, message: failure?.message ?? '' };
  // It was tried just now; the next call tries again.
  if (status === 'failed' && job.isTaken) return { kind: status, message: failure?.message ?? '' };
  return undefined;
}

/** A run from its process's start to its end. Never rejects. */
async function runOne(crew: Crew, run: PlannedRun): Promise<RunEnd | Taken> {
  const { folder, signal, events, processes } = crew;
  try {
    makeFolder(runsFolder(folder));
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

function taskOf({ folder, plan: { evaluate }, jobs, cores }: Crew, run: PlannedRun): RunTask {
  return {
    kind: 'task',
    folder: runFolderOf(folder, run),
    lock: runLockOf(folder, run),
    config: shareCores(run.config, folder, Math.max(1, Math.floor(cores / jobs))),
    evaluate,
    command: process.argv,
  };
}

/** Is there anything to do for a run? A diverged one would diverge again. */
export function isLeft(
  folder: string,
  run: PlannedRun,
  { evaluate }: Pick<RunPlan, 'evaluate'>,
): boolean {
  const record = experimentRecord(folder, run);
  return record.status !== 'diverged' && !isComplete(record, evaluate);
}

/** Opens each data set once, before hours of training or of waiting for it. Throws `data` for missing ones. */
export async function checkData(runs: readonly PlannedRun[]): Promise<void> {
  const requests = new Map(
    runs.map(({ config }) => [JSON.stringify(config.data), datasetRequest(config)] as const),
  );
  for (const request of requests.values()) await openDataset(request);
}

/** A run that has all the machine's cores keeps `threads: 0`, which says so. */
function shareCores(config: RunConfig, folder: string, share: number): RunConfig {
  const hasAll = share >= os.availableParallelism();
  const threads = config.threads === 0 && !hasAll ? share : config.threads;
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
