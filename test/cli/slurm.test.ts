/** The commands of sweeps on a cluster, with a Slurm that is made up. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { processLockText } from '../../src/core/process-lock.ts';
import { readExperiment, runLockOf } from '../../src/experiment/experiment-folder.ts';
import { fakeSlurm } from '../slurm/fake-slurm.ts';
import { callIgc, runIgc, startIgc, temporaryFolder, tinyRun } from './run-igc.ts';

const root = temporaryFolder();

const submit = (name: string, ...more: readonly string[]) => [
  ...['sweep', 'submit', '--slurm', ...tinyRun, '--output', root(), '--name', name],
  ...['--grid', 'optimizer.learningRate=0.05,0.02', '--val-split', '0.25', ...more],
];

/** Submits a sweep of two runs, as job 41. */
async function submitted(name: string, ...more: readonly string[]) {
  const slurm = fakeSlurm();
  slurm.answer('sbatch', 'slurm 22', '41\n', '42\n');
  const outcome = await callIgc(submit(name, ...more));
  return { slurm, outcome, folder: path.join(root(), name) };
}

async function untilSaid(running: ReturnType<typeof startIgc>, said: RegExp): Promise<void> {
  while (!said.test(running.stderr())) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('igc sweep submit', () => {
  it('submits a sweep, and says how to see what becomes of it', async () => {
    const { outcome, folder } = await submitted('two runs', '--jobs', '1', '--time', '90m');
    expect(outcome).toMatchObject({ code: 0, stdout: 'array 41, report 42\n' });
    expect(outcome.stderr).toMatch(/^2 runs submitted; see: igc sweep status '.*two runs'\n$/);
    const script = readFileSync(path.join(folder, 'slurm', 'array.sbatch'), 'utf8');
    expect(script).toContain('#SBATCH --array=0-1%1\n');
    expect(script).toContain('#SBATCH --time=01:30:00\n');
    const { stdout, code } = await callIgc(['sweep', 'status', folder]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/ 0 {2}IGC-L2M2 .*0\.05 {2}not run +0\/2\n/);
    expect(stdout).toContain('\n2 runs: 2 not run. Times are UTC.\narray 41, 2 tasks, submitted ');
    expect(stdout).toContain(': unknown to Slurm\n');
  });

  it('takes what is left of a folder, and nothing where nothing is', async () => {
    const { slurm, folder } = await submitted('folder');
    slurm.answer('sbatch', 'slurm 22', '51\n', '52\n');
    slurm.answer('squeue', '41|0|PENDING||None\n41|1|TIMEOUT|n1|None\n');
    const again = await callIgc(['sweep', 'submit', folder, '--slurm', '--retries', '0', '--json']);
    expect(JSON.parse(again.stdout)).toMatchObject({
      ...{ folder, indices: [1], queued: 1, jobs: { array: 51, report: 52 } },
    });
    expect(slurm.calls().at(-1)).toMatch(/--dependency=afterany:51 .*report\.sbatch 0$/);
    slurm.answer('squeue', '41|0|PENDING||None\n51|1|PENDING||None\n');
    const none = await callIgc(['sweep', 'submit', folder, '--slurm']);
    expect(none).toMatchObject({
      code: 0,
      stdout: '',
      stderr: 'nothing to submit (2 queued before)\n',
    });
  });

  it('prints the scripts with --dry-run, and writes and submits nothing', async () => {
    const { slurm, outcome, folder } = await submitted('dry', '--dry-run');
    expect(outcome.code).toBe(0);
    expect(outcome.stdout).toMatch(
      /^# array\.sbatch\n#!\/bin\/bash\n[\s\S]*\n# report\.sbatch, after it\n#!\/bin\/bash\n/,
    );
    expect(outcome.stderr).toBe('2 runs to submit; nothing was written or submitted (--dry-run)\n');
    expect(slurm.calls()).toEqual([]);
    expect(existsSync(folder)).toBe(false);
  });

  it.each([
    [['sweep', 'submit', '--grid', 'seed=1,2'], 'needs --slurm'],
    [['sweep', 'submit', '--slurm'], 'sweep: must vary something'],
    [submit('x', '--retries', '-1'), '--retries: must be a whole number of at least 0, got -1'],
    [submit('x', '--jobs', '0'), '--jobs: must be a whole number of at least 1, got 0'],
    [submit('x', '--time', 'long'), '--time: must be a time, got "long"'],
    [submit('x', '--sbatch-args', 'long'), '--sbatch-args: must be options of sbatch, got "long"'],
    [
      ['sweep', 'submit', 'x', '--slurm', '--epochs', '3'],
      '--epochs: is not for the runs of a folder; leave it out',
    ],
    [
      ['sweep', 'submit', 'x', '--slurm', '--seeds', '3'],
      '--seeds: is not for the runs of a folder',
    ],
    [
      ['reproduce', 'table4', '--retries', '3'],
      '--retries: is not for --launcher local; add --launcher slurm',
    ],
    [
      ['reproduce', 'table4', '--launcher', 'slurm', '--max-time', '3h'],
      '--max-time: is not for --launcher slurm; --time limits each task',
    ],
    [
      ['reproduce', 'table4', '--launcher', 'pbs'],
      '--launcher must be one of local, slurm, got "pbs"',
    ],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await callIgc(args.map((word) => word || root())); // made after the table
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });

  it('refuses a folder that is no experiment', async () => {
    fakeSlurm();
    for (const args of [
      ['submit', root(), '--slurm'],
      ['status', root()],
      ['task', root(), '--index', '0'],
    ]) {
      const { code, stderr } = await callIgc(['sweep', ...args]);
      expect(stderr).toBe(`${root()}: must be the folder of an experiment\n`);
      expect(code).toBe(3);
    }
  });
});

describe('igc reproduce --launcher slurm', () => {
  it('prints the scripts of a table, with one task at a time only when asked', async () => {
    const args = ['reproduce', 'table4', '--launcher', 'slurm', '--dry-run', '--output', root()];
    const { stdout, code } = await callIgc([...args, '--depth', '8', '--data', 'cifar10']);
    expect(code).toBe(0);
    expect(stdout).toContain('#SBATCH --job-name=igc-table4\n#SBATCH --array=0-4\n');
    const limited = await callIgc([...args, '--depth', '8', '--jobs', '1', '--threads', '6']);
    expect(limited.stdout).toContain(
      '#SBATCH --array=0-9%1\n#SBATCH --ntasks=1 --cpus-per-task=6\n',
    );
  });
});

describe('igc sweep task', () => {
  it('trains the run of its index, once', async () => {
    const { folder } = await submitted('task');
    const task = ['sweep', 'task', folder, '--index', '1'];
    const { code, stderr } = await runIgc(task, { env: { SLURM_CPUS_PER_TASK: '1' } });
    expect(stderr).toMatch(/\[1\/1\] .*0\.02: test [\d.]+% in /);
    expect(code).toBe(0);
    expect(readdirSync(path.join(folder, 'runs'))).toHaveLength(1);
    const again = await runIgc(task);
    expect(again).toMatchObject({ code: 0, stderr: '1 run: 1 done, 0 to do\n' });
  });

  it('leaves a run to the process that has it', async () => {
    const { folder } = await submitted('taken');
    mkdirSync(path.join(folder, 'runs'));
    writeFileSync(runLockOf(folder, readExperiment(folder)!.runs[0]!), processLockText());
    const { code, stderr } = await runIgc(['sweep', 'task', folder, '--index', '0']);
    expect(stderr).toContain(`nothing to do here: process ${process.pid} trains it\n`);
    expect(code).toBe(0);
  });

  it('fails, and does not come back, when it was told to stop before its first step', async () => {
    const { slurm, folder } = await submitted('early', '--epochs', '100000');
    slurm.answer('squeue', 'RUNNING\n');
    const env = { PATH: slurm.searchPath, SLURM_ARRAY_JOB_ID: '41', SLURM_ARRAY_TASK_ID: '0' };
    const running = startIgc(['sweep', 'task', folder, '--index', '0'], { env });
    await untilSaid(running, /^\[1\/1\]/m);
    running.process.kill('SIGUSR1');
    const { code, stderr } = await running.outcome;
    const said =
      'task 41_0: was told to stop before it had done one step; a longer --time lets it begin';
    expect(stderr.trimEnd().split('\n').at(-1)).toBe(said);
    expect(code).toBe(1);
    expect(slurm.calls().filter((call) => call.startsWith('scontrol'))).toEqual([]);
  });

  it('ends without another word to the disk when its run was taken over', async () => {
    const { folder } = await submitted('lost', '--epochs', '100000');
    const running = startIgc(['sweep', 'task', folder, '--index', '0']);
    await untilSaid(running, /epoch 3\//);
    const claim = runLockOf(folder, readExperiment(folder)!.runs[0]!);
    writeFileSync(claim, JSON.stringify({ pid: 7, boot: 'another', began: '1', host: 'node7' }));
    const { code, stderr } = await running.outcome; // at the next sign of life
    expect(stderr).toContain('nothing to do here: process 7 on node7 trains it\n');
    expect(code).toBe(0);
    expect(JSON.parse(readFileSync(claim, 'utf8')).host).toBe('node7');
    const { stdout } = await callIgc(['sweep', 'status', folder]);
    expect(stdout).toMatch(/ 0 .* running +\d+\/100000 .*process 7 on node7\n/);
  });

  it('keeps why its data could not be opened', async () => {
    const { folder } = await submitted('moved');
    const file = path.join(folder, 'experiment.json');
    const moved = JSON.parse(readFileSync(file, 'utf8'));
    for (const { config } of moved.runs)
      config.data = { ...config.data, name: 'cifar10', dir: '/gone', synthetic: null };
    writeFileSync(file, JSON.stringify(moved));
    const task = await callIgc(['sweep', 'task', folder, '--index', '0']);
    expect(task).toMatchObject({ code: 3, stderr: expect.stringContaining('/gone') });
    const { runs } = JSON.parse((await callIgc(['sweep', 'status', folder, '--json'])).stdout);
    expect(runs[0]).toMatchObject({ state: 'failed', remark: expect.stringContaining('/gone') });
    const submitAgain = await callIgc(['sweep', 'submit', folder, '--slurm']);
    expect(submitAgain).toMatchObject({ code: 3, stderr: expect.stringContaining('/gone') });
  });

  it.each([
    ['2', "--index: must be a run's index, from 0 to 1, got 2"],
    ['0.5', "--index: must be a run's index, from 0 to 1, got 0.5"],
    ['x', '--index: must be a number, got "x"'],
  ])('refuses the index %s', async (index, message) => {
    const { folder } = await submitted(`index ${index}`);
    const { code, stderr } = await callIgc(['sweep', 'task', folder, '--index', index]);
    expect(stderr).toBe(`${message}\n`);
    expect(code).toBe(2);
  });

  it.each(['SIGUSR1', 'SIGTERM'] as const)(
    'saves at %s and queues itself again, and goes on where it was',
    async (signal) => {
      const { slurm, folder } = await submitted(signal, '--epochs', '100000');
      slurm.answer('squeue', 'RUNNING\n');
      const env = { PATH: slurm.searchPath, SLURM_ARRAY_JOB_ID: '41', SLURM_ARRAY_TASK_ID: '0' };
      for (const said of [/epoch 3\//, /epoch \d+\//]) {
        const running = startIgc(['sweep', 'task', folder, '--index', '0'], { env });
        await untilSaid(running, said);
        running.process.kill(signal);
        await untilSaid(running, /stopping after/);
        running.process.kill('SIGTERM'); // a scheduler may say it twice
        const { code, stderr } = await running.outcome;
        expect(stderr).toContain(`${signal}: stopping after these steps and saving\n`);
        expect(stderr).toContain('task 41_0: queued again\n');
        expect(code).toBe(130);
      }
      expect(slurm.calls().filter((call) => call === 'scontrol requeue 41_0')).toHaveLength(2);
      const [run] = readdirSync(path.join(folder, 'runs'));
      const env0 = JSON.parse(readFileSync(path.join(folder, 'runs', run!, 'env.json'), 'utf8'));
      expect(env0.resumed).toHaveLength(1);
    },
  );
});
