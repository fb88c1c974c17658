/** The runs in a folder: of the experiments in it planned ones too, and whatever other run folders there are. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { codeOf } from '../core/durable-files.ts';
import { dataError, IgcError } from '../core/errors.ts';
import { experimentRecords, isExperiment, readExperiment } from './experiment-folder.ts';
import { type RunRecord, readRunRecord } from './run-record.ts';

/** What is in a folder. */
export interface RunCollection {
  readonly records: readonly RunRecord[];
  /** Why folders that look like runs cannot even be told what they are. */
  readonly unreadable: readonly string[];
}

/** How far below a folder runs are looked for: `runs/table4/runs/<name>`. */
const mostBelow = 3;

/** Every run in a folder, or in an experiment's, or the folder itself if it is one. Throws a data error when it is no folder. */
export function collectRuns(root: string): RunCollection {
  if (!existsSync(root) || !statSync(root).isDirectory()) {
    const got = existsSync(root) ? 'a file' : 'no such folder';
    throw dataError({ path: root, rule: 'must be a folder of runs', got });
  }
  const found = [...collect(root, mostBelow)];
  return {
    records: found.flatMap((one) => (typeof one === 'string' ? [] : one)),
    unreadable: found.filter((one) => typeof one === 'string'),
  };
}

/** Records, or reasons why there is none. */
function* collect(folder: string, below: number): Generator<RunRecord | string> {
  try {
    if (isExperiment(folder)) return yield* experimentRecords(folder, readExperiment(folder)!);
    if (existsSync(path.join(folder, 'config.json'))) return yield readRunRecord(folder);
  } catch (error) {
    if (!(error instanceof IgcError)) throw error;
    return yield error.message;
  }
  if (below === 0) return;
  let names: readonly string[];
  try {
    names = foldersIn(folder);
  } catch (error) {
    const code = codeOf(error) ?? 'an error';
    if (code !== 'ENOENT') yield `${folder}: must be readable, got ${code}`; // else it went meanwhile
    return;
  }
  for (const name of names) yield* collect(path.join(folder, name), below - 1);
}

function foldersIn(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map(({ name }) => name)
    .sort((a, b) => (a < b ? -1 : 1));
}
