/** `igc table`: prints a table of the paper beside what this library gives, cell by cell. */
import type { Command } from 'commander';
import { markdownTable } from '../draw/text-table.ts';
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
  const matches = ['exact', 'differs', 'trained', 'not run', 'printed only'] as const;
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
