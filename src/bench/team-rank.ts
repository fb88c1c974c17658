/**
 * One rank of `bench team`: what a step costs with the sums over the ranks, after backward and overlapping it, beside the same step
 * without them; and what a sum of so many bytes costs. Ranks take their turns together.
 */

import { stream } from '../core/random.ts';
import { chooseKernels, type KernelChoice } from '../kernels/choose.ts';
import { initializeModel, makeModel, planModel } from '../model/model.ts';
import type { NetSpec } from '../spec/network.ts';
import { joinMpiTeam } from '../team/mpi-team.ts';
import type { Team } from '../team/team.ts';
import { gradientStep } from '../train/gradient-step.ts';
import { makeStepTaker } from '../train/step-taker.ts';
import { median } from './timing.ts';

export interface TeamRankOptions {
  /** Images of all ranks in a step. */
  readonly batch: number;
  readonly threads: number;
  readonly kernels: KernelChoice;
  /** Steps of a turn, and turns of each kind of step. */
  readonly steps: number;
  readonly turns: number;
}

/** Milliseconds of the median turn's median step, of the slowest rank. */
export interface TeamRankReport {
  readonly ranks: number;
  readonly library: string;
  /** Bytes that a step sums. */
  readonly bytes: number;
  readonly aloneMs: number;
  readonly afterMs: number;
  readonly overlappingMs: number;
  readonly sums: readonly SumTime[];
}

/** The median time of a sum of so many bytes. */
export interface SumTime {
  readonly bytes: number;
  readonly timeMs: number;
}

/** Measures with all ranks; what it gives is the same on all of them. */
export function benchRank(spec: NetSpec, options: TeamRankOptions): TeamRankReport {
  const team = joinMpiTeam({ kind: 'mpi', timeoutMs: 60_000 });
  const { kernels } = chooseKernels(options);
  const images = options.batch / team.ranks;
  const batch = madeUpBatch(spec, images, team.rank);
  const begin = () => {
    const model = makeModel(spec, kernels);
    initializeModel(model, 0);
    const executor = kernels.instantiate(
      planModel(model, { batch: images, training: true }),
      model,
    );
    const decay = [{ offset: 0, size: model.parameters.length, factor: 1e-4 }];
    const sgd = { learningRate: 0.001, momentum: 0.9, nesterov: true, decay };
    return { model, executor, sgd };
  };
  const rates = { learningRate: 0.001, oldWeight: 0.9 };
  const together = (overlap: 'on' | 'off') => {
    const stepped = begin();
    const taker = makeStepTaker(stepped, { team, overlap, isStopped: () => false });
    return () => void taker.take(stepped.executor, batch, rates);
  };
  const single = begin();
  const alone = () => void gradientStep(single, batch, rates);
  const [aloneMs, afterMs, overlappingMs] = timeSteps(
    [alone, together('off'), together('on')],
    options,
    team,
  );
  const { parameters, state } = single.model;
  const report = {
    ...{ ranks: team.ranks, library: team.library ?? '' },
    bytes: 4 * (parameters.length + state.length),
    ...{ aloneMs: aloneMs!, afterMs: afterMs!, overlappingMs: overlappingMs! },
    sums: timeSums(team),
  };
  team.close();
  return report;
}

function madeUpBatch(spec: NetSpec, count: number, rank: number) {
  const { channels, height, width } = spec.input;
  const random = stream(rank, 'made-up images');
  const images = Float32Array.from({ length: count * channels * height * width }, () =>
    random.normal(),
  );
  const labels = Int32Array.from({ length: count }, () => random.integer(spec.classes));
  const indices = new Int32Array(count);
  return { epoch: 0, step: 0, images, labels, indices, count };
}

/** Times the kinds of step in turns; of each the median over its turns of the slowest rank's median step. */
function timeSteps(
  kinds: readonly (() => void)[],
  { steps, turns }: TeamRankOptions,
  team: Team,
): readonly number[] {
  const times = kinds.map((): number[] => []);
  for (let turn = -1; turn < turns; turn++) {
    for (const [kind, step] of kinds.entries()) {
      team.sum(new Float64Array(1), 'the turn'); // so that all begin together
      const stepMs = Array.from({ length: steps }, () => timeOf(step));
      const slowest = largest(median(stepMs), team);
      if (turn >= 0) times[kind]!.push(slowest);
    }
  }
  return times.map((ms) => median(ms));
}

/** Sums of 8 bytes to 64 MiB. */
function timeSums(team: Team): readonly SumTime[] {
  return [8, 1024, 2 ** 14, 2 ** 18, 2 ** 20, 2 ** 22, 2 ** 24, 2 ** 26].map((bytes) => {
    const values = new Float32Array(new SharedArrayBuffer(bytes));
    const sum = () => {
      team.startSum(values, 'made-up values');
      team.finishSums();
    };
    for (let i = 0; i < 3; i++) sum();
    const count = bytes > 2 ** 22 ? 5 : 50;
    const timesMs = Array.from({ length: count }, () => timeOf(sum));
    return { bytes, timeMs: largest(median(timesMs), team) };
  });
}

function timeOf(action: () => void): number {
  const began = performance.now();
  action();
  return performance.now() - began;
}

/** The largest of a value over the ranks. */
function largest(value: number, team: Team): number {
  const values = new Float64Array(team.ranks);
  values[team.rank] = value;
  team.sum(values, 'the times');
  return Math.max(...values);
}
