/**
 * One rank of `bench team`: what a step costs with the sums over the ranks, after backward and overlapping it, beside the same step
 * without them; and what a sum of so many bytes costs. Ranks take their turns together.
 */
import { chooseKernels, type KernelChoice } from '../kernels/choose.ts';
import type { NetSpec } from '../spec/network.ts';
import { joinMpiTeam } from '../team/mpi-team.ts';
import { gatherNumbers, type Team } from '../team/team.ts';
import { gradientStep } from '../train/gradient-step.ts';
import { beginSteps, randomBatch } from '../train/repeatable-step.ts';
import { makeStepTaker } from '../train/step-taker.ts';
import { median, timeOf } from './timing.ts';

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
  const made = randomBatch(spec, kernels, images);
  const pixels = Float32Array.from(made.images);
  const indices = new Int32Array(images);
  const batch = { epoch: 0, step: 0, images: pixels, labels: made.labels, indices, count: images };
  const begin = () => beginSteps(spec, kernels, { batch: images, training: true });
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

/** The largest of a value over the ranks. */
function largest(value: number, team: Team): number {
  return Math.max(...gatherNumbers(team, [value], 'the times'));
}
