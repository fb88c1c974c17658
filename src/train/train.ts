/** The public way to train: runs the trainer in a thread of its own and hands its events on. */
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { IgcError, internalError, usageError } from '../core/errors.ts';
import { fromPlainError } from '../core/plain-error.ts';
import { workerUrl } from '../core/worker-url.ts';
import { leaveThreads } from '../team/leave-threads.ts';
import { type ConfigOverrides, resolveConfig } from './config.ts';
import type { RunSummary, TrainEvent } from './events.ts';
import type { TrainTask } from './run-training.ts';
import {
  type DistOptions,
  type StopReason,
  stopReasons,
  type TrainerData,
  type TrainerMessage,
} from './trainer-messages.ts';

/** What is not part of the configuration: stopping, resuming, how often to hear. */
export interface TrainOptions {
  /** Stops the run after its current step, with a checkpoint to resume from. */
  readonly signal?: AbortSignal | undefined;
  /** An existing run folder to go on with; its config.json is the configuration. */
  readonly resume?: string | undefined;
  /** Stops the run as an abort does when it has trained for so long in this call, in milliseconds. */
  readonly maxTimeMs?: number | undefined;
  /** What env.json says started the run; default this process's command. */
  readonly command?: readonly string[] | undefined;
  /** Least time between two `step` events in milliseconds; default 100. */
  readonly stepEventMs?: number | undefined;
  /**
   * Trains as one rank of the processes that mpirun or srun started, all with the same request. Where a rank is gone, this
   * process cannot end its threads and ends at once when it comes to its end.
   */
  readonly dist?: DistOptions | undefined;
}

/**
 * Trains a network and yields events until it is done; the generator returns the summary. Writes
 * `<output>/<name>/` with config.json, env.json, metrics.jsonl, summary.json and checkpoints `last` and `best`.
 * Leaving the loop early stops the run as an abort does.
 *
 * Throws IgcErrors: `usage` for configurations, `data` for missing or corrupt files, `diverged` when loss or
 * weights are no longer finite, `interrupted` after an abort (the message says how to resume), `failure`
 * when the run folder cannot be written.
 *
 * @example
 * for await (const event of train({ recipe: 'digits' })) {
 *   if (event.kind === 'epoch') console.log(event.row.epoch, event.row.testAccuracy); // percent
 *   if (event.kind === 'done') console.log(`${event.summary.testError} % wrong, see ${event.folder}`);
 * }
 */
export async function* train(
  request: ConfigOverrides = {},
  options: TrainOptions = {},
): AsyncGenerator<TrainEvent, RunSummary> {
  const { signal, resume, maxTimeMs, stepEventMs = 100, command = process.argv, dist } = options;
  const task: TrainTask =
    resume === undefined
      ? { kind: 'new', config: resolveConfig(undefined, request) }
      : { kind: 'resume', folder: path.resolve(resume), overrides: request };
  if (signal?.aborted) {
    throw new IgcError('interrupted', 'train: stopped before it began');
  }
  const stop = new SharedArrayBuffer(4);
  const requestStop = (why: StopReason = 'asked') => {
    Atomics.compareExchange(new Int32Array(stop), 0, 0, stopReasons.indexOf(why));
  };
  const onAbort = () => requestStop();
  const timer = startTimer(maxTimeMs, () => requestStop('time'));
  let hasEnded = false;
  if (dist !== undefined) await leaveThreads(() => !hasEnded);
  const trainer = startTrainer({ task, stop, stepEventMs, command, dist });
  void trainer.ended.then(() => {
    hasEnded = true;
  });
  signal?.addEventListener('abort', onAbort);
  try {
    for (;;) {
      const event = await trainer.next();
      if (event === undefined) throw internalError('the trainer ended without a summary');
      yield event;
      if (event.kind === 'done') return event.summary;
    }
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
    requestStop();
    if (!trainer.isStuck()) await trainer.ended;
  }
}

/** Node's own timers end at 2^31 − 1 milliseconds, some 25 days; nothing is limited to longer. */
function startTimer(timeMs: number | undefined, onEnd: () => void): NodeJS.Timeout | undefined {
  if (timeMs === undefined) return undefined;
  if (timeMs > 0 && timeMs < 2 ** 31) return setTimeout(onEnd, timeMs);
  const got = `${timeMs / 1000} s`;
  throw usageError({
    path: 'maxTimeMs',
    rule: 'must be more than nothing, and under 24 days',
    got,
  });
}

interface Trainer {
  /** The next event, or undefined at the end. Throws the trainer's error. */
  next(): Promise<TrainEvent | undefined>;
  /** Resolves when the thread is gone, however it went. */
  readonly ended: Promise<void>;
  /** Whether the thread cannot end. */
  isStuck(): boolean;
}

function startTrainer(data: TrainerData): Trainer {
  const worker = new Worker(workerUrl(import.meta.url, 'train-worker'), {
    workerData: data,
    name: 'igcnet trainer',
  });
  const events: TrainEvent[] = [];
  let failure: Error | undefined;
  let isOver = false;
  let isStuck = false;
  let wake = () => {};
  const finish = (error?: Error) => {
    failure ??= error;
    isOver = true;
    wake();
  };
  worker.on('message', (message: TrainerMessage) => {
    if (message.kind === 'event') enqueue(events, message.event);
    else finish(message.kind === 'error' ? fromPlainError(message.error) : undefined);
    if (message.kind === 'error' && message.isStuck) {
      isStuck = true;
      worker.unref();
    }
    wake();
  });
  worker.on('error', (error) => finish(error));
  const ended = new Promise<void>((resolve) => {
    worker.on('exit', (code) => {
      finish(isOver ? undefined : internalError(`the trainer's thread exited with code ${code}`));
      resolve();
    });
  });
  return {
    ended,
    isStuck: () => isStuck,
    async next() {
      while (events.length === 0 && !isOver) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      const event = events.shift();
      if (event === undefined && failure !== undefined) throw failure;
      return event;
    },
  };
}

/** A step that nobody has looked at yet gives way to the next one. */
function enqueue(events: TrainEvent[], event: TrainEvent): void {
  if (event.kind === 'step' && events.at(-1)?.kind === 'step') events.pop();
  events.push(event);
}
