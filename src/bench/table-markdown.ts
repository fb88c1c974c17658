/** The table of `npm run bench` as Markdown: a summary that fits a README, then everything that was measured. */
import { formatBytes } from '../draw/text-table.ts';
import { peaksText } from './machine.ts';
import type { MemoryReport } from './memory.ts';
import type { StepBenchReport } from './step.ts';
import { bestOf, type GoalResult, type RowResult, type TableReport } from './table.ts';
import { figureText, goalText, peerText, percent, rateText, significant } from './words.ts';

/** The whole document. */
export function tableMarkdown(report: TableReport): string {
  return [
    `# Benchmark of ${report.date.slice(0, 10)}`,
    '',
    ...introduction(report),
    '',
    ...summaryTable(report.rows),
    '',
    '## Everything that was measured',
    '',
    ...detailTable(report.rows),
    '',
    ...remarks(report.rows),
    `It took ${report.minutes.toFixed(0)} minutes.`,
    '',
  ].join('\n');
}

function introduction({ machine, cores, node, threads, rounds, rows }: TableReport): string[] {
  const steps = stepReports(rows);
  const ofOneThread = rows.flatMap((row) => (row.kind === 'scaling' ? row.report.peaks : []))[0];
  const ofAll = steps.find(({ threads: n, peaks }) => n === threads && peaks)?.peaks;
  const peaks = [ofOneThread, ofAll].filter((peak) => peak != null).map(peaksText);
  const versions = new Set(
    steps.flatMap(({ peers }) =>
      Object.entries(peers)
        .filter(([, version]) => version !== 'absent')
        .map(([name, version]) => `${peerText(name)} ${version}`),
    ),
  );
  const kernels = new Set(rows.flatMap((row) => ('report' in row ? [row.report.kernels] : [])));
  return [
    `${machine}, ${cores} cores, ${threads} threads on every side unless said otherwise; igcnet (${[...kernels].join(', ') || 'not measured'}) in Node ${node}.`,
    `Medians of ${rounds} interleaved rounds (slowest to fastest); every peer in its fastest layout, its own compiler included.`,
    ...(versions.size > 0 ? [`Peers: ${[...versions].join('; ')}.`] : []),
    ...(peaks.length > 0 ? [`The machine’s ${peaks.join('; ')}.`] : []),
  ];
}

function stepReports(rows: readonly RowResult[]): StepBenchReport[] {
  return rows.flatMap((row) => (row.kind === 'step' ? [row.report] : []));
}

function summaryTable(rows: readonly RowResult[]): string[] {
  return [
    '| work | igcnet | fastest peer | ratio | of peak | goal |',
    '|---|---|---|---|---|---|',
    ...rows.map(
      (row) => `| ${[row.title, ...summaryCells(row), goalsCell(row.goals)].join(' | ')} |`,
    ),
  ];
}

/** igcnet, fastest peer, ratio, share of peak */
function summaryCells(row: RowResult): readonly [string, string, string, string] {
  switch (row.kind) {
    case 'missing':
      return ['–', '–', '–', '–'];
    case 'step': {
      const { batch } = row.report;
      const comparison = row.report[row.work]!;
      const best = bestOf(comparison);
      const share = comparison.shareOfPeak;
      return [
        rateText(comparison.spread.ours!, batch),
        best ? `${rateText(comparison.spread[best.who]!, batch)}, ${peerText(best.who)}` : 'absent',
        best ? `**${significant(comparison.ours / best.rate)}×**` : '–',
        share === null ? '–' : percent(share),
      ];
    }
    case 'own': {
      const { first, second, timeRatio, batch } = row.report;
      const ratio = `**${timeRatio.toFixed(2)}** of the time`;
      return [rateText(first, batch), `${rateText(second, batch)}, igcnet`, ratio, '–'];
    }
    case 'scaling': {
      const { oneThread, allThreads, scaling, batch } = row.report;
      const one = `${rateText(oneThread, batch)}, igcnet on 1 thread`;
      return [rateText(allThreads, batch), one, `**${scaling.toFixed(2)}×**`, '–'];
    }
    case 'memory': {
      const { processes, share } = row.report;
      const smallest = Object.entries(processes)
        .filter(([who]) => who !== 'ours')
        .sort(([, a], [, b]) => a.peakBytes - b.peakBytes)[0];
      return [
        formatBytes(processes.ours!.peakBytes),
        smallest ? `${formatBytes(smallest[1].peakBytes)}, ${peerText(smallest[0])}` : 'absent',
        share === null ? '–' : `**${share.toFixed(2)}** of the memory`,
        '–',
      ];
    }
  }
}

function goalsCell(goals: readonly GoalResult[]): string {
  return goals
    .map(({ goal, measured, reached }) => {
      if (measured === null) return `${goalText(goal)}: not measured`;
      return `${goalText(goal)}: ${figureText(goal, measured)} ${reached ? '✓' : '✗'}`;
    })
    .join('; ');
}

/** Everybody who was measured, in every layout. */
function detailTable(rows: readonly RowResult[]): string[] {
  const lines = rows.flatMap((row) => {
    if (row.kind === 'memory') return memoryLines(row.title, row.report);
    if (row.kind !== 'step') return [];
    const { batch } = row.report;
    const { spread, ours } = row.report[row.work]!;
    return Object.entries(spread).map(([who, rate]) => {
      const name = who === 'ours' ? `igcnet, ${row.report.kernels}` : peerText(who);
      const ratio = who === 'ours' ? '' : `${significant(ours / rate.median)}×`;
      return `| ${row.title} | ${name} | ${rateText(rate, batch)} | ${ratio} |`;
    });
  });
  return ['| work | engine | measured | igcnet is |', '|---|---|---|---|', ...lines];
}

function memoryLines(title: string, { processes, kernels, plan }: MemoryReport): string[] {
  const ours = processes.ours!.peakBytes;
  const planned = `| ${title} | igcnet, its plan (${formatBytes(plan.activations)} activations) | ${formatBytes(plan.total)} | |`;
  const measured = Object.entries(processes).map(([who, { peakBytes }]) => {
    const name = who === 'ours' ? `igcnet, ${kernels}` : peerText(who);
    const share = who === 'ours' ? '' : `${(ours / peakBytes).toFixed(2)} of it`;
    return `| ${title} | ${name} | ${formatBytes(peakBytes)} | ${share} |`;
  });
  return [planned, ...measured];
}

/** Who is absent, what could not run, and why. */
function remarks(rows: readonly RowResult[]): string[] {
  const lines = rows.flatMap((row) => {
    if (row.kind === 'missing') return [`- ${row.title}: ${row.reason}.`];
    if (row.kind !== 'step') return [];
    const { absent } = row.report;
    const { failed } = row.report[row.work]!;
    return [
      ...absent.map(({ name, reason }) => `- ${peerText(name)} is absent: ${reason}.`),
      ...Object.entries(failed).map(([who, why]) => `- ${row.title}: ${peerText(who)}: ${why}.`),
    ];
  });
  return lines.length === 0 ? [] : [...new Set(lines), ''];
}
