/** `bench scaling`: a training step on several threads against one, beside what the machine itself gains by them. */
import { chooseKernels, type KernelChoice } from '../kernels/choose.ts';
import { makeStep } from '../train/repeatable-step.ts';
import { type MachinePeaks, peakMeter, peaksText } from './machine.ts';
import { measureRounds } from './rounds.ts';
import { chosenNetwork, type NetworkChoice, ownContender } from './step.ts';
import { median, type Rate, rateOf } from './timing.ts';

export interface ScalingOptions extends NetworkChoice {
  readonly batch: number;
  readonly threads: number;
  readonly kernels: KernelChoice;
  readonly rounds: number;
}

export interface ScalingReport {
  readonly net: string;
  readonly depth: number;
  readonly batch: number;
  readonly threads: number;
  readonly rounds: number;
  readonly kernels: string;
  /** Images per second of a training step. */
  readonly oneThread: Rate;
  readonly allThreads: Rate;
  /** Medians of the rounds' own ratios; the FMA peak's is null where kernels are not native. */
  readonly scaling: number;
  readonly peakScaling: number | null;
  /** Ours by the peak's. */
  readonly ratio: number | null;
  readonly peaks: readonly MachinePeaks[];
}

const budgetMs = 1000;

export async function benchScaling(options: ScalingOptions): Promise<ScalingReport> {
  const { batch, rounds } = options;
  const spec = chosenNetwork(options);
  const sets = [1, options.threads].map(
    (threads) => chooseKernels({ ...options, threads }).kernels,
  );
  const works = sets.map((kernels) => makeStep(spec, kernels, batch, 'train'));
  const meters = sets.map(peakMeter);
  const contenders = works.map(({ step }, i) => ownContender(step, meters[i], ['one', 'all'][i]));
  const between = () => {
    for (const meter of meters) meter?.streams();
  };
  const { times, peaks } = await measureRounds(contenders, { rounds, budgetMs, between });
  for (const { executor } of works) executor.dispose();
  const [oneThread, allThreads] = [rateOf(times.one!, batch), rateOf(times.all!, batch)];
  // Round by round: the machine may lose and regain a core from one to the next.
  const scalings = times.one!.map((ms, round) => ms / times.all![round]!);
  const peakScalings = peaks.one!.map((peak, round) => peaks.all![round]! / peak);
  const ratios = peakScalings.map((peak, round) => scalings[round]! / peak);
  const middle = (values: readonly number[]) => (values.length === 0 ? null : median(values));
  return {
    net: spec.name,
    depth: spec.depth,
    batch,
    threads: options.threads,
    rounds,
    kernels: sets[1]!.name,
    oneThread,
    allThreads,
    scaling: median(scalings),
    peakScaling: middle(peakScalings),
    ratio: middle(ratios),
    peaks: meters.flatMap((meter) => meter?.peaks() ?? []),
  };
}

/** Three lines. */
export function scalingText(report: ScalingReport, machine: string): string {
  const { net, depth, batch, threads, kernels, rounds, scaling, peakScaling, ratio } = report;
  const rate = ({ median, slowest, fastest }: Rate) =>
    `${median.toFixed(0)} img/s (${slowest.toFixed(0)} to ${fastest.toFixed(0)})`;
  const peak =
    peakScaling === null || ratio === null
      ? ''
      : `; the FMA peak ${peakScaling.toFixed(2)}×, so ${ratio.toFixed(2)} of it`;
  return [
    `${net} D=${depth}, training step, batch ${batch}, ${kernels}, ${machine}; median of ${rounds} rounds (slowest to fastest)`,
    `1 thread   ${rate(report.oneThread)}`,
    `${threads} threads  ${rate(report.allThreads)}`,
    `scaling    ${scaling.toFixed(2)}×${peak}`,
    ...report.peaks.map(peaksText),
  ].join('\n');
}
