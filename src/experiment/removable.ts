/** What of runs can be cleared away: nothing that is being trained, and nothing of a result but what only resuming needs. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { checkpointFiles, checkpointFolder, findCheckpoint } from '../train/checkpoint.ts';
import type { RunRecord } from './run-record.ts';

export interface Removable {
  /** A file or a folder. */
  readonly path: string;
  readonly why: string;
  /** The run's folder. */
  readonly run: string;
}

/** `failed`: folders of runs that cannot go on; `checkpoints`: what finished runs need only to go on. */
export function removable(
  records: readonly RunRecord[],
  of: { readonly failed?: boolean | undefined; readonly checkpoints?: boolean | undefined },
): readonly Removable[] {
  const { failed = false, checkpoints = false } = of;
  return records.flatMap(({ folder, status }): readonly Removable[] => {
    if (status === 'finished') return checkpoints ? spareCheckpoints(folder) : [];
    const why = failed && existsSync(folder) ? whyLost(folder, status) : undefined;
    return why === undefined ? [] : [{ path: folder, why, run: folder }];
  });
}

/** A run that failed, or was stopped, goes on from its last checkpoint; a diverged one would diverge again. */
function whyLost(folder: string, status: RunRecord['status']): string | undefined {
  if (status === 'diverged') return status;
  if (status !== 'failed' && status !== 'unfinished') return undefined;
  return findCheckpoint(folder, 'last') === undefined
    ? `${status}, without a checkpoint`
    : undefined;
}

function spareCheckpoints(run: string): readonly Removable[] {
  const spare = [
    { path: checkpointFolder(run, 'best'), why: 'the best epoch’s network, not the result', run },
    {
      path: path.join(checkpointFolder(run, 'last'), checkpointFiles.optimizer),
      why: 'needed only to go on',
      run,
    },
  ];
  return spare.filter(({ path: place }) => existsSync(place));
}
