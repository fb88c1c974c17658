import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadNativeKernels, nativeMemory } from '../../src/kernels/native.ts';
import type { TrainEvent } from '../../src/train/events.ts';
import { readModelFile } from '../../src/train/read-model.ts';
import { isThorough } from '../thorough.ts';
import { collect, lastingParts, resumeTask, smallTask, temporaryFolder } from './small-run.ts';

const native = loadNativeKernels({ threads: 2 });
const noNative = 'reason' in native ? native.reason : undefined;

const kinds = (events: readonly TrainEvent[]) => events.map(({ kind }) => kind);
const only = <K extends TrainEvent['kind']>(events: readonly TrainEvent[], kind: K) =>
  events.filter((event): event is Extract<TrainEvent, { kind: K }> => event.kind === kind);

/** A whole run; its folder. */
async function finish(...[output, overrides]: Parameters<typeof smallTask>): Promise<string> {
  const { events, error } = await collect(smallTask(output, overrides));
  if (error) throw error;
  return only(events, 'done')[0]!.folder;
}

/** Stops when asked for the n-th time. */
const stopAt = (n: number) => {
  let asked = 0;
  return { isStopped: () => ++asked >= n };
};

describe('a run with activations in bfloat16', () => {
  it('differs from one in float32, but not by much, and resumes to the same bits', async () => {
    const storage = 'bfloat16';
    const full = await finish(temporaryFolder());
    const whole = await finish(temporaryFolder(), { storage });
    const losses = (folder: string) =>
      lastingParts(folder).metrics.map(({ trainLoss }) => trainLoss as number);
    expect(losses(whole)).not.toEqual(losses(full));
    for (const [i, loss] of losses(whole).entries()) expect(loss).toBeCloseTo(losses(full)[i]!, 1);

    const output = temporaryFolder();
    await collect(smallTask(output, { storage }), stopAt(9));
    await collect(resumeTask(path.join(output, 'run')));
    expect(lastingParts(path.join(output, 'run'))).toEqual(lastingParts(whole));
  });
});

describe('a run with mixup', () => {
  it('wants both labels of a mixed image', async () => {
    // With so small an α, λ is 0 or 1: half of the images are their neighbour. Who wanted their own labels of them
    // could not come below the loss of even guesses between two of three classes half of the time.
    const augment = { pad: 0, mirror: false, mixup: 1e-3 };
    const folder = await finish(temporaryFolder(), { augment, epochs: 12 });
    const losses = lastingParts(folder).metrics.map(({ trainLoss }) => trainLoss as number);
    expect(losses.at(-1)).toBeLessThan(0.868 / 2); // 0.868: the least with wrong labels
  });
});

