/** Runs that take a fraction of a second, and what two equal runs must share. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { type ConfigOverrides, resolveConfig } from '../../src/train/config.ts';
import type { TrainEvent } from '../../src/train/events.ts';
import { runTraining, type TrainControl, type TrainTask } from '../../src/train/run-training.ts';

/** A folder of the test's own, removed when it has ended. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'igcnet-train-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Three epochs of six steps with a validation split, on the reference kernels. */
export const smallRun = {
  net: 'IGC-L2M2',
  depth: 5,
  data: {
    name: 'synthetic',
    valSplit: 0.25,
    synthetic: { count: 132, testCount: 40, classes: 3, channels: 1, height: 8, width: 8 },
  },
  epochs: 3,
  batchSize: 16,
  testBatchSize: 16,
  optimizer: { learningRate: 0.05 },
  augment: { pad: 1, mirror: true },
  kernels: 'reference',
  name: 'run',
} as const satisfies ConfigOverrides;

/** `smallRun` in `output`, with overrides. */
export function smallTask(output: string, overrides: ConfigOverrides = {}): TrainTask {
  const data = { ...smallRun.data, ...overrides.data };
  const config = resolveConfig(undefined, { ...smallRun, output, ...overrides, data });
  return { kind: 'new', config };
}

export function resumeTask(folder: string, overrides: ConfigOverrides = {}): TrainTask {
  return { kind: 'resume', folder, overrides };
}

/** Runs a task in this thread, to its end or its error. */
export async function collect(
  task: TrainTask,
  control: Partial<TrainControl> = {},
): Promise<{ readonly events: readonly TrainEvent[]; readonly error?: unknown }> {
  const events: TrainEvent[] = [];
  const all = { isStopped: () => false, stepEventMs: 0, command: ['test'], ...control };
  try {
    for await (const event of runTraining(task, all)) events.push(event);
    return { events };
  } catch (error) {
    return { events, error };
  }
}

/** What must be equal for equal runs: weights, momentum, and metrics but for their times. */
export function lastingParts(run: string) {
  const read = (...parts: string[]) => readFileSync(path.join(run, ...parts));
  const checkpoint = (which: string) => ({
    model: read('checkpoints', which, 'model.safetensors').toString('hex'),
    optimizer: read('checkpoints', which, 'optimizer.safetensors').toString('hex'),
  });
  return {
    last: checkpoint('last'),
    best: checkpoint('best'),
    metrics: read('metrics.jsonl')
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => ({ ...JSON.parse(line), time: undefined })),
    files: readdirSync(path.join(run, 'checkpoints')).sort(),
  };
}
