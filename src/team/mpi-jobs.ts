/**
 * What the training thread and the thread that calls MPI say to each other: jobs, done in order, and the numbers of those
 * asked for and done, in shared memory. Both sides block on them.
 */
import type { MessagePort } from 'node:worker_threads';
import type { PlainError } from '../core/plain-error.ts';
import type { SharedNumbers } from './team.ts';

/** A call of MPI. */
export type MpiJob =
  | { readonly kind: 'start' }
  | { readonly kind: 'sum'; readonly values: SharedNumbers }
  | { readonly kind: 'broadcast'; readonly bytes: Uint8Array<SharedArrayBuffer> }
  | { readonly kind: 'finalize' };

/** What MPI says of itself once started. */
export interface MpiStarted {
  readonly library: string;
  readonly rank: number;
  readonly ranks: number;
}

/** The answer to `start`, or the error that a job ended with; sums and broadcasts have none. */
export type MpiAnswer = { readonly started: MpiStarted } | { readonly error: PlainError };

/** What the thread that calls MPI is given. */
export interface MpiWorkerData {
  readonly control: SharedArrayBuffer;
  readonly port: MessagePort;
}

// Control words (int32).
/** Jobs asked for so far. */
export const asked = 0;
/** Jobs done so far; once one has failed, −1 − that number, and none is done any more. */
export const done = 1;
export const controlBytes = 8;

/** Sets a word and wakes who waits for it. */
export function announce(control: Int32Array, word: number, value: number): void {
  Atomics.store(control, word, value);
  Atomics.notify(control, word);
}
