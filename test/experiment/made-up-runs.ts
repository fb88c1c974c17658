/** Run folders with results that nobody computed, to report on. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { planRun } from '../../src/experiment/run-plan.ts';
import type { RunEnvironment } from '../../src/experiment/run-record.ts';
import { type ConfigOverrides, resolveConfig } from '../../src/train/config.ts';

export interface MadeUpRun {
  readonly overrides: ConfigOverrides;
  /** After each epoch, percent; the number of rows is the number of epochs that are done. */
  readonly accuracies: readonly number[];
  readonly validation?: readonly number[];
  /** Ended by early stopping: the summary has as many epochs as there are accuracies. */
  readonly stoppedEarly?: boolean;
  /** Without a summary. */
  readonly unfinished?: boolean;
  readonly failure?: { readonly kind: 'diverged' | 'failure'; readonly message: string };
  /** A confusion matrix of the test images, and top-k accuracy. */
  readonly evaluation?: {
    readonly confusion: readonly (readonly number[])[];
    readonly topK: number;
  };
}

const environment: RunEnvironment = {
  igcnet: '0.1.0',
  node: 'v20.0.0',
  cpu: { model: 'A made-up CPU', cores: 2 },
  kernels: { name: 'native-avx2', threads: 2 },
  git: { commit: '0123456789abcdef', dirty: false },
  command: ['igc', 'reproduce', 'table4'],
};

/** Writes a run folder into `root` and gives its path. */
export function writeMadeUpRun(root: string, made: MadeUpRun): string {
  const { accuracies, validation, failure, evaluation } = made;
  const { name, config } = planRun(resolveConfig('paper-cifar', made.overrides));
  const folder = path.join(root, name);
  mkdirSync(folder, { recursive: true });
  const write = (file: string, value: unknown) =>
    writeFileSync(path.join(folder, file), JSON.stringify(value));
  const best = Math.max(...accuracies);
  const validationAccuracy = validation?.at(-1);
  write('config.json', config);
  write('env.json', environment);
  const rows = accuracies.map((testAccuracy, i) => ({
    epoch: i + 1,
    step: 781 * (i + 1),
    learningRate: 0.1,
    trainLoss: 2 / (i + 1),
    trainAccuracy: testAccuracy + 1,
    testAccuracy,
    testLoss: 2.1 / (i + 1),
    time: {
      at: '2026-01-01T00:00:00.000Z',
      imagesPerSecond: 1000,
      trainMs: 1,
      evalMs: 1,
      waitedMs: 0,
    },
  }));
  writeFileSync(
    path.join(folder, 'metrics.jsonl'),
    rows.map((row) => `${JSON.stringify(row)}\n`).join(''),
  );
  if (failure) write('failure.json', { ...failure, at: '2026-01-01T00:00:00.000Z' });
  if (!made.unfinished && !failure) {
    write('summary.json', {
      net: config.net,
      depth: config.depth,
      dataset: config.data.name,
      epochs: made.stoppedEarly ? accuracies.length : config.epochs,
      ...(made.stoppedEarly && { stoppedEarly: true }),
      seed: config.seed,
      testAccuracy: accuracies.at(-1),
      testLoss: 0.5,
      bestTestAccuracy: best,
      bestEpoch: accuracies.indexOf(best) + 1,
      bestChosenOn: validation ? 'validation' : 'test',
      ...(validationAccuracy !== undefined && { validationAccuracy }),
      params: 50_000,
      paramsPaper: 47_002,
      macs: 9_881_472,
      imagesPerSecond: 1000,
      wallMs: 60_000,
      finishedAt: '2026-01-01T00:00:00.000Z',
    });
  }
  if (evaluation) {
    mkdirSync(path.join(folder, 'eval-test-last'));
    write('eval-test-last/evaluation.json', {
      ...{ epoch: config.epochs, images: 6, top1: accuracies.at(-1), k: 2, ...evaluation },
      classes: evaluation.confusion.map((_, i) => `class ${i}`),
    });
  }
  return folder;
}
