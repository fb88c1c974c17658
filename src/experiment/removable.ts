/** What of runs can be cleared away: nothing that is being trained, and nothing of a result but what only resuming needs. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { checkpointFiles, checkpointFolder } from '../train/checkpoint.ts';
import type { RunRecord } from './run-record.ts';

export interface Removable {
  /** A file or a folder. */
  readonly path: string;
  readonly why: string;
}

/** `failed`: folders of runs without a result that would not get one; `checkpoints`: what finished runs need only to go on. */
export function removable(
  records: readonly RunRecord[],
  {
    failed = false,
    checkpoints = false,
  }: { readonly failed?: boolean | undefined; readonly checkpoints?: boolean | undefined },
): readonly Removable[] {
  return records.flatMap((record): readonly Removable[] => {
    const { folder, status } = record;
    if (status === 'finished') return checkpoints ? spareCheckpoints(folder) : [];
    const isLost = status === 'diverged' || status === 'failed';
    const isBare = status === 'unfinished' && record.epochs === 0;
    return failed && (isLost || isBare)
      ? [{ path: folder, why: isBare ? 'no epoch was finished' : status }]
      : [];
  });
}

function spareCheckpoints(folder: string): readonly Removable[] {
  const spare = [
    { path: checkpointFolder(folder, 'best'), why: 'the best epoch’s network, not the result' },
    {
      path: path.join(checkpointFolder(folder, 'last'), checkpointFiles.optimizer),
      why: 'needed only to go on',
    },
  ];
  return spare.filter(({ path: place }) => existsSync(place));
}
