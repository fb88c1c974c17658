/** `bench storage`: a training step with activations stored in bfloat16 beside the same in float32. */
import { chooseKernels, type KernelChoice } from '../kernels/choose.ts';
import { activationStorages } from '../plan/plan.ts';
import { makeStep } from '../train/repeatable-step.ts';
import { measureRounds } from './rounds.ts';
import { chosenNetwork, type NetworkChoice, ownContender } from './step.ts';
import { median, type Rate, rateOf } from './timing.ts';

export interface StorageOptions extends NetworkChoice {
  readonly batch: number;
  readonly threads: number;
  readonly kernels: KernelChoice;
  readonly rounds: number;
}

export interface StorageReport {
  readonly net: string;
  readonly depth: number;
  readonly batch: number;
  readonly kernels: string;
  readonly threads: number;
  readonly rounds: number;
  /** Images per second. */
  readonly float32: Rate;
  readonly bfloat16: Rate;
  /** Step time in bfloat16 by that in float32, the median of the rounds' ratios. */
  readonly timeRatio: number;
}

const budgetMs = 1000;

/** Throws a usage error where the kernels store float32 only. */
export async function benchStorage(options: StorageOptions): Promise<StorageReport> {
  const { batch, rounds } = options;
  const spec = chosenNetwork(options);
  const { kernels } = chooseKernels(options);
  const works = activationStorages.map((storage) => {
    return { storage, ...makeStep(spec, kernels, batch, 'train', storage) };
  });
  const contenders = works.map(({ step, storage }) => ownContender(step, undefined, storage));
  const { times } = await measureRounds(contenders, { rounds, budgetMs });
  for (const { executor } of works) executor.dispose();
  const [float32, bfloat16] = [times.float32!, times.bfloat16!];
  return {
    net: spec.name,
    depth: spec.depth,
    batch,
    kernels: kernels.name,
    threads: kernels.threads,
    rounds,
    float32: rateOf(float32, batch),
    bfloat16: rateOf(bfloat16, batch),
    timeRatio: median(bfloat16.map((ms, round) => ms / float32[round]!)),
  };
}

export function storageText(report: StorageReport, machine: string): string {
  const { net, depth, batch, threads, kernels, rounds } = report;
  const rate = ({ median, slowest, fastest }: Rate) =>
    `${median.toFixed(0)} img/s (${slowest.toFixed(0)} to ${fastest.toFixed(0)})`;
  return [
    `${net} D=${depth}, training step, batch ${batch}, ${kernels}, ${threads} threads, ${machine}; median of ${rounds} rounds (slowest to fastest)`,
    `float32    ${rate(report.float32)}`,
    `bfloat16   ${rate(report.bfloat16)}, ${report.timeRatio.toFixed(3)} of the time`,
  ].join('\n');
}
