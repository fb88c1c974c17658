/** What an experiment and the process of one of its runs say to each other, as plain data. */

import type { PlainError } from '../core/plain-error.ts';
import type { RunConfig } from '../train/config.ts';
import type { TrainEvent } from '../train/events.ts';

/** What a process is to do: train, or go on, or only evaluate, whatever is left to be done in the folder. */
export interface RunTask {
  readonly kind: 'task';
  readonly folder: string;
  /** A file that the process holds while it lives, its claim to the run; its folder exists. */
  readonly lock: string;
  readonly config: RunConfig;
  readonly evaluate: readonly ('test' | 'train')[];
  /** Of the whole experiment, for env.json. */
  readonly command: readonly string[];
}

/** From the experiment to the process. */
export type RunRequest = RunTask | { readonly kind: 'stop' };

/** From the process to the experiment. */
export type RunMessage =
  | { readonly kind: 'event'; readonly event: TrainEvent }
  | { readonly kind: 'end' }
  /** Another process holds the run's lock. */
  | { readonly kind: 'taken' }
  | { readonly kind: 'error'; readonly error: PlainError };
