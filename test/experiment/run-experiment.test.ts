import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { releaseProcessLock, takeProcessLock } from '../../src/core/process-lock.ts';
import {
  readExperiment,
  runFolderOf,
  runLockOf,
  withExperimentLock,
} from '../../src/experiment/experiment-folder.ts';
import { planSweep, type SweepRequest } from '../../src/experiment/plan-sweep.ts';
import {
  type ExperimentEvent,
  type ExperimentOptions,
  type ExperimentResult,
  runExperiment,
} from '../../src/experiment/run-experiment.ts';
import type { RunPlan } from '../../src/experiment/run-plan.ts';
import { lastingParts, smallRun, temporaryFolder } from '../train/small-run.ts';

const { name: _, ...base } = { ...smallRun, threads: 1 };

const plan = (request: SweepRequest = {}) =>
  planSweep({ base, grid: { 'optimizer.learningRate': [0.05, 0.02] }, ...request });

/** Runs to the end, or to the error. */
async function runAll(folder: string, runs: RunPlan, options: ExperimentOptions = {}) {
  const events: ExperimentEvent[] = [];
  const running = runExperiment(folder, runs, options);
  try {
    for (;;) {
      const { value, done } = await running.next();
      if (done) return { events, result: value as ExperimentResult };
      events.push(value);
    }
  } catch (error) {
    return { events, error };
  }
}

const only = <K extends ExperimentEvent['kind']>(events: readonly ExperimentEvent[], kind: K) =>
  events.filter((event): event is Extract<ExperimentEvent, { kind: K }> => event.kind === kind);
const ends = (events: readonly ExperimentEvent[]) => only(events, 'end').map(({ end }) => end.kind);

describe('an experiment', () => {
  it('trains and evaluates every run, and the second time has nothing to do', async () => {
    const folder = path.join(temporaryFolder(), 'sweep');
    const runs = plan({ seeds: [0, 1] });
    const { events, result } = await runAll(folder, runs);
    expect(only(events, 'plan')).toEqual([{ kind: 'plan', runs: 4, todo: 4 }]);
    expect(ends(events)).toEqual(['finished', 'finished', 'finished', 'finished']);
    expect(only(events, 'begin').map(({ place }) => place)).toEqual(
      [1, 2, 3, 4].map((index) => ({ index, of: 4 })),
    );
    expect(result?.records.map(({ status, epochs }) => [status, epochs])).toEqual(
      new Array(4).fill(['finished', 3]),
    );
    for (const run of runs.runs) {
      const files = readdirSync(path.join(runFolderOf(folder, run), 'eval-test-last'));
      expect(files.sort()).toEqual([
        'confusion.csv',
        'confusion.json',
        'confusion.svg',
        'evaluation.json',
      ]);
    }
    const summaries = () =>
      runs.runs.map((run) => statSync(path.join(runFolderOf(folder, run), 'summary.json')).mtimeMs);
    const before = summaries();
    const again = await runAll(folder, runs);
    expect(again.events).toEqual([{ kind: 'plan', runs: 4, todo: 0 }]);
    expect(again.result?.records).toEqual(result?.records);
    expect(summaries()).toEqual(before);
  });

  it('gives the same bits for several runs at a time, and adds to what is there', async () => {
    const [one, two] = [temporaryFolder(), temporaryFolder()];
    const runs = plan();
    await runAll(one, runs);
    await runAll(two, { ...runs, runs: runs.runs.slice(1) });
    const { events } = await runAll(two, plan({ seeds: [0, 1] }), { jobs: 3 });
    expect(only(events, 'plan')).toEqual([{ kind: 'plan', runs: 4, todo: 3 }]);
    for (const run of runs.runs) {
      expect(lastingParts(runFolderOf(two, run))).toEqual(lastingParts(runFolderOf(one, run)));
    }
    expect(readExperiment(two)?.runs).toHaveLength(4);
  });

  it('goes on after an abort, to the same bits', async () => {
    const [whole, stopped] = [temporaryFolder(), temporaryFolder()];
    const runs = plan({ base: { ...base, epochs: 12 } });
    await runAll(whole, runs);
    const controller = new AbortController();
    const running = runExperiment(stopped, runs, { signal: controller.signal });
    const error = await (async () => {
      for await (const event of running) {
        if (event.kind === 'train' && event.event.kind === 'epoch') controller.abort();
      }
      return undefined;
    })().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      kind: 'interrupted',
      message: `${stopped}: stopped with 0 of 2 runs done; the same command goes on`,
    });
    expect(existsSync(path.join(stopped, 'lock'))).toBe(false);
    const { events } = await runAll(stopped, runs);
    expect(ends(events)).toEqual(['finished', 'finished']);
    const [first] = runs.runs;
    const began = only(events, 'train').find(({ event }) => event.kind === 'start')?.event;
    expect(began).toMatchObject({ resumed: { step: expect.any(Number) } });
    for (const run of [first!]) {
      expect(lastingParts(runFolderOf(stopped, run))).toEqual(
        lastingParts(runFolderOf(whole, run)),
      );
    }
  });

  it('keeps a diverged run as a result, goes on with the others and does not try it again', async () => {
    const folder = temporaryFolder();
    const runs = plan({ grid: { 'optimizer.learningRate': [1e9, 0.05] } });
    const { events, result } = await runAll(folder, runs);
    expect(ends(events)).toEqual(['diverged', 'finished']);
    expect(result?.records[0]).toMatchObject({
      status: 'diverged',
      failure: { kind: 'diverged', message: expect.stringContaining('must be finite') },
    });
    expect((await runAll(folder, runs)).events).toEqual([{ kind: 'plan', runs: 2, todo: 0 }]);
  });

  it('keeps a failed run as a result, and tries it again', async () => {
    const folder = temporaryFolder();
    const runs = plan();
    const [first] = runs.runs;
    const inTheWay = runFolderOf(folder, first!);
    mkdirSync(inTheWay, { recursive: true });
    writeFileSync(path.join(inTheWay, 'something'), '');
    const { events, result } = await runAll(folder, runs);
    expect(ends(events)).toEqual(['failed', 'finished']);
    expect(result?.records.map(({ status }) => status)).toEqual(['failed', 'finished']);

    rmSync(path.join(inTheWay, 'something'));
    const again = await runAll(folder, runs);
    expect(only(again.events, 'plan')).toEqual([{ kind: 'plan', runs: 2, todo: 1 }]);
    expect(ends(again.events)).toEqual(['finished']);
    expect(existsSync(path.join(inTheWay, 'failure.json'))).toBe(false);
    expect(existsSync(path.join(folder, 'failures', first!.name))).toBe(false);
  });

  it('evaluates again what was only trained', async () => {
    const folder = temporaryFolder();
    const runs = plan();
    await runAll(folder, runs);

    const evaluation = path.join(runFolderOf(folder, runs.runs[0]!), 'eval-test-last');
    rmSync(evaluation, { recursive: true });
    const { events } = await runAll(folder, runs);
    expect(only(events, 'train')).toEqual([]);
    expect(ends(events)).toEqual(['finished']);
    expect(existsSync(path.join(evaluation, 'evaluation.json'))).toBe(true);
    const { top1 } = JSON.parse(readFileSync(path.join(evaluation, 'evaluation.json'), 'utf8'));
    expect(only(events, 'end')[0]?.record.summary?.testAccuracy).toBe(top1);
  });
});

