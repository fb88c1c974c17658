/** A training step of one network of ours beside that of another, interleaved. */
import { chooseKernels, type KernelChoice } from '../kernels/choose.ts';
import { makeStep } from '../train/repeatable-step.ts';
import { measureRounds } from './rounds.ts';
import { chosenNetwork, type NetworkChoice, ownContender } from './step.ts';
import { median, type Rate, rateOf } from './timing.ts';

export interface OwnOptions {
  readonly network: NetworkChoice;
  readonly beside: NetworkChoice;
  readonly batch: number;
  readonly threads: number;
  readonly kernels: KernelChoice;
  readonly rounds: number;
}

export interface OwnReport {
  readonly batch: number;
  readonly kernels: string;
  readonly threads: number;
  /** Images per second. */
  readonly first: Rate;
  readonly second: Rate;
  /** Step time of the first by that of the second, the median of the rounds' ratios. */
  readonly timeRatio: number;
}

const budgetMs = 1000;

export async function benchOwn(options: OwnOptions): Promise<OwnReport> {
  const { batch, rounds } = options;
  const { kernels } = chooseKernels(options);
  const works = [options.network, options.beside].map((choice) =>
    makeStep(chosenNetwork(choice), kernels, batch, 'train'),
  );
  const contenders = works.map(({ step }, i) =>
    ownContender(step, undefined, ['first', 'second'][i]),
  );
  const { times } = await measureRounds(contenders, { rounds, budgetMs });
  for (const { executor } of works) executor.dispose();
  const [first, second] = [times.first!, times.second!];
  return {
    batch,
    kernels: kernels.name,
    threads: kernels.threads,
    first: rateOf(first, batch),
    second: rateOf(second, batch),
    timeRatio: median(first.map((ms, round) => ms / second[round]!)),
  };
}
