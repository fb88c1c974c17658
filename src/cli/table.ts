/** `igc table`: prints a table of the paper beside what this library gives, cell by cell. */
import type { Command } from 'commander';
import { displayWidth } from '../draw/text-table.ts';
import type { PaperTable } from '../theory/tables/paper-table.ts';
import { sharedOptions } from './options.ts';
import { printData, printJson } from './terminal.ts';

/** Adds `table`. */
export function tableCommand(program: Command): void {
  program
    .command('table')
    .description("print a table of the paper beside this library's figures, cell by cell")
    .argument('<table>', '1 to 7, or fig3')

    .addOption(sharedOptions.json())
    .action(runTable);
}

async function runTable(name: string, flags: { readonly json?: boolean }): Promise<void> {
  const { paperTable, tableTitle } = await import('../theory/tables/paper-table.ts');
  const table = paperTable(name);
  if (flags.json) printJson(table);
  else printData(tableMarkdown(table, tableTitle(table.table)));
}

/** Title, how many cells match, and the cells. */
function tableMarkdown({ cells }: PaperTable, title: string): string {
  const matches = ['exact', 'differs', 'not run', 'printed only'] as const;
  const counts = matches
    .map((match) => [match, cells.filter((cell) => cell.match === match).length] as const)
    .filter(([, count]) => count > 0)
    .map(([match, count]) => `${count} ${match}`);
  const rows = cells.map(({ row, column, printed, ours, match, note }) => [
    row,
    column,
    printed,
    ours ?? '–',
    match,
    note,
  ]);
  const heads = ['row', 'column', 'paper', 'ours', 'match', 'note'];
  return [
    `# ${title}`,
    '',
    `${cells.length} cells: ${counts.join(', ')}.`,
    '',
    ...markdownTable(heads, rows),
    '',
  ].join('\n');
}

/** Lines of a Markdown table, every column but the last as wide as its widest cell. */
function markdownTable(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
): readonly string[] {
  const escaped = [heads, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const last = heads.length - 1;
  const widths = heads.map((_, i) =>
    i === last ? 0 : Math.max(...escaped.map((row) => displayWidth(row[i]!))),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell + ' '.repeat(Math.max(0, widths[i]! - displayWidth(cell)))).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(Math.max(3, width + 2))).join('|')}|`;
  return [line(escaped[0]!), rule, ...escaped.slice(1).map(line)];
}
