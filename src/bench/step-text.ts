/** The reports of `bench step` for people. */
import { peaksText } from './machine.ts';
import type { Comparison, StepBenchReport } from './step.ts';

/** A line for everybody who was measured, and for everybody who was not. */
export function stepText(report: StepBenchReport, machine: string): string {
  const { net, depth, batch, threads, kernels, rounds, peaks } = report;
  const head = `${net} D=${depth}, batch ${batch}, ${threads} threads, ${kernels}, ${machine}; median of ${rounds} rounds (slowest to fastest)`;
  return [
    head,
    ...(peaks ? [peaksText(peaks)] : []),
    ...(report.train ? comparisonLines('train', report.train, batch) : []),
    ...(report.inference ? comparisonLines('inference', report.inference, batch) : []),
    ...report.absent.map(({ name, reason }) => `${name}: absent (${reason})`),
  ].join('\n');
}

function comparisonLines(work: string, comparison: Comparison, batch: number): readonly string[] {
  const { spread, stepMs, gflops, shareOfPeak, failed } = comparison;
  const measured = Object.entries(spread).map(([who, { median, slowest, fastest }]) => {
    const share = shareOfPeak === null ? '' : `, ${(shareOfPeak * 100).toFixed(0)} % of peak`;
    const ratio =
      who === 'ours'
        ? `${gflops.toFixed(0)} GFLOP/s${share}`
        : `ours is ${(spread.ours!.median / median).toFixed(2)}×`;
    const latency = batch === 1 ? `${stepMs[who]!.toFixed(2)} ms, ` : '';
    const rate = `${latency}${median.toFixed(0)} img/s (${slowest.toFixed(0)} to ${fastest.toFixed(0)})`;
    return `${work.padEnd(10)} ${who.padEnd(40)} ${rate.padEnd(30)} ${ratio}`;
  });
  const others = Object.entries(failed).map(
    ([who, reason]) => `${work.padEnd(10)} ${who.padEnd(40)} left out: ${reason}`,
  );
  return [...measured, ...others];
}
