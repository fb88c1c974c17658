/** `npm run bench`: every row of rows.ts measured, and which goals it reaches. */
import { usageError } from '../core/errors.ts';
import type { KernelChoice } from '../kernels/choose.ts';
import { machineName } from './machine.ts';
import { benchMemory, type MemoryReport } from './memory.ts';
import { benchOwn, type OwnReport } from './own.ts';
import { type Goal, type Row, type StepRow, tableRows } from './rows.ts';
import { benchScaling, type ScalingReport } from './scaling.ts';
import { benchStep, type Comparison, type StepBenchReport } from './step.ts';

export interface TableOptions {
  /** Part of the ids of the rows to measure; default all. */
  readonly only?: string;
  readonly rounds: number;
  readonly threads: number;
  readonly kernels: KernelChoice;
  /** Told what is measured next. */
  readonly onRow?: (row: Row) => void;
}

/** A goal and the figure that was measured; null where a peer is absent or the row could not run. */
export interface GoalResult {
  readonly goal: Goal;
  readonly measured: number | null;
  readonly reached: boolean | null;
}

interface ResultBase {
  readonly id: string;
  readonly title: string;
  readonly goals: readonly GoalResult[];
}

/** A row with its whole report. */
export type RowResult = ResultBase &
  (
    | { readonly kind: 'missing'; readonly reason: string }
    | { readonly kind: 'step'; readonly work: StepRow['work']; readonly report: StepBenchReport }
    | { readonly kind: 'own'; readonly report: OwnReport }
    | { readonly kind: 'scaling'; readonly report: ScalingReport }
    | { readonly kind: 'memory'; readonly report: MemoryReport }
  );

export interface TableReport {
  /** ISO 8601, when it began. */
  readonly date: string;
  readonly machine: string;
  readonly cores: number;
  readonly node: string;
  readonly threads: number;
  readonly rounds: number;
  readonly minutes: number;
  readonly rows: readonly RowResult[];
}

/** Throws a usage error when no row's id contains `only`. */
export async function benchTable(options: TableOptions): Promise<TableReport> {
  const start = new Date();
  const { only = '', rounds, threads } = options;
  const rows = tableRows.filter(({ id }) => id.toLowerCase().includes(only.toLowerCase()));
  if (rows.length === 0) {
    const hint = `rows are ${tableRows.map(({ id }) => id).join(', ')}`;
    throw usageError({ path: '--only', rule: 'must be part of a row’s id', got: only, hint });
  }
  const results: RowResult[] = [];
  for (const row of rows) {
    options.onRow?.(row);
    results.push(await measureRow(row, options));
  }
  return {
    date: start.toISOString(),
    ...machineName(),
    node: process.version,
    threads,
    rounds,
    minutes: (Date.now() - start.getTime()) / 60_000,
    rows: results,
  };
}

async function measureRow(row: Row, options: TableOptions): Promise<RowResult> {
  const { id, title, network, batch } = row;
  const { rounds, threads, kernels } = options;
  const common = { ...network, batch, rounds, threads, kernels };
  const result = <T extends object>(more: T, figure: (goal: Goal) => number | null) => ({
    id,
    title,
    goals: row.goals.map((goal) => judge(goal, figure(goal))),
    ...more,
  });
  switch (row.kind) {
    case 'step': {
      const { work, missing: reason } = row;
      if (reason !== undefined) return result({ kind: 'missing', reason } as const, () => null);
      const own = { threads: row.threads ?? threads, kernels: row.kernels ?? kernels };
      const report = await benchStep({ ...common, ...own, peers: row.peers, works: [work] });
      return result({ kind: 'step', work, report } as const, (goal) =>
        stepFigure(goal, report[work]!),
      );
    }
    case 'own': {
      const report = await benchOwn({ ...common, network, beside: row.beside });
      return result({ kind: 'own', report } as const, () => report.timeRatio);
    }
    case 'scaling': {
      const report = await benchScaling(common);
      return result({ kind: 'scaling', report } as const, () => report.ratio);
    }
    case 'memory': {
      const report = await benchMemory({ ...common, withTorch: true });
      return result({ kind: 'memory', report } as const, () => report.share);
    }
  }
}

function stepFigure(goal: Goal, comparison: Comparison): number | null {
  if (goal.figure === 'shareOfPeak') return comparison.shareOfPeak;
  if (goal.figure !== 'ratio') return null;
  const best = bestOf(comparison, goal.peer, goal.layout);
  return best === undefined ? null : comparison.ours / best.rate;
}

/** A peer's fastest version and layout. */
export function bestOf(
  { spread }: Comparison,
  peer?: string,
  layout?: string,
): { readonly who: string; readonly rate: number } | undefined {
  const rivals = Object.entries(spread)
    .map(([who, { median }]) => ({ who, rate: median, parts: who.split('/') }))
    .filter(({ who, parts }) => who !== 'ours' && (peer === undefined || parts[0] === peer))
    .filter(({ parts }) => layout === undefined || parts[2] === layout)
    .sort((a, b) => b.rate - a.rate);
  return rivals[0];
}

function judge(goal: Goal, measured: number | null): GoalResult {
  if (measured === null) return { goal, measured, reached: null };
  const reached = 'atLeast' in goal ? measured >= goal.atLeast : measured <= goal.atMost;
  return { goal, measured, reached };
}
