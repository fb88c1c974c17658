/** What a run leaves in its folder as it goes on. Of a team rank 0 alone keeps it. */
import type { ModelCard } from '../model/model-card.ts';
import {
  type CheckpointName,
  checkpointFolder,
  type TrainedModels,
  type TrainState,
  writeCheckpoint,
} from './checkpoint.ts';
import type { MetricsRow, RunSummary } from './events.ts';
import { appendMetrics, writeSummary } from './run-folder.ts';

/** Each throws a failure that says why it could not be written. */
export interface Journal {
  checkpoint(which: CheckpointName, state: TrainState): void;
  /** A row of metrics.jsonl. */
  row(row: MetricsRow): void;
  summary(summary: RunSummary): void;
}

export function keepJournal(
  folder: string,
  models: TrainedModels,
  card: Omit<ModelCard, 'epoch' | 'step'>,
): Journal {
  return {
    checkpoint: (which, state) =>
      writeCheckpoint(checkpointFolder(folder, which), models, card, state),
    row: (row) => appendMetrics(folder, row),
    summary: (summary) => writeSummary(folder, summary),
  };
}

/** For the ranks that write nothing. */
export const noJournal: Journal = { checkpoint() {}, row() {}, summary() {} };
