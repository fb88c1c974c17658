/** The public way to train: runs the trainer in a worker thread and hands its events on. */
import { internalError } from '../core/errors.ts';
import type { ConfigOverrides } from './config.ts';
import type { RunSummary, TrainEvent } from './events.ts';

export interface TrainOptions {
  /** Stops the run after its current step, with a checkpoint to resume from. */
  readonly signal?: AbortSignal;
  /** An existing run folder to go on with; the configuration is its config.json. */
  readonly resume?: string;
}

/**
 * Trains a network and yields events until it is done; returns the summary. An aborted run throws an
 * `interrupted` IgcError whose message says how to resume; a diverged one a `diverged` IgcError.
 */
export async function* train(
  _request: ConfigOverrides = {},
  _options: TrainOptions = {},
): AsyncGenerator<TrainEvent, RunSummary> {
  yield { kind: 'warning', message: 'soon' };
  throw internalError('train is being written');
}
