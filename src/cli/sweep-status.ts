/** `igc sweep status`: how each run of an experiment stands, whoever works on it. */
import path from 'node:path';
import type { Command } from 'commander';
import { textTable } from '../draw/text-table.ts';
import type { SweepStatus } from '../slurm/sweep-status.ts';
import { sharedOptions } from './options.ts';
import { formatCounted, printData, printJson, printNews, shownText } from './terminal.ts';

/** Adds `status` to `sweep`. */
export function statusCommand(sweep: Command): void {
  sweep
    .command('status')
    .description('how each run of an experiment stands, and its jobs')
    .argument('<folder>', 'of an experiment, such as runs/sweep')
    .addOption(sharedOptions.json())
    .action(showStatus);
}

async function showStatus(folder: string, { json }: { readonly json?: boolean }): Promise<void> {
  const { readSweepStatus } = await import('../slurm/sweep-status.ts');
  const status = await readSweepStatus(folder);
  if (json) return printJson({ ...status, folder: path.resolve(folder) });
  printData(statusText(status));
  if (status.noSlurm !== undefined) printNews(`nothing is known of the jobs: ${status.noSlurm}`);
}

function statusText({ runs, jobs }: SweepStatus): string {
  const heads = [{ title: 'index', align: 'right' as const }, { title: 'run' }, { title: 'state' }];
  const rest = [{ title: 'epoch', align: 'right' as const }, { title: 'since' }, { title: '' }];
  const rows = runs.map(({ index, label, state, epochs, ofEpochs, since = '', remark }) => [
    ...[`${index}`, label, state, `${epochs}/${ofEpochs}`],
    ...[since.slice(0, 19).replace('T', ' '), shownText(remark)],
  ]);
  const tasks = jobs.map(({ kind, id, indices, states, submitted }) => {
    const count = kind === 'array' ? `, ${formatCounted(indices.length, 'task')}` : '';
    const when = submitted.slice(0, 19).replace('T', ' ');
    return `${kind} ${id}${count}, submitted ${when}: ${countsText(Object.entries(states)) || 'unknown to Slurm'}`;
  });
  const states = new Map<string, number>();
  for (const { state } of runs) states.set(state, (states.get(state) ?? 0) + 1);
  return [
    ...textTable([...heads, ...rest], rows),
    '',
    `${formatCounted(runs.length, 'run')}: ${countsText([...states])}. Times are UTC.`,
    ...tasks,
  ].join('\n');
}

function countsText(counts: readonly (readonly [string, number])[]): string {
  return counts.map(([what, count]) => `${count} ${what}`).join(', ');
}
