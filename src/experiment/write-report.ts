/** A report as files: report.md, report.html, report.csv (a row a run), report.json, and figures/ with every picture. */
import path from 'node:path';
import { makeFolder, replaceFile } from '../core/durable-files.ts';
import { jsonText } from '../core/json-file.ts';
import { csvText } from '../draw/csv.ts';
import { networkName } from '../train/network-choice.ts';
import type { Report } from './report.ts';
import { reportHtml } from './report-html.ts';
import { reportMarkdown } from './report-markdown.ts';
import { reportSections } from './report-sections.ts';
import { paperCellOf, type Setting } from './settings.ts';

/** Writes a report into a folder, which is made, and gives the names of its files. Throws a failure that says why not. */
export async function writeReport(folder: string, report: Report): Promise<readonly string[]> {
  const { reportFigures } = await import('./report-figures.ts'); // loads what draws charts
  const figures = reportFigures(report);
  const sections = reportSections(report, figures);
  const files = [
    ['report.md', reportMarkdown(report, sections, 'figures')],
    ['report.html', reportHtml(report, sections)],
    ['report.csv', reportCsv(report)],
    ['report.json', jsonText(reportJson(report))],
    ...figures.map(({ name, svg }) => [`figures/${name}.svg`, svg] as const),
  ] as const;
  makeFolder(path.join(folder, 'figures'));
  for (const [name, text] of files) replaceFile(path.join(folder, name), text);
  return files.map(([name]) => name);
}

/** A report without the places on this machine, and a run's rows as they are. */
export function reportJson(report: Report): object {
  const { paper, others, records, ...rest } = report;
  return {
    ...rest,
    paper: paper.map(({ experiment, rows, comparisons, orders }) => ({
      experiment: experiment.name,
      title: experiment.title,
      comparisons,
      orders,
      cells: rows.map(({ cell, setting, deviations }) => ({
        ...{ data: cell.data, net: cell.net, depth: cell.depth, printed: cell.printed },
        ...(cell.group !== undefined && { case: cell.group }),
        ours: setting === undefined ? null : { ...settingJson(setting), deviations },
      })),
    })),
    others: others.map(settingJson),
    runs: records.map(({ folder, config, failure, ...record }) => ({
      name: path.basename(folder),
      ...record,
      config: { ...config, output: undefined, data: { ...config.data, dir: undefined } },
      ...(failure && { failure }),
    })),
  };
}

function settingJson({ records, config: _, ...setting }: Setting): object {
  return { ...setting, runs: records.map(({ id, status }) => ({ id, status })) };
}

function reportCsv({ records }: Report): string {
  const heads = [
    'id',
    'run',
    'experiment',
    'data',
    'net',
    'depth',
    'epochs',
    'seed',
    'state',
    'epochsDone',
  ];
  const figures = [
    'testAccuracy',
    'testLoss',
    'bestTestAccuracy',
    'bestEpoch',
    'bestChosenOn',
  ] as const;
  const costs = ['validationAccuracy', 'paramsPaper', 'macs', 'imagesPerSecond', 'wallMs'] as const;
  const rows = records.map((record) => {
    const { id, folder, config, status, epochs, summary } = record;
    const place = { net: networkName(config), depth: config.depth, data: config.data.name, config };
    const experiment = paperCellOf(place)?.experiment ?? '';
    return [
      ...[id, path.basename(folder), experiment, place.data, place.net, place.depth, config.epochs],
      ...[config.seed, status, epochs],
      ...[...figures, ...costs].map((key) => summary?.[key] ?? ''),
    ].map(String);
  });
  return csvText([[...heads, ...figures, ...costs], ...rows]);
}
