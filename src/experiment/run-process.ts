/** Starts the process of one run, and tells what becomes of it. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ErrorKind } from '../core/errors.ts';
import { workerUrl } from '../core/worker-url.ts';
import type { TrainEvent } from '../train/events.ts';
import type { RunMessage, RunTask } from './run-messages.ts';

/** How a run's process ended. `stopped`: asked to, it can go on. */
export type RunEnd =
  | { readonly kind: 'finished' | 'stopped' }
  | { readonly kind: 'diverged' | 'failed'; readonly message: string };

/** Another process trains the run, or has taken it over. */
export interface Taken {
  readonly kind: 'taken';
}

export interface RunProcess {
  /** Asks it to stop with a checkpoint. */
  stop(): void;
  /** Never rejects. */
  readonly ended: Promise<RunEnd | Taken>;
}

/** How much of what a dying process says is kept. */
const mostSaid = 2000;

export function startRunProcess(task: RunTask, onEvent: (event: TrainEvent) => void): RunProcess {
  const child = fork(fileURLToPath(workerUrl(import.meta.url, 'run-worker')), [], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    serialization: 'advanced',
  });
  let said = '';
  let told: RunEnd | Taken | undefined;
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-mostSaid);
  });
  child.on('message', (message: RunMessage) => {
    if (message.kind === 'event') onEvent(message.event);
    else if (message.kind === 'end') told = { kind: 'finished' };
    else if (message.kind === 'taken') told = message;
    else told = endOf(message.error.errorKind, message.error.message);
  });
  child.send(task, () => {}); // a process that is gone already says so by its end
  return {
    stop: () => {
      if (child.connected) child.send({ kind: 'stop' }, () => {});
    },
    ended: whenGone(
      child,
      () => told,
      () => said,
    ),
  };
}

function whenGone(
  child: ChildProcess,
  told: () => RunEnd | Taken | undefined,
  said: () => string,
): Promise<RunEnd | Taken> {
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ kind: 'failed', message: error.message }));
    child.on('close', (code, signal) => {
      const how = signal === null ? `with code ${code}` : `by ${signal}`;
      const last = said().trim();
      const message = `the run's process ended ${how}${last === '' ? '' : `: ${last}`}`;
      resolve(told() ?? { kind: 'failed', message });
    });
  });
}

function endOf(kind: ErrorKind | undefined, message: string): RunEnd {
  if (kind === 'interrupted') return { kind: 'stopped' };
  return { kind: kind === 'diverged' ? 'diverged' : 'failed', message };
}
