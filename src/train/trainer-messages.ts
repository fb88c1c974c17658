/** What train.ts and its worker say to each other, as plain data. */
import type { PlainError } from '../core/plain-error.ts';
import type { TrainEvent } from './events.ts';
import type { TrainTask } from './run-training.ts';

/** Why a trainer stops, by the number that asks it to. */
export const stopReasons = ['not', 'asked', 'time'] as const;
export type StopReason = (typeof stopReasons)[number];

export interface TrainerData {
  readonly task: TrainTask;
  /** One int32, an index of `stopReasons`. */
  readonly stop: SharedArrayBuffer;
  readonly stepEventMs: number;
  readonly command: readonly string[];
}

export type TrainerMessage =
  | { readonly kind: 'event'; readonly event: TrainEvent }
  | { readonly kind: 'end' }
  | { readonly kind: 'error'; readonly error: PlainError };
