/**
 * The learning-rate range test: a short training in which the rate rises exponentially from step to step, and what
 * the loss says of it. Reads training images only; writes nothing.
 * @source L. N. Smith, "Cyclical learning rates for training neural networks" (WACV 2017), §3.3
 */
import { complain, IgcError, usageError } from '../core/errors.ts';
import { openDataset } from '../data/open-dataset.ts';
import { measureStatistics } from '../data/statistics.ts';
import { chooseKernels } from '../kernels/choose.ts';
import { initializeModel } from '../model/model.ts';
import { newState } from './checkpoint.ts';
import { datasetRequest, type RunConfig } from './config.ts';
import { gradientStep } from './gradient-step.ts';
import { oldWeightAt } from './schedule.ts';
import { disposeTrainingModel, makeTrainingModel, openTrainingBatches } from './trainer-parts.ts';

/** Which rates, in how many steps. */
export interface RangeTest {
  /** The first and the last rate; default 1e-4 and 10. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** Steps, a batch each; default 200. */
  readonly steps?: number | undefined;
  /** Stops it early. */
  readonly signal?: AbortSignal | undefined;
}

/** One step. */
export interface RangePoint {
  readonly learningRate: number;
  /** Of the step's batch, before its update. */
  readonly loss: number;
  /** The exponential mean of the losses so far, w = 0.9 for the old ones, without the bias of its start. */
  readonly smoothed: number;
}

/** What a range test found. */
export interface FoundLearningRate {
  readonly points: readonly RangePoint[];
  /** Where the smoothed loss falls fastest over log rate. */
  readonly steepest: number;
  /** Where it is lowest. */
  readonly lowest: number;
  /** A tenth of the lowest's rate, where the rates before it lowered the loss; null where none did. */
  readonly suggestion: number | null;
  /** Whether the loss exploded before the last rate, as it should: else higher rates were not tried. */
  readonly exploded: boolean;
  readonly kernels: string;
}

/** What the old losses weigh in the smoothed one. */
const smoothing = 0.9;
/** What the loss must fall to, as a share of the first one, to say anything. */
const leastFall = 0.97;
/** The test ends where the smoothed loss is so many times the lowest. */
const explosion = 4;

/**
 * Runs the test with everything else as in `config`, its momentum and weight decay included; its schedule is left out.
 *
 * lr(t) = from·(to/from)^(t/(steps − 1)). Blocks this thread.
 * Throws usage errors for rates and steps that make no test, and whatever training would throw before its first step.
 * @example (await findLearningRate(resolveConfig('digits'))).suggestion
 */
export async function findLearningRate(
  config: RunConfig,
  test: RangeTest = {},
): Promise<FoundLearningRate> {
  const { from = 1e-4, to = 10, steps = 200 } = test;
  checkRange(from, to, steps);
  const dataset = await openDataset(datasetRequest(config));
  const { kernels } = chooseKernels({ kernels: config.kernels, threads: config.threads });
  const statistics = config.data.statistics ?? (await measureStatistics(dataset.train));
  const whole = { ...config, ema: null, augment: { ...config.augment, progressive: null } };
  const training = makeTrainingModel(whole, dataset, statistics, kernels);
  const { model, executor, sgd, stepsPerEpoch } = training;
  const epochs = Math.ceil(steps / stepsPerEpoch);
  const { seed } = config;
  const state = newState({ seed, epochs, configHash: '', kernels: kernels.name });
  const source = openTrainingBatches({ ...whole, epochs }, dataset, training, state);
  const points: RangePoint[] = [];
  try {
    initializeModel(model, seed);
    for (let t = 0; t < steps && !isExploded(points); t++) {
      if (test.signal?.aborted) throw new IgcError('interrupted', 'find-lr: stopped');
      const learningRate = from * (to / from) ** (t / (steps - 1));
      const rates = { learningRate, oldWeight: oldWeightAt(config.bn, t) };
      const loss = gradientStep({ model, executor, sgd }, source.next(), rates);
      points.push(nextPoint(points, learningRate, loss));
      await new Promise(setImmediate); // lets Ctrl-C through
    }
    return { ...judge(points), kernels: kernels.name };
  } finally {
    await source.close();
    disposeTrainingModel(training);
  }
}

function nextPoint(before: readonly RangePoint[], learningRate: number, loss: number): RangePoint {
  let [sum, weight] = [0, 0];
  for (const point of [...before.slice(-200), { loss }]) {
    sum = smoothing * sum + (1 - smoothing) * point.loss;
    weight = smoothing * weight + (1 - smoothing);
  }
  return { learningRate, loss, smoothed: sum / weight };
}

function isExploded(points: readonly RangePoint[]): boolean {
  const last = points.at(-1);
  if (last === undefined) return false;
  if (!Number.isFinite(last.loss)) return true;
  return last.smoothed > explosion * Math.min(...points.map(({ smoothed }) => smoothed));
}

function judge(points: readonly RangePoint[]): Omit<FoundLearningRate, 'kernels'> {
  const finite = points.filter(({ smoothed }) => Number.isFinite(smoothed));
  if (finite.length === 0) {
    const rule = 'the loss of the first step must be finite';
    throw new IgcError('diverged', complain({ path: 'find-lr', rule, got: `${points[0]?.loss}` }));
  }
  let [lowest, steepest] = [finite[0]!, finite[0]!];
  for (const point of finite) if (point.smoothed < lowest.smoothed) lowest = point;
  const falling = finite.slice(0, finite.indexOf(lowest) + 1);
  let fastest = 0;
  // Over several steps, since neighbours differ by their batches more than by their rates.
  const reach = Math.max(1, Math.round(falling.length / 20));
  for (let i = reach; i + reach < falling.length; i++) {
    const fall = falling[i - reach]!.smoothed - falling[i + reach]!.smoothed;
    if (fall <= fastest) continue;
    fastest = fall;
    steepest = falling[i]!;
  }
  return {
    points,
    steepest: steepest.learningRate,
    lowest: lowest.learningRate,
    suggestion: lowest.smoothed < leastFall * finite[0]!.smoothed ? lowest.learningRate / 10 : null,
    exploded: isExploded(points),
  };
}

function checkRange(from: number, to: number, steps: number): void {
  if (!(from > 0 && Number.isFinite(to) && to > from)) {
    const got = `from=${from} to=${to}`;
    throw usageError({ path: 'from', rule: 'must be above 0 and below the last rate', got });
  }
  if (Number.isInteger(steps) && steps >= 20) return;
  throw usageError({
    path: 'steps',
    rule: 'must be a whole number of at least 20',
    got: `${steps}`,
  });
}
