/**
 * `bench team`: training by several processes of one machine, started by mpirun, beside one process with as many threads, round by
 * round in turns; and what the sums over the ranks cost of a step.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { IgcError, usageError } from '../core/errors.ts';
import { chooseKernels, type KernelChoice } from '../kernels/choose.ts';
import { makeStep } from '../train/repeatable-step.ts';
import { chosenNetwork, type NetworkChoice } from './step.ts';
import { linkOf, type ModelledTeam, modelTeam } from './team-model.ts';
import type { TeamRankReport } from './team-rank.ts';
import { median, timeOf } from './timing.ts';

export interface TeamBenchOptions extends NetworkChoice {
  readonly batch: number;
  /** Of the one process; the ranks share them. */
  readonly threads: number;
  readonly kernels: KernelChoice;
  readonly rounds: number;
  readonly ranks: number;
  /** Of a turn of the ranks. */
  readonly steps: number;
  /** The command that starts ranks, `mpirun.mpich` or `mpirun --bind-to core`. */
  readonly mpirun: string;
}

export interface TeamBenchReport extends TeamRankReport {
  readonly net: string;
  readonly depth: number;
  readonly batch: number;
  readonly threads: number;
  readonly rounds: number;
  readonly kernels: string;
  /** Of one process, and of the ranks, the faster of their two ways; images a second. */
  readonly oneProcess: number;
  readonly team: number;
  /** Team divided by one process: the median of the rounds, the least and the most. */
  readonly ratio: { readonly median: number; readonly low: number; readonly high: number };
  /** Share of a step of the ranks that the sums take, done after backward and overlapping it. */
  readonly overhead: { readonly after: number; readonly overlapping: number };
  /** On paper. */
  readonly model: readonly ModelledTeam[];
}

const modelledRanks = [8, 64, 512];

export function benchTeam(options: TeamBenchOptions): TeamBenchReport {
  const { batch, ranks, rounds, threads, steps } = options;
  if (batch % ranks !== 0 || threads % ranks !== 0) {
    throw usageError({
      path: '--ranks',
      rule: 'must divide the batch and the threads',
      got: `ranks=${ranks} batch=${batch} threads=${threads}`,
    });
  }
  const spec = chosenNetwork(options);
  const { kernels } = chooseKernels(options);
  const { step, executor } = makeStep(spec, kernels, batch, 'train');
  const reports: TeamRankReport[] = [];
  const oneMs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    reports.push(runRanks(options));
    for (let i = 0; i < 3; i++) step(); // the threads have slept
    oneMs.push(median(Array.from({ length: 3 * steps }, () => timeOf(step))));
  }
  executor.dispose();
  const of = (key: 'aloneMs' | 'afterMs' | 'overlappingMs') =>
    median(reports.map((report) => report[key]));
  const [aloneMs, afterMs, overlappingMs] = [of('aloneMs'), of('afterMs'), of('overlappingMs')];
  const teamMs = (report: TeamRankReport) => Math.min(report.afterMs, report.overlappingMs);
  const ratios = reports.map((report, i) => oneMs[i]! / teamMs(report)).sort((a, b) => a - b);
  const first = reports[0]!;
  const sums = first.sums.map(({ bytes }, i) => ({
    bytes,
    timeMs: median(reports.map((report) => report.sums[i]!.timeMs)),
  }));
  return {
    ...{ net: spec.name, depth: spec.depth, batch, threads, rounds, kernels: kernels.name },
    ...{ ranks, library: first.library, bytes: first.bytes },
    ...{ aloneMs, afterMs, overlappingMs },
    oneProcess: (1000 * batch) / median(oneMs),
    team: (1000 * batch) / median(reports.map(teamMs)),
    ratio: { median: median(ratios), low: ratios[0]!, high: ratios.at(-1)! },
    overhead: {
      after: overheadOf(reports, 'afterMs'),
      overlapping: overheadOf(reports, 'overlappingMs'),
    },
    sums,
    model: modelledRanks.map((N) =>
      modelTeam({ aloneMs, bytes: first.bytes }, linkOf({ sums }), N),
    ),
  };
}

/** 1 − alone/with sums, the median of the rounds. */
function overheadOf(reports: readonly TeamRankReport[], key: 'afterMs' | 'overlappingMs'): number {
  return median(reports.map((report) => 1 - report.aloneMs / report[key]));
}

/** One round of the ranks, in processes of their own. */
function runRanks(options: TeamBenchOptions): TeamRankReport {
  const { net, depth, family, double, classes, imgSize, batch, kernels, ranks, threads } = options;
  const [command = 'mpirun', ...words] = options.mpirun.split(' ');
  const rank = { net, depth, family, double, classes, imgSize, batch, kernels };
  const request = { ...rank, threads: threads / ranks, steps: options.steps, turns: 3 };
  const entry = fileURLToPath(new URL('./bench.js', import.meta.url));
  const line = [...words, '-np', `${ranks}`, process.execPath, entry];
  try {
    const text = execFileSync(command, [...line, 'team-rank', JSON.stringify(request)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return JSON.parse(text) as TeamRankReport;
  } catch (cause) {
    const said = cause instanceof Error ? cause.message.trim().replaceAll(/\s+/g, ' ') : '';
    throw new IgcError('failure', `${command}: must run ${ranks} ranks, got "${said}"`, { cause });
  }
}

export function teamText(report: TeamBenchReport, machine: string): string {
  const { ranks, library, threads, overhead, ratio, sums } = report;
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const rate = (perSecond: number) => `${Math.round(perSecond).toLocaleString('en-US')} images/s`;
  return [
    `${report.net}, D=${report.depth}, batch ${report.batch}: training on ${machine}, ${report.kernels}, ${report.rounds} rounds`,
    `one process of ${threads} threads     ${rate(report.oneProcess)}`,
    `${ranks} ranks of ${threads / ranks} threads (${library})  ${rate(report.team)}, ${ratio.median.toFixed(3)}× (${ratio.low.toFixed(3)} … ${ratio.high.toFixed(3)})`,
    `a step of a rank: ${report.aloneMs.toFixed(2)} ms without sums, ${report.afterMs.toFixed(2)} ms with them after backward (${percent(overhead.after)}), ${report.overlappingMs.toFixed(2)} ms overlapping it (${percent(overhead.overlapping)}); ${(report.bytes / 2 ** 20).toFixed(2)} MiB are summed`,
    ...sums.map(
      ({ bytes, timeMs }) =>
        `sum of ${bytes} bytes  ${timeMs.toFixed(3)} ms, ${(bytes / timeMs / 1e6).toFixed(2)} GB/s`,
    ),
    ...report.model.map(
      ({ ranks: N, stepsPerSecond, efficiency }) =>
        `on paper, ${N} ranks over such a link: ${stepsPerSecond.toPrecision(3)} steps/s, ${percent(efficiency)} of one alone`,
    ),
  ].join('\n');
}
