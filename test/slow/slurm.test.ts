/** Sweeps on a Slurm of one node, with tasks that are killed, pre-empted and told to stop, and with other workers beside. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SweepRun, SweepStatus } from '../../src/slurm/sweep-status.ts';
import { runIgc, temporaryFolder, tinyRun } from '../cli/run-igc.ts';
import { lastingParts } from '../train/small-run.ts';
import { type SlurmCluster, startSlurm, whyNoSlurm } from './slurm-cluster.ts';

const why = whyNoSlurm();
if (why !== undefined) console.warn(`tests of Slurm are skipped: ${why}`);

const root = temporaryFolder();
const epochs = 600;

/** A sweep whose runs take some seconds each. */
const sweep = (name: string, ...more: readonly string[]) => [
  ...[...tinyRun, '--epochs', `${epochs}`, '--set', 'checkpointSteps=20', '--val-split', '0.25'],
  ...['--output', root(), '--name', name, '--grid', 'optimizer.learningRate=0.05,0.02', ...more],
];

describe.skipIf(why !== undefined)('a sweep on Slurm', () => {
  let slurm: SlurmCluster;
  beforeAll(async () => {
    slurm = await startSlurm();
  });
  afterAll(() => slurm?.stop());

  const igc = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await runIgc(args, { env: slurm.env });
    expect(stderr, stderr).not.toContain('internal:');
    expect(code, stderr).toBe(0);
    return stdout;
  };
  const status = async (folder: string) =>
    JSON.parse(await igc('sweep', 'status', folder, '--json')) as SweepStatus;

  /** Waits until the experiment stands so, and gives how. */
  const until = async <T>(
    folder: string,
    seconds: number,
    look: (status: SweepStatus) => T | undefined | false,
  ): Promise<T> => {
    let last: SweepStatus | undefined;
    for (const end = Date.now() + 1000 * seconds; Date.now() < end; await sleep(300)) {
      last = await status(folder);
      const found = look(last);
      if (found) return found;
    }
    throw new Error(`not within ${seconds} s: ${JSON.stringify(last, null, 1)}`);
  };
  const pick = (folder: string, not: readonly number[]) =>
    until(folder, 120, ({ runs }) =>
      runs.find(
        (run) =>
          run.state === 'running' &&
          run.epochs > 20 &&
          run.epochs < epochs / 2 &&
          !not.includes(run.index),
      ),
    );

  it('of 12 runs ends with all of them, none trained twice, though one is killed, one pre-empted, one near its time limit', async () => {
    const folder = path.join(root(), 'twelve');
    await igc(
      'sweep',
      'submit',
      '--slurm',
      ...sweep('twelve', '--seeds', '6'),
      '--jobs',
      '2',
      '--time',
      '30m',
    );
    const told = await pick(folder, []);
    const [{ id: array }] = (await status(folder)).jobs as [SweepStatus['jobs'][number]];
    slurm.run('scancel', '--signal=USR1', `${array}_${told.index}.0`); // its step
    const killed = await pick(folder, [told.index]);
    killTask(killed);
    await until(folder, 20, ({ runs }) => runs[killed.index]!.state === 'stale');
    await pick(folder, [told.index, killed.index]);
    slurm.run('sbatch', '--partition=high', '--ntasks=2', '--output=/dev/null', '--wrap=sleep 2');
    const jobs = await until(folder, 400, (now) => isOver(now) && now.jobs);
    const end = await status(folder);
    expect(end.runs.map(({ state }) => state)).toEqual(new Array(12).fill('finished'));

    // The array, its report, and what was killed once more with a report of its own.
    expect(jobs.map(({ kind, indices }) => [kind, indices])).toEqual([
      ['array', end.runs.map(({ index }) => index)],
      ['report', []],
      ['array', [killed.index]],
      ['report', []],
    ]);
    const times = jobs.map(({ id }) => jobTimes(slurm, id));
    expect(times[1]!.start).toBeGreaterThanOrEqual(times[0]!.end);
    expect(times[3]!.start).toBeGreaterThanOrEqual(times[2]!.end);
    const report = JSON.parse(readFileSync(path.join(folder, 'report', 'report.json'), 'utf8'));
    expect(report.runs.map(({ status }: { status: string }) => status)).toEqual(
      new Array(12).fill('finished'),
    );

    const logs = logsOf(folder);
    const preempted = runsWhere(logs, /SIGTERM: stopping .*\n(.*\n)*task \d+_\d+: queued again/);
    expect(runsWhere(logs, /SIGUSR1: stopping .*\n(.*\n)*task \d+_\d+: queued again/)).toEqual([
      told.index,
    ]);
    expect(preempted.length).toBeGreaterThan(0);
    const disturbed = [...new Set([told.index, killed.index, ...preempted])].sort((a, b) => a - b);
    expect(sessionsOf(end).flatMap((count, index) => (count > 1 ? [index] : []))).toEqual(
      disturbed,
    );
    for (const { index } of end.runs) {
      const finished = [...(logs.get(index)?.matchAll(/^\[1\/1\] .*: test [\d.]+%/gm) ?? [])];
      expect(finished, `run ${index}`).toHaveLength(1);
    }
    console.log(
      `12 runs finished; told ${told.index}, killed ${killed.index}, pre-empted ${preempted}; sessions of each: ${sessionsOf(end)}`,
    );

    // To the same bits as if nothing had happened.
    for (const index of disturbed) {
      const run = runFolder(folder, end.runs[index]!.id);
      const name = `alone-${index}`;
      await igc(
        'train',
        '--config',
        path.join(run, 'config.json'),
        '--output',
        root(),
        '--name',
        name,
      );
      expect(lastingParts(run), `run ${index}`).toEqual(lastingParts(path.join(root(), name)));
    }
  });

  it('shares its folder with a worker that is no task, and no run is trained by both', async () => {
    const folder = path.join(root(), 'shared');
    const args = sweep('shared', '--seeds', '4');
    await igc('sweep', 'submit', '--slurm', ...args, '--jobs', '1');
    await pick(folder, []);
    await igc('sweep', ...args);
    const end = await until(folder, 120, (now) => isOver(now) && now);
    expect(end.runs.map(({ state }) => state)).toEqual(new Array(8).fill('finished'));
    expect(sessionsOf(end)).toEqual(new Array(8).fill(1));
    const commands = end.runs.map(({ id }) => environment(folder, id).command.includes('task'));
    expect(new Set(commands)).toEqual(new Set([true, false]));
    console.log(
      `8 runs finished: ${commands.filter(Boolean).length} by tasks, the others by a worker beside them`,
    );
  });

  const runFolder = (folder: string, id: string) => {
    const runs = path.join(folder, 'runs');
    return path.join(runs, readdirSync(runs).find((run) => run.endsWith(id))!);
  };
  const environment = (folder: string, id: string) =>
    JSON.parse(readFileSync(path.join(runFolder(folder, id), 'env.json'), 'utf8'));
  /** How many processes trained each run. */
  const sessionsOf = ({ folder, runs }: SweepStatus) =>
    runs.map(({ id }) => 1 + (environment(folder, id).resumed?.length ?? 0));
});

