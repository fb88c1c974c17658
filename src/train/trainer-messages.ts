/** What train.ts and its worker say to each other, as plain data. */
import type { PlainError } from '../core/plain-error.ts';
import type { TeamRequest } from '../team/team.ts';
import type { TrainEvent } from './events.ts';
import type { TrainTask } from './run-training.ts';
import type { Overlap } from './team-step.ts';

/** Why a trainer stops, by the number that asks it to. */
export const stopReasons = ['not', 'asked', 'time'] as const;
export type StopReason = (typeof stopReasons)[number];

export interface TrainerData {
  readonly task: TrainTask;
  /** One int32, an index of `stopReasons`. */
  readonly stop: SharedArrayBuffer;
  readonly stepEventMs: number;
  readonly command: readonly string[];
  readonly dist: DistOptions | undefined;
}

/** Training by several processes that mpirun or srun started. */
export interface DistOptions extends TeamRequest {
  /** Sum gradients while backward goes on; default auto, which tries. */
  readonly overlap?: Overlap | undefined;
}

export type TrainerMessage =
  | { readonly kind: 'event'; readonly event: TrainEvent }
  | { readonly kind: 'end' }
  /** `isStuck`: the threads below cannot be ended, since a collective does not return. */
  | { readonly kind: 'error'; readonly error: PlainError; readonly isStuck: boolean };
