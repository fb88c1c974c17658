/**
 * Training by a team, its ranks threads of this process: the same as one process with as many replicas, whatever happens on
 * the way. How it travels over MPI: test/team.
 */
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { checkpointFolder, readState } from '../../src/train/checkpoint.ts';
import type { ConfigOverrides } from '../../src/train/config.ts';
import type { TrainEvent } from '../../src/train/events.ts';
import { readModelFile } from '../../src/train/read-model.ts';
import type { TrainTask } from '../../src/train/run-training.ts';
import { nmse } from '../kernels/trial.ts';
import {
  collect,
  lastingParts,
  resumeTask,
  smallRun,
  smallTask,
  temporaryFolder,
} from './small-run.ts';
import { threadTeamMemory } from './thread-team.mjs';

interface RankResult {
  readonly events: readonly TrainEvent[];
  readonly error?: { readonly kind: string; readonly message: string };
}

interface TeamOptions {
  readonly overlap?: 'on' | 'off' | 'auto';
  /** The rank that is asked to stop, and after how many steps. */
  readonly stopper?: number;
  readonly stopAfter?: number;
  /** Bytes that a rank can say at once. */
  readonly room?: number;
  /** What single ranks are asked for instead. */
  readonly tasks?: Readonly<Record<number, TrainTask>>;
}

/** Trains with so many threads, and gives what came of each. */
function trainTogether(
  ranks: number,
  task: TrainTask,
  { tasks = {}, room = 2 ** 20, ...options }: TeamOptions = {},
): Promise<readonly RankResult[]> {
  const memory = threadTeamMemory(ranks, room);
  const url = new URL('./team-rank.mjs', import.meta.url);
  const results = Array.from({ length: ranks }, (_, rank) => {
    const workerData = { memory, rank, ranks, task: tasks[rank] ?? task, ...options };
    const worker = new Worker(url, { workerData });
    return new Promise<RankResult>((resolve, reject) => {
      worker.on('message', resolve);
      worker.on('error', reject);
    });
  });
  return Promise.all(results);
}

const choices = {
  kernels: 'reference-float64',
  replicas: 4,
  ema: { decay: 0.9 },
  augment: { pad: 1, mirror: true, mixup: 0.4, cutmix: 1 },
} satisfies ConfigOverrides;

/** Weights and running averages of a checkpoint, in float32. */
function valuesOf(run: string, which: 'last' | 'best' = 'last'): Map<string, Float32Array> {
  const file = path.join(checkpointFolder(run, which), 'model.safetensors');
  const { tensors } = readModelFile(file);
  return new Map([...tensors].map(([name, { data }]) => [name, Float32Array.from(data)]));
}

function expectNear(run: string, other: string, tolerance: number): void {
  const want = valuesOf(other);
  const got = valuesOf(run);
  expect([...got.keys()]).toEqual([...want.keys()]);
  for (const [name, values] of want) {
    expect(nmse(got.get(name)!, values), name).toBeLessThanOrEqual(tolerance);
  }
}

const rowsOf = ({ events }: { readonly events: readonly TrainEvent[] }) =>
  events.flatMap((event) => (event.kind === 'epoch' ? [event.row] : []));

async function trainAlone(output: string, overrides: ConfigOverrides = {}) {
  const { events, error } = await collect(smallTask(output, { ...choices, ...overrides }));
  expect(error).toBeUndefined();
  return { events };
}