describe('a run', () => {
  it('tells its story in order, and leaves its folder as it should be', async () => {
    const output = temporaryFolder();
    const { events } = await collect(smallTask(output));
    const story = kinds(events).join(' ');
    const epoch = 'step step step step step step (checkpoint )?epoch checkpoint ';
    expect(story).toMatch(new RegExp(`^start checkpoint (${epoch}){3}done$`));
    const [start] = only(events, 'start');
    expect(start).toMatchObject({
      name: 'run',
      folder: path.join(output, 'run'),
      stepsPerEpoch: 6,
      steps: 18,
      dataset: { name: 'synthetic', trainImages: 99, validationImages: 33, testImages: 40 },
      kernels: { name: 'reference-float32', threads: 1 },
    });
    const [done] = only(events, 'done');
    const { summary } = done!;
    expect(summary).toMatchObject({
      net: 'IGC-L2M2',
      depth: 5,
      dataset: 'synthetic',
      epochs: 3,
      steps: 18,
      seed: 0,
      bestChosenOn: 'validation',
      kernels: 'reference-float32',
      params: start!.params,
      paramsPaper: start!.paramsPaper,
      macs: start!.macs,
      skippedFiles: 0,
    });
    expect(summary.testError).toBe(100 - summary.testAccuracy);
    expect(summary.dataWaitFraction).toBeLessThan(1);
    expect(summary.imagesPerSecond).toBeGreaterThan(0);
    const rows = only(events, 'epoch').map(({ row }) => row);
    expect(rows.map(({ step }) => step)).toEqual([6, 12, 18]);
    expect(summary.testAccuracy).toBe(rows[2]!.testAccuracy);
    const best3 = rows.find((row) => row.epoch === summary.bestEpoch)!;
    expect(best3.validationAccuracy).toBe(Math.max(...rows.map((r) => r.validationAccuracy!)));
    expect(summary.bestTestAccuracy).toBe(best3.testAccuracy);
    const read = (name: string) => readFileSync(path.join(output, 'run', name), 'utf8');
    expect(JSON.parse(read('summary.json'))).toEqual(summary);
    expect(JSON.parse(read('config.json'))).toEqual(start!.config);
    expect(read('metrics.jsonl')).toBe(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    expect(JSON.parse(read('env.json'))).toMatchObject({
      node: process.version,
      command: ['test'],
      kernels: { name: 'reference-float32', isa: null },
    });
    expect(readdirSync(path.join(output, 'run')).sort()).toEqual([
      'checkpoints',
      'config.json',
      'env.json',
      'events.out.tfevents.igcnet',
      'metrics.jsonl',
      'summary.json',
    ]);
    const bestFile = path.join(output, 'run', 'checkpoints', 'best', 'model.safetensors');
    expect(readModelFile(bestFile).card.epoch).toBe(summary.bestEpoch);
  });

  it('learns', async () => {
    const { events } = await collect(smallTask(temporaryFolder(), { epochs: 12, evalEvery: 4 }));
    const rows = only(events, 'epoch').map(({ row }) => row);
    expect(rows.at(-1)!.trainLoss).toBeLessThan(rows[0]!.trainLoss / 2);
    expect(rows.at(-1)!.testAccuracy).toBeGreaterThan(90); // percent
    expect(rows.at(-1)!.trainAccuracy).toBeGreaterThan(90);
    const evaluated = rows.filter((row) => row.testAccuracy !== undefined);
    expect(evaluated.map(({ epoch }) => epoch)).toEqual([4, 8, 12]);
  });

  it('chooses the best on test images, and says so, without a validation split', async () => {
    const { events } = await collect(smallTask(temporaryFolder(), { data: { valSplit: 0 } }));
    const { summary } = only(events, 'done')[0]!;
    expect(summary.bestChosenOn).toBe('test');
    expect(summary).not.toHaveProperty('validationAccuracy');
    const tests = only(events, 'epoch').map(({ row }) => row.testAccuracy!);
    expect(summary.bestTestAccuracy).toBe(Math.max(...tests));
  });

  it('makes one batch of a set smaller than a batch', async () => {
    const data = { valSplit: 0, synthetic: { count: 10, testCount: 3, classes: 3, channels: 1 } };
    const { events } = await collect(smallTask(temporaryFolder(), { data }));
    expect(only(events, 'start')[0]).toMatchObject({ stepsPerEpoch: 1, steps: 3 });
    const odd = { ...data, synthetic: { ...data.synthetic, count: 9 } };
    const other = await collect(smallTask(temporaryFolder(), { data: odd })); // of 8, in 2 replicas
    expect(only(other.events, 'start')[0]).toMatchObject({ stepsPerEpoch: 1, steps: 3 });
  });

  it('ends in the same bits for the same seed, and in others for another', async () => {
    const output = temporaryFolder();
    const parts = async (name: string, seed: number) =>
      lastingParts(await finish(output, { name, seed }));
    const first = await parts('a', 1);
    expect(await parts('b', 1)).toEqual(first);
    expect((await parts('c', 2)).last.model).not.toBe(first.last.model);
  });

  it('does not depend on how often it is saved', async () => {
    const output = temporaryFolder();
    const rare = await finish(output, { name: 'rare', checkpointEvery: 100 });
    const often = await finish(output, { name: 'often', checkpointSteps: 1 });
    expect(lastingParts(often)).toEqual(lastingParts(rare));
  });

  it.skipIf(noNative)(
    `ends in the same bits on any number of threads${noNative ? ` (${noNative})` : ''}`,
    async () => {
      const output = temporaryFolder();
      const net = { net: 'IGC-L4M3', kernels: 'native', batchSize: 32 } as const;
      const runs = [1, 2, 3].map((threads) =>
        finish(output, { ...net, threads, name: `${threads}` }),
      );
      const [one, ...others] = (await Promise.all(runs)).map(lastingParts);
      for (const other of others) expect(other).toEqual(one);
    },
  );
});

describe('a run folder', () => {
  it('is never overwritten', async () => {
    const output = temporaryFolder();
    await collect(smallTask(output), stopAt(1));
    const before = lastingPartsOrNothing(path.join(output, 'run'));
    const { error, events } = await collect(smallTask(output));
    expect(error).toMatchObject({
      kind: 'usage',
      message: `${output}/run: the run exists already; go on with --resume ${output}/run, or choose another --name`,
    });
    expect(events).toEqual([]);
    expect(lastingPartsOrNothing(path.join(output, 'run'))).toEqual(before);
    mkdirSync(path.join(output, 'other'));
    const other = await collect(smallTask(output, { name: 'other' }));
    expect(other.error).toMatchObject({
      kind: 'usage',
      message: `${output}/other: the folder exists already; choose another --name, or remove it`,
    });
  });

  it('gets a name of its own when none is given', async () => {
    const output = temporaryFolder();
    const names = await Promise.all(
      [1, 2].map(async () => path.basename(await finish(output, { name: null, epochs: 1 }))),
    );
    expect(new Set(names).size).toBe(2);
    for (const name of names) {
      expect(name).toMatch(/^IGC-L2M2-D5-synthetic-seed0-\d{8}-\d{6}(-2)?$/);
    }
  });

  it('is not made when the data or the network are wrong', async () => {
    const output = path.join(temporaryFolder(), 'runs');
    const data = { name: 'folder', dir: path.join(output, 'nothing') } as const;
    const missing = await collect(smallTask(output, { data: { ...data, synthetic: null } }));
    expect(missing.error).toMatchObject({ kind: 'data' });
    const odd = { synthetic: { height: 9, width: 9 } };
    expect((await collect(smallTask(output, { data: odd }))).error).toMatchObject({
      kind: 'usage',
      message: expect.stringContaining('input: image sides must be divisible by 4'),
    });
    expect(existsSync(output)).toBe(false);
  });

  it('that cannot be written is told in one line', async () => {
    const file = path.join(temporaryFolder(), 'file');
    writeFileSync(file, '');
    expect((await collect(smallTask(file))).error).toMatchObject({
      kind: 'failure',
      message: `${file}/run: must be writable, got ENOTDIR (a part of its path is a file); what was there before is kept`,
    });
  });
});

describe('a stopped run', () => {
  it('goes on to the same bits, wherever it was stopped', async () => {
    const output = temporaryFolder();
    const size = { epochs: 2, batchSize: 32, testBatchSize: 32 };
    const whole = lastingParts(await finish(output, { name: 'whole', ...size }));
    // Every step, and every batch of the two evaluations (2 + 2), of both epochs; or one of each kind.
    const everywhere = Array.from({ length: 2 * (3 + 2 + 2) }, (_, i) => i + 1);
    for (const n of isThorough ? everywhere : [1, 3, 5, 7, 9, 14]) {
      const name = `stop${n}`;
      const first = await collect(smallTask(output, { name, ...size }), stopAt(n));
      const folder = path.join(output, name);
      expect(first.error).toMatchObject({ kind: 'interrupted' });
      const message = (first.error as Error).message;
      expect(message).toMatch(/: stopped in epoch \d after step \d+; go on with --resume /);
      expect(first.events.at(-1)).toMatchObject({ kind: 'checkpoint', which: 'last' });
      const second = await collect(resumeTask(folder));
      expect(second.error).toBeUndefined();
      expect(lastingParts(folder)).toEqual(whole);
      const { step } = only(first.events, 'checkpoint').at(-1)!;
      expect(only(second.events, 'start')[0]!.resumed).toMatchObject({ step });
    }
    const never = stopAt(everywhere.length + 1);
    const end = await collect(smallTask(output, { name: 'end', ...size }), never);
    expect(end.error).toBeUndefined();
  });

  it('goes on to the same bits when it is stopped again and again', async () => {
    const output = temporaryFolder();
    const whole = lastingParts(await finish(output, { name: 'whole' }));
    const folder = path.join(output, 'often');
    let { error } = await collect(smallTask(output, { name: 'often' }), stopAt(3));
    for (let sessions = 1; error !== undefined; sessions++) {
      expect(sessions).toBeLessThan(30);
      ({ error } = await collect(resumeTask(folder), stopAt(9)));
    }
    expect(lastingParts(folder)).toEqual(whole);
    const { resumed } = JSON.parse(readFileSync(path.join(folder, 'env.json'), 'utf8'));
    expect(resumed.length).toBeGreaterThan(3);
  });

  it('loses the rows that its checkpoint does not know, and half-written ones', async () => {
    const output = temporaryFolder();
    const whole = lastingParts(await finish(output, { name: 'whole', checkpointEvery: 2 }));
    const folder = path.join(output, 'cut');
    await collect(smallTask(output, { name: 'cut', checkpointEvery: 2 }), stopAt(20));
    appendFileSync(path.join(folder, 'metrics.jsonl'), '{"epoch":2,"step":12}\n{"epoch":3,"st');
    await collect(resumeTask(folder));
    expect(lastingParts(folder)).toEqual(whole);
  });

  it('begins anew when it was killed before its first checkpoint', async () => {
    const output = temporaryFolder();
    const whole = lastingParts(await finish(output, { name: 'whole' }));
    const folder = path.join(output, 'early');
    await collect(smallTask(output, { name: 'early' }), stopAt(1));
    rmSync(path.join(folder, 'checkpoints'), { recursive: true });
    const { events } = await collect(resumeTask(folder));
    expect(only(events, 'start')[0]!.resumed).toEqual({ epoch: 0, step: 0 });
    expect(lastingParts(folder)).toEqual(whole);
  });

  it('writes its summary again when it was done already', async () => {
    const output = temporaryFolder();
    const folder = await finish(output);
    const file = path.join(folder, 'summary.json');
    const summary = JSON.parse(readFileSync(file, 'utf8'));
    rmSync(file);
    const { events } = await collect(resumeTask(folder));
    expect(kinds(events)).toEqual(['start', 'done']);
    const again = JSON.parse(readFileSync(file, 'utf8'));
    const { wallMs: _wall, finishedAt: _finished, ...lasting } = summary;
    expect(again).toMatchObject(lasting);
  });

  it('may change where and how it is computed, and says when its bits will differ', async () => {
    const output = temporaryFolder();
    await collect(smallTask(output), stopAt(3));
    const folder = path.join(output, 'run');
    const changes = { kernels: 'reference-float64', threads: 3, checkpointSteps: 5 } as const;
    const { events, error } = await collect(resumeTask(folder, changes));
    expect(error).toBeUndefined();
    expect(only(events, 'warning').map(({ message }) => message)).toEqual([
      'the run was computed by reference-float32 kernels and goes on with reference-float64: it will ' +
        'not equal an uninterrupted one bit for bit',
    ]);
    expect(JSON.parse(readFileSync(path.join(folder, 'config.json'), 'utf8'))).toMatchObject(
      changes,
    );
  });

  it('may become longer while no rate changes for what is done', async () => {
    const output = temporaryFolder();
    const long = lastingParts(await finish(output, { name: 'long', epochs: 6 }));
    await collect(smallTask(output, { epochs: 4 }), stopAt(10));
    const folder = path.join(output, 'run');
    const { error } = await collect(resumeTask(folder, { epochs: 6 }));
    expect(error).toBeUndefined();
    expect(lastingParts(folder)).toEqual(long);
    const constant = { schedule: { kind: 'constant' }, name: 'constant' } as const;
    const done = await finish(output, { ...constant, epochs: 1 });
    await collect(resumeTask(done, { epochs: 2 }));
    const other = await finish(output, { ...constant, epochs: 2, name: 'constant2' });
    expect(lastingParts(done)).toEqual(lastingParts(other));
  });

  it('refuses what would have changed what is done', async () => {
    const output = temporaryFolder();
    const folder = await finish(output);
    const refused = async (changes: Parameters<typeof resumeTask>[1]) =>
      (await collect(resumeTask(folder, changes))).error;
    expect(await refused({ epochs: 6 })).toMatchObject({
      kind: 'usage',
      message:
        'epochs: cannot change from 3 after 18 steps, got 6; the step schedule would have given ' +
        'them other learning rates; start a new run',
    });
    expect(await refused({ epochs: 2 })).toMatchObject({
      message: 'epochs: must be at least the 3 that the run has begun, got 2',
    });
    expect(await refused({ optimizer: { learningRate: 1 } })).toMatchObject({
      kind: 'usage',
      message:
        'optimizer.learningRate: cannot change when a run is resumed, got 1, was 0.05; start a new ' +
        'run; only epochs, threads, kernels, checkpointEvery, checkpointSteps, data.dir may change',
    });
    expect(await refused({ recipe: 'digits' })).toMatchObject({
      message: expect.stringContaining('recipe: cannot change when a run is resumed'),
    });
    expect(await refused({ seed: 0 })).toBeUndefined();
  });

  it('refuses a folder that is none, and a configuration that was tampered with', async () => {
    const output = temporaryFolder();
    const folder = await finish(output);
    const errorOf = async (run: string) => (await collect(resumeTask(run))).error;
    expect(await errorOf(path.join(output, 'x'))).toMatchObject({
      kind: 'data',
      message: `${output}/x: must be a run folder, got no such folder`,
    });
    expect(await errorOf(output)).toMatchObject({
      message: `${output}: must be a run folder, got a folder without config.json`,
    });
    const file = path.join(folder, 'config.json');
    const config = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify({ ...config, seed: 9 }));
    expect(await errorOf(folder)).toMatchObject({
      kind: 'data',
      message:
        `${folder}/checkpoints/last/state.json: must belong to the config.json of its run, got ` +
        'another configuration; config.json was changed; restore it or start a new run',
    });
    writeFileSync(file, JSON.stringify({ ...config, net: 'none' }));
    expect(await errorOf(folder)).toMatchObject({
      kind: 'data',
      message: expect.stringContaining(
        `${file}: must be the configuration of a run, got "net: must`,
      ),
    });
    writeFileSync(file, '{');
    expect(await errorOf(folder)).toMatchObject({ kind: 'data' });
    writeFileSync(file, JSON.stringify(config));
    appendFileSync(path.join(folder, 'metrics.jsonl'), 'x\n');
    expect(await errorOf(folder)).toMatchObject({
      kind: 'data',
      message: `${folder}/metrics.jsonl: line 4 must be a row of metrics as JSON, got x`,
    });
  });
});

