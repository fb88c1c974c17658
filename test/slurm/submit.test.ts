/** Submitting an experiment, and what is said of it afterwards, with a Slurm that is made up. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { processLockText } from '../../src/core/process-lock.ts';
import {
  addToExperiment,
  noteRunFailure,
  readExperiment,
  runLockOf,
} from '../../src/experiment/experiment-folder.ts';
import { planSweep } from '../../src/experiment/plan-sweep.ts';
import { ownTask, requeueTask } from '../../src/slurm/requeue.ts';
import { type SubmitRequest, submitExperiment } from '../../src/slurm/submit.ts';
import { readSweepStatus } from '../../src/slurm/sweep-status.ts';
import { smallRun, temporaryFolder } from '../train/small-run.ts';
import { fakeSlurm } from './fake-slurm.ts';

const { name: _, ...base } = smallRun;
const plan = (seeds: readonly number[]) =>
  planSweep({ base: { ...base, threads: 3 }, grid: { smoothing: [0, 0.1] }, seeds });

const request = (folder: string, more: Partial<SubmitRequest> = {}): SubmitRequest => ({
  places: { folder, workingFolder: '/', igc: ['igc'] },
  settings: { timeMs: 3_600_000, jobs: null, retries: 2, sbatchArgs: '' },
  ...more,
});

/** An experiment of four runs that was submitted as array 41 with report 42. */
async function submitted() {
  const folder = path.join(temporaryFolder(), 'four');
  const slurm = fakeSlurm();
  slurm.answer('sbatch', 'slurm 22', '41\n', '42;cluster\n');
  const submission = await submitExperiment(request(folder, { plan: plan([0, 1]) }));
  return { folder, slurm, submission };
}

describe('submitting an experiment', () => {
  it('writes the scripts, submits the array and then the report after it, and notes both', async () => {
    const { folder, slurm, submission } = await submitted();
    expect(submission).toMatchObject({
      ...{ indices: [0, 1, 2, 3], done: 0, queued: 0, cancelled: 0 },
      jobs: { array: 41, report: 42 },
    });
    const own = path.join(folder, 'slurm');
    expect(slurm.calls()).toEqual([
      'sbatch --version',
      `sbatch --parsable ${own}/array.sbatch`,
      `sbatch --parsable --dependency=afterany:41 ${own}/report.sbatch 2`,
    ]);
    const array = readFileSync(path.join(own, 'array.sbatch'), 'utf8');
    expect(array).toBe(submission.scripts.array);
    expect(array).toContain('#SBATCH --array=0-3\n#SBATCH --ntasks=1 --cpus-per-task=3\n');
    expect(existsSync(path.join(own, 'logs'))).toBe(true);
    expect(JSON.parse(readFileSync(path.join(own, 'jobs.json'), 'utf8'))).toEqual({
      formatVersion: 1,
      jobs: [
        { kind: 'array', id: 41, indices: [0, 1, 2, 3], submitted: expect.any(String) },
        { kind: 'report', id: 42, indices: [], submitted: expect.any(String) },
      ],
    });
    expect(readExperiment(folder)?.runs).toHaveLength(4);
    expect(existsSync(path.join(folder, 'lock'))).toBe(false);
  });

  it('again leaves out what still waits, and adds what is new', async () => {
    const { folder, slurm } = await submitted();
    slurm.answer(
      'squeue',
      '41|0|COMPLETED|n1|None\n41|1|FAILED|n1|NonZeroExitCode\n41|2|RUNNING|n1|None\n41|3|PENDING||Resources\n42|N/A|PENDING||Dependency\n',
    );
    slurm.answer('sbatch', 'slurm 22', '51\n', '52\n');
    const again = await submitExperiment(request(folder, { plan: plan([0, 1, 2]) }));
    expect(again).toMatchObject({ indices: [0, 1, 4, 5], queued: 2, jobs: { array: 51 } });
    expect(again.scripts.array).toContain('#SBATCH --array=0-1,4-5\n');
    expect(slurm.calls()).toContain(
      'squeue --noheader --array --states=all --format=%F|%K|%T|%N|%r --jobs=41,42',
    );
  });

  it('by the report job leaves out what somebody has cancelled, a person’s does not', async () => {
    const { folder, slurm } = await submitted();
    slurm.answer('squeue', { refuses: 'slurm_load_jobs error: Invalid job id specified' });
    slurm.answer(
      'sacct',
      '41_0|COMPLETED|n1\n41_1|CANCELLED by 0|n1\n41_2|CANCELLED by 0|\n41_3|NODE_FAIL|n1\n42|RUNNING|n1\n',
    );
    slurm.answer('sbatch', 'slurm 22', '51\n', '52\n');
    const dry = await submitExperiment(request(folder, { dryRun: true }));
    expect(dry.indices).toEqual([0, 1, 2, 3]);
    const again = await submitExperiment(request(folder, { keepCancelled: true }));
    expect(again).toMatchObject({ indices: [0, 3], cancelled: 2 });
  });

  it('says what Slurm refuses, and keeps what was submitted before', async () => {
    const { folder, slurm } = await submitted();
    slurm.answer('sbatch', 'slurm 22', {
      refuses:
        'sbatch: error: invalid partition specified: x\nsbatch: error: Batch job submission failed\n',
    });
    await expect(submitExperiment(request(folder))).rejects.toMatchObject({
      kind: 'failure',
      message:
        'sbatch: was refused by Slurm, got sbatch: error: invalid partition specified: x / sbatch: error: Batch job submission failed',
    });
    expect(
      JSON.parse(readFileSync(path.join(folder, 'slurm', 'jobs.json'), 'utf8')).jobs,
    ).toHaveLength(2);
    slurm.answer('sbatch', 'slurm 22', 'what?\n');
    await expect(submitExperiment(request(folder))).rejects.toThrow(
      'sbatch: must say the number of the job, got "what?\\n"',
    );
  });

  it('without Slurm says so before anything is written', async () => {
    const folder = path.join(temporaryFolder(), 'none');
    vi.stubEnv('PATH', temporaryFolder());
    await expect(submitExperiment(request(folder, { plan: plan([0]) }))).rejects.toMatchObject({
      kind: 'failure',
      message: `sbatch: must be on PATH for Slurm's jobs, got no such command; call igc on a login node of the cluster; without Slurm, "igc sweep" runs here`,
    });
    vi.unstubAllEnvs();
    expect(existsSync(folder)).toBe(false);
  });

  it('needs an experiment, and nothing is made where there is none', async () => {
    fakeSlurm();
    const folder = path.join(temporaryFolder(), 'none');
    await expect(submitExperiment(request(folder))).rejects.toMatchObject({
      kind: 'data',
      message: `${folder}: must be the folder of an experiment`,
    });
    expect(existsSync(folder)).toBe(false);
  });
});

