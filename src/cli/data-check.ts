/** `igc data check`: opens a data set as training would, looks at every image and reports what is in it. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Command, Option } from 'commander';
import { dataError, usageError } from '../core/errors.ts';
import type { DatasetReport } from '../data/check.ts';
import type { Dataset } from '../data/dataset.ts';
import { formatCount, textTable } from '../draw/text-table.ts';
import type { RunConfig } from '../train/config.ts';
import { addConfigFlags, sharedOptions } from './options.ts';
import { printData, printJson, printNews, shortPath } from './terminal.ts';

interface CheckFlags {
  readonly json?: boolean;
  readonly sheet?: string;
}

/** Adds `check` to `data`. */
export function addDataCheck(data: Command): void {
  const command = data
    .command('check')
    .description('read a data set, count its images, and find what should not be there')
    .argument('[data]', 'a name, or the path of a folder or a packed file')
    .addOption(new Option('--sheet <file>', 'some images of every class as a .png or .svg picture'))
    .addOption(sharedOptions.config())
    .addOption(sharedOptions.set())
    .addOption(sharedOptions.json())
    .action((name: string | undefined, flags: CheckFlags) => runCheck(command, name, flags));
  addConfigFlags(command, ['data', 'seed']);
}

async function runCheck(
  command: Command,
  name: string | undefined,
  { json = false, sheet }: CheckFlags,
): Promise<void> {
  if (sheet !== undefined && !/\.(png|svg)$/i.test(sheet)) {
    throw usageError({ path: '--sheet', rule: 'must end in .png or .svg', got: `"${sheet}"` });
  }
  const { withConfig } = await import('./run-config.ts');
  const { datasetRequest } = await import('../train/config.ts');
  const { openDataset } = await import('../data/open-dataset.ts');
  const { verifyPack } = await import('../data/pack/read-pack.ts');
  const { checkDataset } = await import('../data/check.ts');
  const open = async (config: RunConfig) => {
    if (config.data.name === 'packed') await verifyPack(config.data.dir!);
    const isFolder = config.data.name === 'folder';
    const request = datasetRequest(config);
    const opened = await openDataset({ ...request, skipBad: isFolder || request.skipBad });
    return { opened, isStrict: isFolder && !config.data.skipBad };
  };
  const { opened, isStrict } = await withConfig(command, open, name);
  const checked = await checkDataset(opened);
  // Left out to be told all together.
  const report = isStrict ? { ...checked, skipped: [], undecodable: checked.skipped } : checked;
  if (json) printJson(report);
  else printData(reportText(report));
  const [broken] = report.undecodable;
  if (sheet !== undefined && broken === undefined) await writeSheet(opened, sheet);
  if (broken !== undefined) {
    throw dataError({
      path: report.name,
      rule: 'every image must be decodable',
      got: `${report.undecodable.length} that are not`,
      hint: `the first is ${broken}`,
    });
  }
}

async function writeSheet(dataset: Dataset, file: string): Promise<void> {
  const { sheetPng, sheetRows, tilePng } = await import('../data/contact-sheet.ts');
  const { contactSheetSvg } = await import('../draw/contact-sheet.ts');
  const rows = await sheetRows(dataset);
  const pictures = () => rows.map(({ name, tiles }) => ({ name, pngs: tiles.map(tilePng) }));
  const isSvg = /\.svg$/i.test(file);
  writeFileSync(file, isSvg ? contactSheetSvg(dataset.name, pictures()) : sheetPng(rows));
  printNews(`written to ${shortPath(path.resolve(file))}`);
}

function reportText(report: DatasetReport): string {
  const { name, classes, channels, height, width, splits, statistics, skipped } = report;
  const four = (values: readonly number[]) => values.map((value) => value.toFixed(4)).join(', ');
  const { mean, std } = statistics;
  const table = textTable(
    [{ title: 'class' }, ...splits.map(({ split }) => ({ title: split, align: 'right' as const }))],
    [
      ...classes.map((label, i) => [label, ...splits.map((s) => formatCount(s.perClass[i]!))]),
      ['in all', ...splits.map((s) => formatCount(s.count))],
    ],
  );
  const listed = (what: string, reasons: readonly string[]) =>
    reasons.length === 0
      ? []
      : [
          `${formatCount(reasons.length)} ${reasons.length === 1 ? 'file' : 'files'} ${what}:`,
          ...reasons.map((reason) => `  ${reason}`),
        ];
  return [
    `${name}: ${channels}×${height}×${width} images, ${classes.length} classes`,
    ...(mean.length > 0
      ? [`mean ${four(mean)}; standard deviation ${four(std)} (training images, full intensity 1)`]
      : []),
    ...splits.flatMap(({ split, sizes }) =>
      sizes
        ? [`${split} has files of ${sizes.smallest.join('×')} to ${sizes.largest.join('×')}`]
        : [],
    ),
    '',
    ...table,
    '',
    ...findings(report),
    ...listed('skipped', skipped),
    ...listed('not decodable', report.undecodable),
  ].join('\n');
}

function findings({ duplicates, splits }: DatasetReport): readonly string[] {
  const { withinTrain, testInTrain, validationInTrain = 0 } = duplicates;
  const images = (n: number, what: string) =>
    `${formatCount(n)} ${n === 1 ? 'image' : 'images'} ${what}`;
  const found = [
    ...(withinTrain > 0 ? [images(withinTrain, 'of train repeat another')] : []),
    ...(testInTrain > 0 ? [images(testInTrain, 'of test are in train, too')] : []),
    ...(validationInTrain > 0
      ? [images(validationInTrain, 'of validation are in train, too')]
      : []),
    ...splits.flatMap(({ split, perClass }) => {
      const empty = perClass.filter((count) => count === 0).length;
      return empty > 0 ? [`${empty} classes have no image in ${split}`] : [];
    }),
  ];
  return found.length > 0 ? found : ['no duplicates, no empty classes'];
}
