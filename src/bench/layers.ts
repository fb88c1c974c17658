/** `bench layers`: where a step's time goes, step by step of the plan, against what the machine reaches. */
import { usageError } from '../core/errors.ts';
import { textTable } from '../draw/text-table.ts';
import { chooseKernels, type KernelChoice } from '../kernels/choose.ts';
import type { StepRun } from '../kernels/contract.ts';
import type { Step } from '../plan/plan.ts';
import { makeStep, type Work } from '../train/repeatable-step.ts';
import { type MachinePeaks, peakMeter, peaksText } from './machine.ts';
import { chosenNetwork, type NetworkChoice } from './step.ts';
import { type PassCost, stepCost } from './step-cost.ts';
import { median } from './timing.ts';

export interface LayersOptions extends NetworkChoice {
  readonly batch: number;
  readonly threads: number;
  readonly kernels: KernelChoice;
  readonly rounds: number;
  readonly work: Work;
}

/** One pass of one step of the plan. */
export interface LayerPass {
  readonly path: string;
  readonly kind: Step['kind'];
  readonly pass: 'forward' | 'backward';
  /** Parts for the threads, the fewest of its loops. */
  readonly tasks: number;
  readonly timeMs: number;
  readonly gflops: number;
  readonly shareOfPeak: number;
  /** Every tensor that it needs, once. */
  readonly leastBytes: number;
  /** What memory can move in that time; the step has moved no more, unless caches held it. */
  readonly mostBytes: number;
}

export interface LayersReport {
  readonly net: string;
  readonly depth: number;
  readonly batch: number;
  readonly threads: number;
  readonly kernels: string;
  readonly work: Work;
  readonly peaks: MachinePeaks;
  /** In the order in which they run. */
  readonly passes: readonly LayerPass[];
}

export function benchLayers(options: LayersOptions): LayersReport {
  const { batch, work } = options;
  const spec = chosenNetwork(options);
  const { kernels } = chooseKernels(options);
  const meter = peakMeter(kernels);
  const { executor, step } = makeStep(spec, kernels, batch, work);
  if (!meter || !executor.stepRuns) {
    throw usageError({
      path: 'kernels',
      rule: 'must tell the time of every step',
      got: kernels.name,
      hint: 'native kernels do',
    });
  }
  const passes = work === 'train' ? (['forward', 'backward'] as const) : (['forward'] as const);
  const samples = { forward: [] as (readonly StepRun[])[], backward: [] as (readonly StepRun[])[] };
  for (let round = -2; round < options.rounds; round++) {
    step();
    if (round < 0) continue; // caches and threads warm up
    for (const pass of passes) samples[pass].push(executor.stepRuns(pass));
    meter.fma();
    meter.streams();
  }
  const peaks = meter.peaks();
  const { plan } = executor;
  const rows = passes.flatMap((pass) => {
    const steps = plan.steps.map((planStep, i) => {
      const runs = samples[pass].map((steps) => steps[i]!);
      const timeMs = median(runs.map((run) => run.timeMs));
      const cost = stepCost(plan, planStep)[pass];
      const { path, kind } = planStep;
      return { path, kind, pass, tasks: runs[0]!.tasks, ...layerRates(timeMs, cost, peaks) };
    });
    return pass === 'forward' ? steps : steps.toReversed();
  });
  executor.dispose();
  return {
    net: spec.name,
    depth: spec.depth,
    batch,
    threads: kernels.threads,
    kernels: kernels.name,
    work,
    peaks,
    passes: rows,
  };
}

function layerRates(timeMs: number, { macs, bytes }: PassCost, peaks: MachinePeaks) {
  const gflops = (2 * macs) / timeMs / 1e6;
  return {
    timeMs,
    gflops,
    shareOfPeak: gflops / peaks.fmaGflops,
    leastBytes: bytes,
    mostBytes: timeMs * 1e6 * peaks.copyGbytes,
  };
}

/** A table with a line per pass and step, and one of sums. */
export function layersText(report: LayersReport, machine: string): string {
  const { net, depth, batch, threads, kernels, work, peaks, passes } = report;
  const sum = (key: 'timeMs' | 'leastBytes' | 'mostBytes') =>
    passes.reduce((total, pass) => total + pass[key], 0);
  const timeMs = sum('timeMs');
  const gflops = passes.reduce((total, pass) => total + pass.gflops * pass.timeMs, 0) / timeMs;
  const total = {
    timeMs,
    gflops,
    shareOfPeak: gflops / peaks.fmaGflops,
    tasks: Math.min(...passes.map((pass) => pass.tasks)),
    leastBytes: sum('leastBytes'),
    mostBytes: sum('mostBytes'),
  };
  const line = (name: readonly string[], pass: typeof total) => [
    ...name,
    `${pass.tasks}`,
    pass.timeMs.toFixed(3),
    `${((100 * pass.timeMs) / timeMs).toFixed(1)} %`,
    pass.gflops.toFixed(0),
    `${(100 * pass.shareOfPeak).toFixed(0)} %`,
    (pass.leastBytes / 1e6).toFixed(1),
    `${(pass.mostBytes / pass.leastBytes).toFixed(1)}×`,
  ];
  const numbers = ['tasks', 'ms', 'of all', 'GFLOP/s', 'of peak', 'MB least', 'moved at most'];
  return [
    `${net} D=${depth}, ${work}, batch ${batch}, ${threads} threads, ${kernels}, ${machine}`,
    peaksText(peaks),
    '',
    ...textTable(
      [
        { title: 'step' },
        { title: 'pass' },
        ...numbers.map((title) => ({ title, align: 'right' }) as const),
      ],
      [
        ...passes.map((pass) => line([`${pass.path} (${pass.kind})`, pass.pass], pass)),
        line(['all', ''], total),
      ],
    ),
  ].join('\n');
}
