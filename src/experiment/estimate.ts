/** How long runs will take: from steps of their networks that are run and timed on made-up images. */
import os from 'node:os';
import { performance } from 'node:perf_hooks';
import { openDataset } from '../data/open-dataset.ts';
import { chooseKernels } from '../kernels/choose.ts';
import { nativeMemory } from '../kernels/native.ts';
import { describeNetwork } from '../plan/describe.ts';
import type { Shape } from '../spec/graph.ts';
import type { NetSpec } from '../spec/network.ts';
import { batchSizeFor } from '../train/batch-size.ts';
import { datasetRequest, type RunConfig } from '../train/config.ts';
import { configNetwork } from '../train/network-choice.ts';
import { makeStep, type RepeatableStep, type Work } from '../train/repeatable-step.ts';
import { sizesOf } from '../train/trainer-parts.ts';
import type { PlannedRun } from './run-plan.ts';

/** What a run will take. */
export interface RunEstimate extends Estimate {
  readonly run: PlannedRun;
}

/** What training a configuration will take. */
export interface Estimate {
  readonly trainImages: number;
  readonly testImages: number;
  /** Measured; null where the network was not run. */
  readonly trainRate: number | null;
  readonly testRate: number | null;
  /** Training and evaluations; null where it was not measured. */
  readonly timeMs: number | null;
  /** Of steps and evaluations, with all that the kernels need; null where it was not measured. */
  readonly memoryBytes: number | null;
  /** Why it was not measured. */
  readonly why?: string;
}

/** Images per second of a training step and of an evaluation, and what both take of memory together. */
interface Rates {
  readonly train: number;
  readonly test: number;
  readonly memoryBytes: number;
}

/** A network is timed for so long, and so many times at least. */
const budgetMs = 700;
const leastSteps = 3;

/**
 * Estimates every run by itself, on all the threads that its configuration gives it. Equal networks are timed once. Blocks
 * this thread while it measures; reading the data comes on top.
 *
 * Throws what opening the data throws.
 */
export async function* estimateRuns(runs: readonly PlannedRun[]): AsyncGenerator<RunEstimate> {
  const sizes = new Map<string, Awaited<ReturnType<typeof dataSizes>>>();
  const rates = new Map<string, Rates | string>();
  for (const run of runs) {
    const { config } = run;
    const dataKey = JSON.stringify(config.data);
    const data = sizes.get(dataKey) ?? (await dataSizes(config));
    sizes.set(dataKey, data);
    const spec = configNetwork(config, data);
    const batch = batchSizeFor(config, data.trainImages);
    const { progressive } = config.augment;
    const machine = [config.replicas, config.kernels, config.threads, config.storage];
    const key = JSON.stringify([spec, batch, progressive, ...machine]);
    const measured = rates.get(key) ?? measureRates(config, data, batch);
    rates.set(key, measured);
    yield { run, ...estimateOf(config, data, batch, measured) };
  }
}

/**
 * Estimates one configuration, trained by so many processes that have an equal part of every batch each, from the rate of this
 * one of them. What they say to each other comes on top, and reading the data.
 */
export async function estimateShared(config: RunConfig, ranks: number): Promise<Estimate> {
  const data = await dataSizes(config);
  const batch = batchSizeFor(config, data.trainImages);
  const own = { ...config, replicas: config.replicas / ranks };
  const rates = measureRates(own, data, batch / ranks);
  const all =
    typeof rates === 'string'
      ? rates
      : { ...rates, train: ranks * rates.train, test: ranks * rates.test };
  return estimateOf(config, data, batch, all);
}

/** The sum of estimates, and how many of them are missing from it. */
export function sumEstimates(estimates: readonly RunEstimate[]): {
  readonly timeMs: number;
  readonly missing: number;
} {
  const known = estimates.flatMap(({ timeMs }) => (timeMs === null ? [] : [timeMs]));
  const timeMs = known.reduce((sum, value) => sum + value, 0);
  return { timeMs, missing: estimates.length - known.length };
}

async function dataSizes(config: RunConfig) {
  const { train, test, classes } = await openDataset(datasetRequest(config));
  const { channels, height, width } = train;
  const input = { channels, height, width };
  return { input, classes: classes.length, trainImages: train.count, testImages: test.count };
}

function estimateOf(
  { epochs, evalEvery }: RunConfig,
  { trainImages, testImages }: Pick<Estimate, 'trainImages' | 'testImages'>,
  batch: number,
  rates: Rates | string,
): Estimate {
  const known = { trainImages, testImages };
  if (typeof rates === 'string') {
    const unknown = { trainRate: null, testRate: null, timeMs: null, memoryBytes: null };
    return { ...known, ...unknown, why: rates };
  }
  const trained = epochs * Math.floor(trainImages / batch) * batch;
  const evaluated = Math.ceil(epochs / evalEvery) * testImages;
  const timeMs = 1000 * (trained / rates.train + evaluated / rates.test);
  const { train: trainRate, test: testRate, memoryBytes } = rates;
  return { ...known, trainRate, testRate, timeMs, memoryBytes };
}

/** Both rates, or why they were not measured. Training's is the mean over epochs of several sizes, if there are any. */
function measureRates(
  config: RunConfig,
  { input, classes }: { readonly input: Shape; readonly classes: number },
  batch: number,
): Rates | string {
  const spec = configNetwork(config, { input, classes });
  const { kernels } = chooseKernels({ kernels: config.kernels, threads: config.threads });
  const { memory } = describeNetwork(spec, { batch, replicas: config.replicas });
  if (memory.training.total > os.freemem() / 2) {
    const gib = (memory.training.total / 2 ** 30).toFixed(1);
    return `not measured: a batch of ${batch} takes ${gib} GiB, more than half of what is free`;
  }
  const test = Math.min(config.testBatchSize, 400);
  let memoryBytes = 0;
  const measure = (network: NetSpec, images: number, work: Work) => {
    const measured = measureStep(
      () => makeStep(network, kernels, images, work, work === 'train' ? config.storage : 'float32'),
      images,
    );
    memoryBytes +=
      measured.nativeBytes ||
      describeNetwork(network, { batch: images }).memory[work === 'train' ? 'training' : work]
        .total;
    return measured.rate;
  };
  const trainRate = (side: number) => {
    const sized = { ...input, ...(side > 0 && { height: side, width: side }) };
    return measure(configNetwork(config, { input: sized, classes }), batch, 'train');
  };
  const sizes = sizesOf(config);
  const whole = { untilEpoch: config.epochs, side: 0 };
  const secondsPerImage = [...sizes, whole].reduce((sum, { untilEpoch, side }, i) => {
    const epochs = untilEpoch - (sizes[i - 1]?.untilEpoch ?? 0);
    return epochs > 0 ? sum + epochs / config.epochs / trainRate(side) : sum;
  }, 0);
  const testRate = measure(spec, test, 'inference');
  return { train: 1 / secondsPerImage, test: testRate, memoryBytes };
}

/** Images per second of the median step, the first one left out, and what native kernels took for it; 0 of others. */
function measureStep(make: () => RepeatableStep, batch: number) {
  const before = nativeMemory().bytes;
  const { step, executor } = make();
  const nativeBytes = nativeMemory().bytes - before;
  const times: number[] = [];
  step();
  for (
    const began = performance.now();
    times.length < leastSteps || performance.now() - began < budgetMs;
  ) {
    const at = performance.now();
    step();
    times.push(performance.now() - at);
  }
  executor.dispose();
  times.sort((a, b) => a - b);
  return { rate: (1000 * batch) / times[Math.floor(times.length / 2)]!, nativeBytes };
}
