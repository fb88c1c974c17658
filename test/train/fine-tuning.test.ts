import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { exportRun } from '../../src/export/export-run.ts';
import { decodeSafetensors, encodeSafetensors } from '../../src/formats/safetensors.ts';
import type { ConfigOverrides } from '../../src/train/config.ts';
import { resolveConfig } from '../../src/train/config.ts';
import type { StartEvent, TrainEvent } from '../../src/train/events.ts';
import { readNetwork } from '../../src/train/read-network.ts';
import { runTraining } from '../../src/train/run-training.ts';

const root = mkdtempSync(path.join(tmpdir(), 'igc-fine-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const control = { isStopped: () => false, stepEventMs: 0, command: ['test'] };

/** Trains a small network and gives its folder and first event. */
async function train(name: string, overrides: ConfigOverrides = {}, stopAfter = Infinity) {
  const config = resolveConfig('paper-cifar', {
    net: 'IGC-L2M2',
    depth: 5,
    data: {
      name: 'synthetic',
      synthetic: { classes: 3, count: 48, testCount: 24, height: 8, width: 8 },
    },
    batchSize: 16,
    epochs: 2,
    threads: 1,
    kernels: 'reference',
    output: root,
    name,
    ...overrides,
  });
  let steps = 0;
  const isStopped = () => ++steps > stopAfter;
  const folder = path.join(root, name);
  const events: TrainEvent[] = [];
  try {
    for await (const event of runTraining({ kind: 'new', config }, { ...control, isStopped })) {
      events.push(event);
    }
  } catch (error) {
    if (stopAfter === Infinity) throw error;
  }
  return { folder, start: events.find((event): event is StartEvent => event.kind === 'start')! };
}

const tensorsOf = (place: string) => {
  const { tensors } = readNetwork(place).network;
  return new Map([...tensors].map(([name, { data }]) => [name, Array.from(data)]));
};

/** A learning rate too small to move a float32, so that what a run begins with is what it ends with. */
const still = { optimizer: { learningRate: 1e-30 }, epochs: 1 } as const;
const fiveClasses = {
  data: {
    name: 'synthetic',
    synthetic: { classes: 5, count: 48, testCount: 24, height: 8, width: 8 },
  },
} as const;

describe('a run that begins with another network', () => {
  it('has all its parameters, head included, where the classes are the same', async () => {
    const { folder } = await train('source');
    const { folder: fine, start } = await train('same', { ...still, initialCheckpoint: folder });
    const [was, is] = [tensorsOf(folder), tensorsOf(fine)];
    for (const [name, values] of was)
      if (!name.includes('running')) expect(is.get(name)).toEqual(values);
    expect(start.initial).toBe(`begins with IGC-L2M2 (D=5) of ${folder}, epoch 2`);
  });

  it('has a new head for other classes', async () => {
    const { folder } = await train('three');
    const { folder: fine, start } = await train('five', {
      ...still,
      ...fiveClasses,
      initialCheckpoint: folder,
    });
    const { folder: fresh } = await train('fresh', { ...still, ...fiveClasses });
    const [was, is, drawn] = [tensorsOf(folder), tensorsOf(fine), tensorsOf(fresh)];
    expect(is.get('stage3/block1/primary/weight')).toEqual(was.get('stage3/block1/primary/weight'));
    expect(is.get('head/fc/weight')).toEqual(drawn.get('head/fc/weight'));
    expect(start.initial).toContain('; a new head for 5 classes in place of its 3');
  });

  it('takes exported files, of 8 bits too', async () => {
    const { folder } = await train('exported');
    for (const [format, weights] of [
      ['onnx', 'float32'],
      ['safetensors', 'int8'],
      ['hf', 'float16'],
    ] as const) {
      const output = path.join(root, `exported.${format}`);
      await exportRun({ run: folder, format, weights, output, evaluate: false });
      const { folder: fine } = await train(`from-${format}`, {
        ...still,
        initialCheckpoint: output,
      });
      const name = 'stage1/block1/primary/weight';
      const [is, was] = [fine, output].map((place) => tensorsOf(place).get(name)!);
      // Not equal: a weight that 8 bits made 0 is moved by any step.
      expect(Math.max(...is!.map((value, i) => Math.abs(value - was![i]!)))).toBeLessThan(1e-25);
    }
  });

  it('goes on to the same bits after it was stopped, even before its first checkpoint', async () => {
    const { folder } = await train('begin');
    const begun = { initialCheckpoint: path.relative(process.cwd(), folder), seed: 3 };
    const { folder: whole } = await train('whole', begun);
    const { folder: stopped } = await train('stopped', begun, 1);
    rmSync(path.join(stopped, 'checkpoints'), { recursive: true, force: true });
    for await (const _ of runTraining({ kind: 'resume', folder: stopped, overrides: {} }, control));
    expect(tensorsOf(stopped)).toEqual(tensorsOf(whole));
  });

  it('is refused in one line where the network does not fit', async () => {
    const { folder } = await train('narrow');
    await expect(train('wide', { net: 'IGC-L2M4', initialCheckpoint: folder })).rejects.toThrow(
      `${folder}: must have stem/conv/weight of [8,3,3,3] to begin with, got [4,3,3,3]; it is IGC-L2M2 (D=5); train the same network`,
    );
    await expect(train('none', { initialCheckpoint: path.join(root, 'nothing') })).rejects.toThrow(
      'must be a run folder with checkpoints/last, or a checkpoint folder',
    );
    const file = path.join(root, 'nan.safetensors');
    await exportRun({ run: folder, format: 'safetensors', output: file, evaluate: false });
    const content = decodeSafetensors(readFileSync(file), file);
    content.tensors.get('stage2.block1.primary.weight')!.data[3] = Number.NaN;
    writeFileSync(file, encodeSafetensors(content));
    await expect(train('nan', { initialCheckpoint: file })).rejects.toThrow(
      `${file}: stage2/block1/primary/weight must be finite, got NaN or infinite`,
    );
  });
});