/** The run's process and the task above it, at once, as when a node dies. */
function killTask({ remark }: SweepRun): void {
  const worker = Number(/process (\d+)/.exec(remark)![1]);
  const task = Number(/\nPPid:\s+(\d+)/.exec(readFileSync(`/proc/${worker}/status`, 'utf8'))![1]);
  for (const pid of [worker, task]) process.kill(pid, 'SIGKILL');
}

/** Every job has ended, and the last of them found nothing left to submit. */
function isOver({ jobs, runs }: SweepStatus): boolean {
  const isEnded = jobs.every(({ states }) =>
    Object.keys(states).every((state) => ['COMPLETED', 'FAILED', 'CANCELLED'].includes(state)),
  );
  return isEnded && runs.every(({ state }) => state === 'finished');
}

/** In seconds: when the first task of a job began and the last one ended. */
function jobTimes(slurm: SlurmCluster, id: number) {
  const text = slurm.run('scontrol', 'show', 'job', `${id}`);
  const all = (key: string) =>
    [...text.matchAll(new RegExp(`${key}=(\\S+)`, 'g'))].map(
      (found) => Date.parse(found[1]!) / 1000,
    );
  return { start: Math.min(...all('StartTime')), end: Math.max(...all('EndTime')) };
}

/** What all tasks of each run have said, by the run's index. */
function logsOf(folder: string): ReadonlyMap<number, string> {
  const logs = new Map<number, string>();
  const place = path.join(folder, 'slurm', 'logs');
  for (const name of readdirSync(place).sort()) {
    const index = /^\d+_(\d+)\.log$/.exec(name)?.[1];
    if (index === undefined) continue;
    const said = readFileSync(path.join(place, name), 'utf8');
    logs.set(Number(index), (logs.get(Number(index)) ?? '') + said);
  }
  return logs;
}

function runsWhere(logs: ReadonlyMap<number, string>, said: RegExp): readonly number[] {
  return [...logs]
    .flatMap(([index, text]) => (said.test(text) ? [index] : []))
    .sort((a, b) => a - b);
}