describe('several workers on one folder', () => {
  it('share the runs out, train none twice, and each gets all results', async () => {
    const folder = temporaryFolder();
    const runs = plan({ seeds: [0, 1, 2] });
    const both = await Promise.all([runAll(folder, runs), runAll(folder, runs)]);
    for (const { result } of both) {
      expect(result?.records.map(({ status }) => status)).toEqual(new Array(6).fill('finished'));
      expect(result?.undone).toEqual([]);
    }
    const trained = both.map(({ events }) =>
      only(events, 'train').flatMap(({ run, event }) => (event.kind === 'done' ? [run.id] : [])),
    );
    expect(trained.every((ids) => ids.length > 0)).toBe(true);
    expect(trained.flat().sort()).toEqual(runs.runs.map(({ id }) => id).sort());
    for (const run of runs.runs) {
      const env = readFileSync(path.join(runFolderOf(folder, run), 'env.json'), 'utf8');
      expect(JSON.parse(env).resumed).toBeUndefined();
    }
  });

  it('leave a run that another trains, when told to, and name who does', async () => {
    const folder = temporaryFolder();
    const runs = plan();
    await runAll(folder, { ...runs, runs: [] });
    mkdirSync(path.join(folder, 'runs'));
    const [first, second] = runs.runs;
    takeProcessLock(runLockOf(folder, first!), () => new Error('in use'));
    onTestFinished(() => releaseProcessLock(runLockOf(folder, first!)));
    const { events, result } = await runAll(folder, runs, { whenTaken: 'leave' });
    expect(ends(events)).toEqual(['finished']);
    expect(result?.records.map(({ status }) => status)).toEqual(['not run', 'finished']);
    expect(result?.undone).toEqual([]);
    expect(result?.taken).toMatchObject([{ run: { id: first!.id }, holder: { pid: process.pid } }]);
    expect(only(events, 'wait').map(({ run }) => run.id)).toEqual([first!.id]);
    expect(only(events, 'begin').map(({ run }) => run.id)).toEqual([second!.id]);
  });

  it('wait while another process writes the list of runs', async () => {
    const folder = temporaryFolder();
    let isFree = false;
    const held = withExperimentLock(folder, async () => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(readExperiment(folder)).toBeUndefined();
      isFree = true;
    });
    await expect(withExperimentLock(folder, () => {}, 0)).rejects.toMatchObject({
      kind: 'failure',
      message: `${folder}: must be written by one process at a time, got process ${process.pid}, which is writing it all the time; stop that one, or try again`,
    });
    const { result } = await runAll(folder, plan());
    expect(isFree).toBe(true);
    expect(result?.undone).toEqual([]);
    await held;
  });
});

