/** `igc report`: a report on the runs in a folder, as Markdown, HTML, CSV and JSON. */
import path from 'node:path';
import type { Command } from 'commander';
import { textTable } from '../draw/text-table.ts';
import type { Report } from '../experiment/report.ts';
import type { ReportTable } from '../experiment/report-tables.ts';
import { sharedOptions } from './options.ts';
import { printData, printJson, printNews, shortPath, warningText } from './terminal.ts';

interface ReportFlags {
  readonly out?: string;
  readonly json?: boolean;
}

/** Adds `report`. */
export function reportCommand(program: Command): void {
  program
    .command('report')
    .description('compare the runs in a folder with the paper; writes report/ in it')
    .argument('<folder>', 'of an experiment, or of run folders')
    .option('--out <dir>', 'where to write it instead')
    .addOption(sharedOptions.json())
    .action(runReport);
}

async function runReport(folder: string, { out, json }: ReportFlags): Promise<void> {
  const { makeReport } = await import('../experiment/report.ts');
  const { writeReport, reportJson } = await import('../experiment/write-report.ts');
  const { isExperiment, withExperimentLock } = await import('../experiment/experiment-folder.ts');
  const into = path.resolve(out ?? path.join(folder, 'report'));
  const make = async () => {
    const made = makeReport(folder);
    await writeReport(into, made);
    return made;
  };
  // Workers that end write the same report.
  const isShared = out === undefined && isExperiment(folder);
  const report = await (isShared ? withExperimentLock(folder, make) : make());
  if (json) printJson(reportJson(report));
  else printData(await reportText(report));
  for (const reason of report.unreadable) printNews(warningText(`left out: ${reason}`));
  printNews(`written to ${shortPath(into)}: report.html, .md, .csv and .json, and figures/`);
}

/** The tables of results, for a terminal. */
export async function reportText({ title, paper, others, varied }: Report): Promise<string> {
  const { paperTable, settingsTable } = await import('../experiment/report-tables.ts');
  const sections = paper.map((section) => [section.experiment.title, paperTable(section)] as const);
  const own = others.length > 0 ? [['Settings', settingsTable(others, varied)] as const] : [];
  const tables = [...sections, ...own].flatMap(([heading, table]) => [
    '',
    heading,
    '',
    ...plainTable(table),
  ]);
  return [title, ...tables].join('\n');
}

/** Only rows of runs that have begun: what was not run is in the files. */
function plainTable({ heads, rows, right = [], strong }: ReportTable): readonly string[] {
  const columns = heads.map((title, i) => ({
    title,
    ...(right.includes(i) && { align: 'right' as const }),
  }));
  const shown = rows.filter((_, i) => strong?.has(i) ?? true);
  return [
    ...textTable(columns, shown),
    ...(shown.length < rows.length
      ? [`and ${rows.length - shown.length} that have not been run`]
      : []),
  ];
}
