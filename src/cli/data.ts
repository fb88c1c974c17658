/** `igc data check`: opens a data set as training would and reports what is in it. */
import type { Command } from 'commander';
import type { DatasetReport } from '../data/check.ts';
import { formatCount, textTable } from '../draw/text-table.ts';
import type { RunConfig } from '../train/config.ts';
import { addConfigFlags, sharedOptions } from './options.ts';
import { printData, printJson } from './terminal.ts';

/** Adds `data` with its command `check`. */
export function dataCommand(program: Command): void {
  const data = program.command('data').description('look at data sets').helpCommand(false);
  const command = data
    .command('check')
    .description('read a data set, count its images, and find what should not be there')
    .argument('[data]', 'the same as --data')
    .addOption(sharedOptions.config())
    .addOption(sharedOptions.set())
    .addOption(sharedOptions.json())
    .action((name: string | undefined, flags: { readonly json?: boolean }) =>
      runCheck(command, name, flags.json ?? false),
    );
  addConfigFlags(command, ['data', 'seed']);
}

async function runCheck(command: Command, name: string | undefined, json: boolean): Promise<void> {
  const { withConfig } = await import('./run-config.ts');
  const { datasetRequest } = await import('../train/config.ts');
  const { openDataset } = await import('../data/open-dataset.ts');
  const { checkDataset } = await import('../data/check.ts');
  const open = async (config: RunConfig) => openDataset(datasetRequest(config));
  const report = await checkDataset(await withConfig(command, open, name));
  if (json) printJson(report);
  else printData(reportText(report));
}

function reportText(report: DatasetReport): string {
  const { name, classes, channels, height, width, splits, statistics, skipped } = report;
  const { mean, std } = statistics;
  const three = (values: readonly number[]) => values.map((value) => value.toFixed(3)).join(', ');
  const table = textTable(
    [{ title: 'class' }, ...splits.map(({ split }) => ({ title: split, align: 'right' as const }))],
    [
      ...classes.map((label, i) => [label, ...splits.map((s) => formatCount(s.perClass[i]!))]),
      ['in all', ...splits.map((s) => formatCount(s.count))],
    ],
  );
  return [
    `${name}: ${channels}×${height}×${width} images, ${classes.length} classes`,
    `mean ${three(mean)}; standard deviation ${three(std)} (training images, full intensity 1)`,
    '',
    ...table,
    '',
    ...findings(report),
    ...(skipped.length > 0
      ? [`${formatCount(skipped.length)} ${skipped.length === 1 ? 'file' : 'files'} skipped:`]
      : []),
    ...skipped.map((reason) => `  ${reason}`),
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