describe('a team', () => {
  it.each([2, 4])('of %s ranks computes what one process with 4 replicas does', async (ranks) => {
    const [alone, together] = [temporaryFolder(), temporaryFolder()];
    const solo = await trainAlone(alone);
    const team = await trainTogether(ranks, smallTask(together, choices));
    expect(team.map(({ error }) => error)).toEqual(Array(ranks).fill(undefined));
    expectNear(path.join(together, 'run'), path.join(alone, 'run'), 1e-14);
    const [want, ...others] = [rowsOf(solo), ...team.map(rowsOf)];
    for (const rows of others) {
      for (const [i, { time: _time, ...row }] of rows.entries()) {
        for (const [key, value] of Object.entries(row)) {
          expect(value, key).toBeCloseTo(want[i]![key as 'trainLoss'], 10);
        }
      }
    }
  });

  it('gives every rank one part where the configuration has a single one, and says so in config.json', async () => {
    const [alone, together] = [temporaryFolder(), temporaryFolder()];
    await trainAlone(alone, { replicas: 2 });
    await trainTogether(2, smallTask(together, { ...choices, replicas: 1 }));
    expectNear(path.join(together, 'run'), path.join(alone, 'run'), 1e-14);
    const config = JSON.parse(readFileSync(path.join(together, 'run', 'config.json'), 'utf8'));
    expect(config.replicas).toBe(2);
    expect(readState(checkpointFolder(path.join(together, 'run'), 'last')).ranks).toBe(2);
  });

  it('computes the same bits whether sums overlap backward or not', async () => {
    const runs: string[] = [];
    // 1.6 million weights are several messages.
    const large = { net: 'RegConv-W128', kernels: 'auto', epochs: 4, ema: null } as const;
    for (const overlap of ['on', 'off', 'auto'] as const) {
      const output = temporaryFolder();
      await trainTogether(2, smallTask(output, { ...choices, ...large }), {
        ...{ overlap, room: 2 ** 24 },
      });
      runs.push(path.join(output, 'run'));
    }
    const [first, ...others] = runs.map((run) => lastingParts(run));
    for (const other of others) expect(other).toEqual(first);
  });

  it('adds up its evaluations, of many classes too', async () => {
    const synthetic = { ...smallRun.data.synthetic, testCount: 400, classes: 400 };
    const many = { ...choices, data: { ...smallRun.data, valSplit: 0, synthetic }, epochs: 1 };
    const solo = await trainAlone(temporaryFolder(), many);
    const room = { room: 2 ** 21 };
    const team = await trainTogether(2, smallTask(temporaryFolder(), many), room);
    const [want] = rowsOf(solo);
    for (const result of team) {
      expect(result.error).toBeUndefined();
      expect(rowsOf(result)[0]!.testLoss).toBeCloseTo(want!.testLoss!, 10);
      expect(rowsOf(result)[0]!.testAccuracy).toBe(want!.testAccuracy);
    }
  });

  it('warns that more ranks than replicas change what batch norm sees', async () => {
    const output = temporaryFolder();
    const [first] = await trainTogether(4, smallTask(output, { ...choices, replicas: 2 }));
    expect(first!.events).toContainEqual({
      kind: 'warning',
      message: 'batch norm takes its statistics of 1/4 of the batch, not of 1/2',
    });
  });

  it('warns of replicas that leave vectors mostly empty', async () => {
    const options = { ...choices, kernels: 'auto', replicas: 8, epochs: 1 } as const;
    const { events } = await collect(smallTask(temporaryFolder(), options));
    const [warning] = events.filter(({ kind }) => kind === 'warning');
    expect(warning).toMatchObject({
      message: expect.stringMatching(/^8 replicas of 2 images each take about \d+ times as long/),
    });
  });

  it('refuses a batch that cannot be shared out, on every rank', async () => {
    const results = await trainTogether(3, smallTask(temporaryFolder(), choices));
    const message =
      'batchSize: must be divisible by the 3 ranks, which have a part of every batch each, got 16; start 2 or 4 ranks';
    expect(results.map(({ error }) => error)).toEqual(Array(3).fill({ kind: 'usage', message }));
  });

  it('tells the error of one rank on all of them, and leaves no folder', async () => {
    const output = temporaryFolder();
    const data = { name: 'folder', dir: path.join(output, 'missing') } as const;
    const broken = smallTask(output, { ...choices, data: { ...data, synthetic: null } });
    const results = await trainTogether(2, smallTask(output, choices), { tasks: { 1: broken } });
    const errors = results.map(({ error }) => error);
    expect(errors[0]).toEqual(errors[1]);
    expect(errors[0]!.kind).toBe('data');
    expect(errors[0]!.message).toMatch(/^rank 1 on host-1: .*missing/);
    expect(existsSync(path.join(output, 'run'))).toBe(false);
  });

  it('refuses ranks with other data or flags', async () => {
    const output = temporaryFolder();
    const other = smallTask(output, { ...choices, seed: 7 });
    const results = await trainTogether(2, smallTask(output, choices), { tasks: { 1: other } });
    expect(results.map(({ error }) => error!.message)).toEqual(
      Array(2).fill(
        'dist: all ranks must have the same network and flags, got others on rank 1 (host-1) than on rank 0 (host-0); give every rank the same flags',
      ),
    );
  });
});