describe('the status of a sweep', () => {
  it('tells of each run who has it, or why nobody has', async () => {
    const { folder, slurm } = await submitted();
    const { runs } = readExperiment(folder)!;
    mkdirSync(path.join(folder, 'runs'));
    const own = JSON.parse(processLockText());
    writeFileSync(
      runLockOf(folder, runs[0]!),
      JSON.stringify({ ...own, host: 'node1', job: '41_0' }),
    );
    writeFileSync(
      runLockOf(folder, runs[1]!),
      JSON.stringify({ ...own, began: 'earlier', host: 'node1' }),
    );
    noteRunFailure(folder, runs[3]!, 'the disk was full');
    slurm.answer(
      'squeue',
      '41|0|RUNNING|node1|None\n41|1|FAILED|node1|None\n41|2|PENDING||JobArrayTaskLimit\n41|3|FAILED|n1|None\n42|N/A|PENDING||Dependency\n',
    );
    const status = await readSweepStatus(folder);
    expect(status.noSlurm).toBeUndefined();
    expect(status.runs.map(({ index, state, remark }) => [index, state, remark])).toEqual([
      [0, 'running', `process ${process.pid} (job 41_0) on node1`],
      [1, 'stale', `process ${process.pid} on node1 is gone`],
      [2, 'queued', 'job 41_2: PENDING (JobArrayTaskLimit)'],
      [3, 'failed', 'the disk was full'],
    ]);
    expect(status.runs[0]).toMatchObject({ epochs: 0, ofEpochs: 3, since: own.since });
    expect(status.jobs.map(({ id, states }) => [id, states])).toEqual([
      [41, { RUNNING: 1, FAILED: 2, PENDING: 1 }],
      [42, { PENDING: 1 }],
    ]);
  });

  it('works where there is no Slurm, or one that does not answer', async () => {
    const { folder, slurm } = await submitted();
    slurm.answer('squeue', {
      refuses: 'slurm_load_jobs error: Unable to contact slurm controller',
    });
    expect(await readSweepStatus(folder)).toMatchObject({
      runs: new Array(4).fill({ state: 'not run' }),
      noSlurm:
        'squeue: was refused by Slurm, got slurm_load_jobs error: Unable to contact slurm controller',
    });
    vi.stubEnv('PATH', temporaryFolder());
    expect((await readSweepStatus(folder)).noSlurm).toBe('there is no Slurm on this machine');
    const local = path.join(temporaryFolder(), 'local');
    addToExperiment(local, plan([0]));
    expect(await readSweepStatus(local)).toMatchObject({ jobs: [], runs: [{}, {}] });
    expect((await readSweepStatus(local)).noSlurm).toBeUndefined();
  });

  it('names a list of jobs that is damaged', async () => {
    const { folder } = await submitted();
    writeFileSync(
      path.join(folder, 'slurm', 'jobs.json'),
      '{"formatVersion":1,"jobs":[{"id":"x"}]}',
    );
    await expect(readSweepStatus(folder)).rejects.toMatchObject({
      kind: 'data',
      message: expect.stringMatching(/slurm\/jobs\.json: must list jobs, got /),
    });
  });
});

describe('a task that was told to stop', () => {
  it('queues itself again only while Slurm takes it for running', async () => {
    const slurm = fakeSlurm();
    slurm.answer('squeue', 'RUNNING\n');
    expect(await requeueTask('41_2')).toBe(true);
    expect(slurm.calls()).toEqual([
      'squeue --noheader --states=all --format=%T --jobs=41_2',
      'scontrol requeue 41_2',
    ]);
    slurm.answer('squeue', 'CANCELLED\n');
    expect(await requeueTask('41_2')).toBe(false);
    expect(slurm.calls()).toHaveLength(3);
  });

  it('knows which it is', () => {
    expect(ownTask({ SLURM_ARRAY_JOB_ID: '41', SLURM_ARRAY_TASK_ID: '2' })).toBe('41_2');
    expect(ownTask({ SLURM_JOB_ID: '41' })).toBeUndefined();
  });
});
