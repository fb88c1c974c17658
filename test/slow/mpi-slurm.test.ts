/** Training over MPI in jobs of Slurm: ranks started by srun, and by mpirun in a batch script. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { igc, installed, mpiEnvironment } from '../team/mpirun.ts';
import { type SlurmCluster, startSlurm, whyNoSlurm } from './slurm-cluster.ts';

const missing =
  whyNoSlurm() ?? (installed.length === 2 ? undefined : 'Open MPI or MPICH is absent');
if (missing) console.warn(`skipped: ranks in jobs of Slurm: ${missing}`);

const training = [igc, 'train', '--recipe', 'digits', '--epochs', '2', '--dist', 'mpi', '--json'];

describe.skipIf(missing)('in a job of Slurm', () => {
  let cluster: SlurmCluster;
  let output = '';
  beforeAll(async () => {
    output = mkdtempSync(path.join(tmpdir(), 'igcnet-mpi-slurm-'));
    cluster = await startSlurm();
  });
  afterAll(async () => {
    await cluster?.stop();
    rmSync(output, { recursive: true, force: true });
  });

  const teamOf = (name: string) =>
    JSON.parse(readFileSync(path.join(output, name, 'env.json'), 'utf8')).team;

  it.each([
    ['Open MPI', 'pmix', {}],
    ['MPICH', 'pmi2', { IGCNET_MPI_LIBRARY: 'libmpich.so.12' }],
  ])('srun starts ranks of %s (--mpi=%s)', (name, mpi, variables) => {
    const line = [...training, '--output', output, '--name', mpi];
    const { status, stdout, stderr } = spawnSync(
      'srun',
      [`--mpi=${mpi}`, '--ntasks=2', '--cpus-per-task=1', process.execPath, ...line],
      { encoding: 'utf8', env: { ...mpiEnvironment, ...cluster.env, ...variables } },
    );
    expect({ status, epochs: stderr.match(/^epoch /gm)?.length }).toEqual({ status: 0, epochs: 2 });
    expect(JSON.parse(stdout)).toMatchObject({ steps: 44, epochs: 2 });
    expect(teamOf(mpi)).toMatchObject({ ranks: 2, library: expect.stringContaining(name) });
  });

  it('sbatch runs mpirun', () => {
    const words = [...training, '--output', output, '--name', 'batch'].join(' ');
    const script = path.join(output, 'job.sh');
    writeFileSync(script, `#!/bin/sh\nmpirun.openmpi ${process.execPath} ${words}\n`);
    const { status, stdout, stderr } = spawnSync(
      'sbatch',
      ['--wait', '--ntasks=2', `--output=${output}/job.log`, script],
      { encoding: 'utf8', env: { ...mpiEnvironment, ...cluster.env } },
    );
    const log = readFileSync(path.join(output, 'job.log'), 'utf8');
    expect({ status, stderr, log: status === 0 ? '' : `${stdout}${log}` }).toEqual({
      ...{ status: 0, stderr: '', log: '' },
    });
    expect(log.match(/^epoch /gm)).toHaveLength(2);
    expect(teamOf('batch')).toMatchObject({ ranks: 2 });
  });
});
