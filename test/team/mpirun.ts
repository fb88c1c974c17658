/** The mpirun commands of this machine, and processes started with them. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** An MPI that is installed. */
export interface InstalledMpi {
  readonly name: 'Open MPI' | 'MPICH';
  readonly command: string;
  /** To start more ranks than there are cores. */
  readonly crowded: readonly string[];
}

const known: readonly InstalledMpi[] = [
  { name: 'Open MPI', command: 'mpirun.openmpi', crowded: ['--oversubscribe'] },
  { name: 'MPICH', command: 'mpirun.mpich', crowded: [] },
];

const isThere = ({ command }: InstalledMpi) =>
  (process.env.PATH ?? '').split(':').some((folder) => existsSync(path.join(folder, command)));

export const installed = known.filter(isThere);

for (const { name, command } of known) {
  if (!installed.some((mpi) => mpi.name === name)) console.warn(`skipped: ${name}: no ${command}`);
}

export const igc = fileURLToPath(new URL('../../dist/cli/igc.js', import.meta.url));

export const bench = fileURLToPath(new URL('../../dist/bench/bench.js', import.meta.url));

/** Open MPI refuses root unless told twice. */
export const mpiEnvironment = {
  ...process.env,
  OMPI_ALLOW_RUN_AS_ROOT: '1',
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1',
  NO_COLOR: '1',
};

/** Runs `node …` on so many ranks, to its end. */
export function runRanks(
  { command, crowded }: InstalledMpi,
  ranks: number,
  line: readonly string[],
  env: NodeJS.ProcessEnv = {},
) {
  const { status, stdout, stderr } = spawnSync(
    command,
    [...crowded, '-np', `${ranks}`, process.execPath, ...line],
    { encoding: 'utf8', env: { ...mpiEnvironment, ...env }, timeout: 120_000 },
  );
  return { status, stdout, stderr };
}
