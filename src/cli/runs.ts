/** `igc runs`: lists run folders, compares runs, and clears away what is not needed any more. */
import { rmSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { dataError, usageError } from '../core/errors.ts';
import { textTable } from '../draw/text-table.ts';
import type { RunCollection } from '../experiment/run-collection.ts';
import type { RunRecord } from '../experiment/run-record.ts';
import { sharedOptions } from './options.ts';
import {
  formatPercent,
  printData,
  printJson,
  printNews,
  shortPath,
  warningText,
} from './terminal.ts';

/** Adds `runs list`, `compare` and `clean`. */
export function runsCommand(program: Command): void {
  const runs = program
    .command('runs')
    .description('list, compare and clear away runs')
    .helpCommand(false);
  runs
    .command('list')
    .description('every run in a folder, how far it is and what came of it')
    .argument('[folder]', 'folder of run folders', 'runs')
    .addOption(sharedOptions.json())
    .action(listRuns);
  runs
    .command('compare')
    .description('what runs do otherwise, and what came of it')
    .argument('<runs...>', 'two or more run folders')
    .addOption(sharedOptions.json())
    .action(compareRuns);
  runs
    .command('clean')
    .description('say what could be removed; with --yes remove it')
    .argument('[folder]', 'folder of run folders', 'runs')
    .option('--failed', 'whole folders of runs that diverged, or have no checkpoint to go on from')
    .option(
      '--checkpoints',
      'of finished runs all but the last epoch’s network (they cannot go on)',
    )
    .option('--yes', 'remove it')
    .action(cleanRuns);
}

interface JsonFlag {
  readonly json?: boolean;
}

/** The runs in a folder; what cannot be read is said at once, and gives the exit code of damaged data at the end. */
async function readRuns(folder: string): Promise<RunCollection> {
  const { collectRuns } = await import('../experiment/run-collection.ts');
  const collection = collectRuns(folder);
  for (const reason of damageOf(collection)) printNews(warningText(reason));
  return collection;
}

function damageOf({ records, unreadable }: RunCollection): readonly string[] {
  const damaged = records.filter(({ status }) => status === 'damaged');
  return [...unreadable, ...damaged.map(({ failure }) => failure!.message)];
}

function throwIfDamaged(folder: string, collection: RunCollection): void {
  const { length } = damageOf(collection);
  if (length === 0) return;
  const got = `${length} with damaged files, named above`;
  throw dataError({ path: folder, rule: 'must hold runs that can be read', got });
}

async function listRuns(folder: string, { json }: JsonFlag): Promise<void> {
  const collection = await readRuns(folder);
  const { records } = collection;
  if (json) printJson(records.map(({ rows: _, evaluations: __, ...record }) => record));
  else if (records.length === 0) printData(`no runs in ${folder}`);
  else printData(await listText(folder, records));
  throwIfDamaged(folder, collection);
}

async function listText(folder: string, records: readonly RunRecord[]): Promise<string> {
  const { networkName } = await import('../train/network-choice.ts');
  const rows = records.map(({ folder: run, config, status, epochs, summary }) => [
    path.relative(folder, run) || run,
    `${networkName(config)} D=${config.depth}`,
    config.data.name,
    `${epochs}/${config.epochs}`,
    `${config.seed}`,
    status,
    summary ? formatPercent(summary.testAccuracy) : '',
    summary?.finishedAt.slice(0, 16).replace('T', ' ') ?? '',
  ]);
  const heads = [
    'run',
    'network',
    'data',
    'epochs',
    'seed',
    'state',
    'test accuracy',
    'finished (UTC)',
  ];
  const columns = heads.map((title, i) => ({
    title,
    ...((i === 3 || i === 4 || i === 6) && { align: 'right' as const }),
  }));
  return textTable(columns, rows).join('\n');
}

async function compareRuns(folders: readonly string[], { json }: JsonFlag): Promise<void> {
  if (folders.length < 2) {
    throw usageError({ path: 'igc runs compare', rule: 'needs two runs or more', got: '1' });
  }
  const { readRunRecord } = await import('../experiment/run-record.ts');
  const { differingValues, valueAt, valueText } = await import('../core/nested-values.ts');
  const { decisiveChoices } = await import('../train/run-folder.ts');
  const records = folders.map(readRunRecord);
  throwIfDamaged(folders.join(', '), { records, unreadable: [] });
  const [first, ...others] = records.map(({ config }) => ({
    ...decisiveChoices(config),
    epochs: config.epochs,
  }));
  const keys = new Set(
    others.flatMap((other) => [...differingValues(first, other)].map(([key]) => key)),
  );
  const choices = [...keys].map((key) => ({
    key,
    values: records.map(({ config }) => valueAt(config, key) ?? null),
  }));
  const results = resultsOf(records);
  if (json) return printJson({ runs: folders, choices, results });
  const columns = [
    { title: '' },
    ...folders.map((folder) => ({ title: path.basename(path.resolve(folder)) })),
  ];
  const rows = [
    ...choices.map(({ key, values }) => [key, ...values.map(valueText)]),
    ...results.map(({ key, values }) => [key, ...values.map((value) => value ?? '–')]),
  ];
  printData(textTable(columns, rows).join('\n'));
}

function resultsOf(records: readonly RunRecord[]) {
  const percent = (value: number | undefined) =>
    value === undefined ? null : formatPercent(value);
  const last = ({ rows }: RunRecord) => rows.at(-1);
  const rows = {
    state: records.map(({ status }) => status),
    'epochs done': records.map(({ epochs }) => `${epochs}`),
    'train loss': records.map((record) => last(record)?.trainLoss.toFixed(4) ?? null),
    'validation accuracy, last': records.map((record) => percent(last(record)?.validationAccuracy)),
    'test accuracy, last': records.map((record) => percent(last(record)?.testAccuracy)),
    'test accuracy, best epoch': records.map(({ summary }) => percent(summary?.bestTestAccuracy)),
    parameters: records.map(({ summary }) => summary?.params.toLocaleString('en-US') ?? null),
    'images/s': records.map(({ summary }) =>
      summary ? `${Math.round(summary.imagesPerSecond)}` : null,
    ),
  };
  return Object.entries(rows)
    .map(([key, values]) => ({ key, values }))
    .filter(({ values }) => values.some((value) => value !== null));
}

interface CleanFlags {
  readonly failed?: boolean;
  readonly checkpoints?: boolean;
  readonly yes?: boolean;
}

async function cleanRuns(folder: string, { failed, checkpoints, yes }: CleanFlags): Promise<void> {
  if (!failed && !checkpoints) {
    const hint = 'give --failed, --checkpoints or both';
    throw usageError({ path: 'igc runs clean', rule: 'must be told what to remove', hint });
  }
  const { removable } = await import('../experiment/removable.ts');
  const { isLocked } = await import('../train/run-lock.ts');
  const collection = await readRuns(folder);
  const found = removable(collection.records, { failed, checkpoints });
  if (found.length === 0) printData('nothing to remove');
  for (const { path: place, why, run } of found) {
    if (yes && isLocked(run)) continue; // begun again just now
    if (yes) rmSync(place, { recursive: true, force: true });
    printData(`${yes ? 'removed' : 'would remove'} ${shortPath(path.resolve(place))} (${why})`);
  }
  if (found.length > 0 && !yes) printNews('nothing was removed; --yes removes it');
  throwIfDamaged(folder, collection);
}