describe('ranks with other labels', () => {
  it('are refused', async () => {
    const output = temporaryFolder();
    const data = { ...smallRun.data, synthetic: { ...smallRun.data.synthetic, seed: 5 } };
    const other = smallTask(output, { ...choices, data });
    const results = await trainTogether(2, smallTask(output, choices), { tasks: { 1: other } });
    for (const { error } of results) expect(error!.message).toMatch(/^dist: all ranks must have/);
  });
});

describe('a run of a team', () => {
  it('can be resumed when it was killed after its replicas had changed and before a checkpoint', async () => {
    const output = temporaryFolder();
    const two = { ...choices, replicas: 2 };
    await trainTogether(2, smallTask(output, two), { stopper: 0, stopAfter: 7 });
    const run = path.join(output, 'run');
    // As four ranks leave it that have begun to go on.
    const file = path.join(run, 'config.json');
    const config = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify({ ...config, replicas: 4 }));
    const [first] = await trainTogether(4, resumeTask(run));
    expect(first!.error).toBeUndefined();
  });

  it.each([0, 1])(
    'stops on all ranks when rank %s is asked to, and goes on to the same bits',
    async (stopper) => {
      const [whole, stopped] = [temporaryFolder(), temporaryFolder()];
      await trainTogether(2, smallTask(whole, choices));
      const results = await trainTogether(2, smallTask(stopped, choices), {
        stopper,
        stopAfter: 8,
      });
      for (const { error } of results) {
        expect(error).toMatchObject({ kind: 'interrupted' });
        expect(error!.message).toMatch(/stopped in epoch 2 after step 9/);
      }
      const run = path.join(stopped, 'run');
      const [first] = await trainTogether(2, resumeTask(run));
      expect(first!.events[0]).toMatchObject({ kind: 'start', resumed: { epoch: 1, step: 9 } });
      expect(lastingParts(run)).toEqual(lastingParts(path.join(whole, 'run')));
    },
  );

  it('goes on with another number of ranks, and with none, to nearly the same numbers', async () => {
    const whole = temporaryFolder();
    await trainAlone(whole);
    for (const ranks of [1, 4]) {
      const output = temporaryFolder();
      await trainTogether(2, smallTask(output, choices), { stopper: 0, stopAfter: 7 });
      const run = path.join(output, 'run');
      const results =
        ranks === 1
          ? [await collect(resumeTask(run))]
          : await trainTogether(ranks, resumeTask(run));
      expect(results[0]!.events).toContainEqual({
        kind: 'warning',
        message: `the run was computed by 2 ranks and goes on with ${ranks === 1 ? 'one process' : '4 ranks'}: it will not equal an uninterrupted one bit for bit`,
      });
      expectNear(run, path.join(whole, 'run'), 1e-10);
    }
  });

  it('keeps its batch when the replicas must change, and refuses ranks that cannot share it', async () => {
    const output = temporaryFolder();
    await trainTogether(2, smallTask(output, { ...choices, replicas: 2 }), {
      stopper: 0,
      stopAfter: 7,
    });
    const run = path.join(output, 'run');
    const copy = path.join(output, 'copy');
    cpSync(run, copy, { recursive: true });
    const [refused] = await trainTogether(3, resumeTask(copy));
    expect(refused!.error).toMatchObject({
      kind: 'usage',
      message: expect.stringContaining('must be divisible by the 3 ranks'),
    });
    const [first] = await trainTogether(4, resumeTask(run));
    expect(first!.error).toBeUndefined();
    expect(first!.events.filter(({ kind }) => kind === 'warning')).toHaveLength(2);
    const config = JSON.parse(readFileSync(path.join(run, 'config.json'), 'utf8'));
    expect([config.replicas, config.batchSize]).toEqual([4, 16]);
  });
});