describe('a diverging run', () => {
  it('stops at a loss that is no number, and keeps the last good checkpoint', async () => {
    const output = temporaryFolder();
    const optimizer = { learningRate: 1e30 };
    const { error } = await collect(smallTask(output, { optimizer }));
    expect(error).toMatchObject({ kind: 'diverged' });
    const last = path.join(output, 'run', 'checkpoints', 'last');
    expect((error as Error).message).toMatch(
      /^train: (the loss|every weight) must be finite, got \S+.* at step \d+ \(epoch 1\)/,
    );
    expect((error as Error).message).toContain(
      `the last good checkpoint is ${last} (0 epochs, 0 steps); try a lower optimizer.learningRate`,
    );
    const { tensors } = readModelFile(path.join(last, 'model.safetensors'));
    for (const { data } of tensors.values()) expect(data.every(Number.isFinite)).toBe(true);
  });

  it('names the first array that is not finite', async () => {
    // γ of every batch norm grows without bound, until its product with the weights overflows.
    const { error } = await collect(
      smallTask(temporaryFolder(), { optimizer: { learningRate: 1e25 }, epochs: 1 }),
    );
    expect((error as Error).message).toMatch(/first in .*(stem|stage\d\/block1|head)\/\S+/);
  });
});

describe('a training step', () => {
  it.each(['reference', 'native'] as const)(
    'allocates no memory outside the heap: %s',
    async (kernels) => {
      if (kernels === 'native' && noNative) return;
      const data = {
        valSplit: 0,
        synthetic: { count: 512, testCount: 3, classes: 3, channels: 1 },
      };
      const options = { data, kernels, batchSize: 4, epochs: 1 };
      const samples: { arrayBuffers: number; native: ReturnType<typeof nativeMemory> }[] = [];
      let steps = 0;
      // Asked before every step, where nothing else of the trainer runs.
      const isStopped = () => {
        if (steps++ >= 1 && steps <= 102) {
          const { arrayBuffers } = process.memoryUsage();
          samples.push({ arrayBuffers, native: nativeMemory() });
        }
        return false;
      };
      const task = smallTask(temporaryFolder(), options);
      const { error } = await collect(task, { isStopped, stepEventMs: Number.POSITIVE_INFINITY });
      expect(error).toBeUndefined();
      expect(samples).toHaveLength(101);
      expect(samples.at(-1)!.arrayBuffers).toBeLessThanOrEqual(samples[0]!.arrayBuffers);
      expect(samples.at(-1)!.native).toEqual(samples[0]!.native);
    },
  );
});

function lastingPartsOrNothing(folder: string) {
  return readdirSync(folder, { recursive: true }).sort();
}
