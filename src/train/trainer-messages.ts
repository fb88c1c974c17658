/** What train.ts and its worker say to each other, as plain data: errors lose their class on the way otherwise. */
import { type ErrorKind, IgcError } from '../core/errors.ts';
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

export interface PlainError {
  /** Undefined for errors that are no IgcError: bugs. */
  readonly errorKind: ErrorKind | undefined;
  readonly message: string;
  readonly stack: string | undefined;
}

export function toPlainError(error: unknown): PlainError {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return { errorKind: error instanceof IgcError ? error.kind : undefined, message, stack };
}

export function fromPlainError({ errorKind, message, stack }: PlainError): Error {
  const error = errorKind === undefined ? new Error(message) : new IgcError(errorKind, message);
  if (stack !== undefined) error.stack = stack;
  return error;
}