describe('an evaluation that fails', () => {
  it('leaves the run’s result, and is no success', async () => {
    const folder = temporaryFolder();
    const runs = plan();
    await runAll(folder, runs);
    const evaluation = path.join(runFolderOf(folder, runs.runs[0]!), 'eval-test-last');
    rmSync(evaluation, { recursive: true });
    writeFileSync(evaluation, '');
    const { events, result } = await runAll(folder, runs);
    expect(ends(events)).toEqual(['failed']);
    expect(result?.undone).toEqual([
      {
        run: expect.objectContaining({ id: runs.runs[0]!.id }),
        message: expect.stringContaining('must be writable'),
      },
    ]);
    expect(result?.records.map(({ status }) => status)).toEqual(['finished', 'finished']);
    rmSync(evaluation);
    expect((await runAll(folder, runs)).result?.undone).toEqual([]);
  });
});

describe('an experiment is refused', () => {
  it('where data are missing, before anything is trained or written', async () => {
    const folder = path.join(temporaryFolder(), 'x');
    const data = { name: 'cifar10', dir: '/nowhere' } as const;
    const { error, events } = await runAll(folder, plan({ base: { ...base, data } }));
    expect(error).toMatchObject({ kind: 'data' });
    expect(events).toEqual([]);
    expect(existsSync(folder)).toBe(false);
  });

  it('in the folder of another, or of a run', async () => {
    const folder = temporaryFolder();
    writeFileSync(
      path.join(folder, 'experiment.json'),
      JSON.stringify({
        formatVersion: 1,
        experiment: 'table4',
        varied: [],
        evaluate: [],
        runs: [],
      }),
    );
    expect((await runAll(folder, plan())).error).toMatchObject({
      kind: 'usage',
      message: `${folder}: holds the experiment table4, got sweep; choose another --name`,
    });
    const run = temporaryFolder();
    writeFileSync(path.join(run, 'config.json'), '{}');
    expect((await runAll(run, plan())).error).toMatchObject({
      message: `${run}: is the folder of a run; choose another --name`,
    });
  });

  it.each([0, 1.5, Number.NaN])('for %s jobs', async (jobs) => {
    const { error } = await runAll(temporaryFolder(), plan(), { jobs });
    expect(error).toMatchObject({
      message: expect.stringContaining('jobs: must be a whole number of at least 1'),
    });
  });

  it.each([
    ['not JSON', '{', /experiment\.json: must list runs, got "/],
    [
      'of a newer version',
      JSON.stringify({ formatVersion: 2, experiment: 'sweep', varied: [], evaluate: [], runs: [] }),
      /must be of a known version, got 2; it was written by a newer igcnet/,
    ],
    [
      'of no known experiment',
      JSON.stringify({
        formatVersion: 1,
        experiment: 'table9',
        varied: [],
        evaluate: [],
        runs: [],
      }),
      /must list runs, got "experiment: must be one of table4, /,
    ],
    ['of other things', JSON.stringify({ formatVersion: 1, runs: 3 }), /must list runs, got/],
    [
      'of runs that cannot be',
      JSON.stringify({
        formatVersion: 1,
        experiment: 'sweep',
        varied: [],
        evaluate: [],
        runs: [{ id: 'a', name: 'b', label: 'c', config: {} }],
      }),
      /must hold configurations of runs, got ".*" in b/,
    ],
  ])('when its list of runs is %s', async (_what, text, message) => {
    const folder = temporaryFolder();
    writeFileSync(path.join(folder, 'experiment.json'), text);
    const { error } = await runAll(folder, plan());
    expect(error).toMatchObject({ kind: 'data', message: expect.stringMatching(message) });
  });
});
