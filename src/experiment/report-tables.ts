/** The tables of a report: the paper's figures beside ours, tests, settings, runs. Cells are text. */
import { valueAt, valueText } from '../core/nested-values.ts';
import type { Comparison } from './comparison.ts';
import type { PaperRow, PaperSection } from './report.ts';
import type { RunRecord } from './run-record.ts';
import { choicesText, epochsText, type Setting, unfinishedText } from './settings.ts';
import type { Sample } from './statistics.ts';

/** A table; cells are plain text. */
export interface ReportTable {
  readonly heads: readonly string[];
  /** Of each column; default left. */
  readonly right?: readonly number[];
  readonly rows: readonly (readonly string[])[];
  /** Rows of runs of ours that have at least begun, to be seen at a glance. */
  readonly strong?: ReadonlySet<number>;
}

const none = '–';

/** One row for each way in which a cell was trained; ways that differ in more than their epochs say so. */
export function paperTable({ experiment, rows }: PaperSection): ReportTable {
  const isError = experiment.shows === 'error';
  const hasGroups = rows.some(({ cell }) => cell.group !== undefined);
  const hasChoices = rows.some(({ deviations }) => deviations.length > 0);
  const what = isError ? 'error' : 'accuracy';
  const heads = ['data', ...(hasGroups ? ['case'] : []), 'D', 'network', `paper, ${what}`];
  const ours = [
    `ours, ${what}`,
    'difference',
    ...resultHeads,
    ...(hasChoices ? ['otherwise'] : []),
  ];
  const shown = (percent: number) => (isError ? 100 - percent : percent);
  return {
    heads: [...heads, ...ours],
    right: [0, 1, 2, 4].map((i) => heads.length + i),
    strong: begunRows(rows.map(({ setting }) => setting)),
    rows: rows.map(({ cell, setting, deviations }) => {
      const { data, group = '', depth, net, printed } = cell;
      const place = [dataName(data), ...(hasGroups ? [group] : []), `${depth}`, net];
      const paper =
        printed === null ? 'plotted' : meanText({ ...printed, accuracy: shown(printed.accuracy) });
      const last = setting?.last;
      const difference =
        last && printed ? signed(shown(last.mean) - shown(printed.accuracy)) : none;
      return [
        ...place,
        paper,
        resultText(setting, shown),
        last ? difference : '',
        ...(setting ? resultCells(setting, shown) : resultHeads.map(() => '')),
        ...(hasChoices ? [deviations.join('; ')] : []),
      ];
    }),
  };
}

/** The mean and deviation; or why there is none. */
function resultText(setting: Setting | undefined, shown = (percent: number) => percent): string {
  if (setting?.last) return sampleText({ ...setting.last, mean: shown(setting.last.mean) });
  return setting && hasBegun(setting) ? 'no result' : 'not run';
}

const resultHeads = ['n', 'seeds', 'epochs', 'best epoch', 'other runs'];

function resultCells(setting: Setting, shown = (percent: number) => percent): readonly string[] {
  const { last, best, seeds, bestChosenOn } = setting;
  const on = bestChosenOn === 'validation' ? ' (validation)' : '';
  return [
    last ? `${last.n}` : '0',
    seeds.join(', '),
    epochsText(setting),
    best ? sampleText({ ...best, mean: shown(best.mean) }) + on : '',
    unfinishedText(setting),
  ];
}

/** Table 6: top-1 and top-5 errors of training and testing. */
export function imagenetTable(rows: readonly PaperRow[]): ReportTable {
  const error = (percent: number | undefined) =>
    percent === undefined ? none : two(100 - percent);
  const sample = (of: Sample | undefined) =>
    of === undefined ? none : sampleText({ ...of, mean: 100 - of.mean });
  const kinds = ['training top-1', 'training top-5', 'testing top-1', 'testing top-5'];
  const pairs = kinds.flatMap((kind) => [`${kind}, paper`, 'ours']);
  return {
    heads: ['network', ...pairs, 'difference, testing top-1', ...resultHeads],
    right: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12],
    strong: begunRows(rows.map(({ setting }) => setting)),
    rows: rows.map(({ cell, setting }) => {
      const { printed, row } = cell;
      const { training, top5, last } = setting ?? {};
      const none5 = last === undefined ? resultText(setting) : undefined;
      return [
        ...[row, error(printed?.training?.top1), none5 ?? sample(training?.top1)],
        ...[error(printed?.training?.top5), none5 ?? sample(training?.top5)],
        ...[error(printed?.accuracy), none5 ?? sample(last)],
        ...[error(printed?.top5), none5 ?? sample(top5)],
        last && printed ? signed(printed.accuracy - last.mean) : '',
        ...(setting ? resultCells(setting, (percent) => 100 - percent) : resultHeads.map(() => '')),
      ];
    }),
  };
}

export function comparisonTable(comparisons: readonly Comparison[]): ReportTable {
  const p = (value: number) => (value < 0.0001 ? '< 0.0001' : value.toFixed(4));
  return {
    heads: [
      'data',
      'D',
      'epochs',
      'better?',
      'than',
      'difference',
      'n',
      't',
      'df',
      'p',
      'paper’s difference',
      'paper’s p',
    ],
    right: [1, 2, 5, 7, 8, 9, 10, 11],
    rows: comparisons.map(({ data, depth, epochs, igc, regular, ...found }) => {
      const { difference, test, printed, igcRuns, regularRuns } = found;
      const enough = igcRuns >= 2 && regularRuns >= 2;
      return [
        ...[dataName(data), `${depth}`, `${epochs}`, igc, regular, signed(difference)],
        `${igcRuns} and ${regularRuns}`,
        ...(test
          ? [test.t.toFixed(2).replace('-', '−'), test.degreesOfFreedom.toFixed(1), p(test.p)]
          : ['', '', enough ? 'no deviation' : 'n too small']),
        printed ? signed(printed.difference) : none,
        printed?.p === undefined ? none : p(printed.p),
      ];
    }),
  };
}

/**
 * By validation accuracy, the best first, where images were held out; else as they come. The keys that a sweep varied have
 * columns; without one, a column has what tells settings of one network apart.
 */
export function settingsTable(all: readonly Setting[], varied: readonly string[]): ReportTable {
  const hasValidation = all.some(({ validation }) => validation !== undefined);
  const mean = ({ validation }: Setting) => validation?.mean ?? Number.NEGATIVE_INFINITY;
  const settings = hasValidation ? [...all].sort((a, b) => mean(b) - mean(a)) : all;
  const own = varied.filter(
    (key) => !['net', 'depth', 'data.name', 'epochs', 'seed'].includes(key),
  );
  const choices = settings.map((setting) => choicesText(setting, all));
  const hasChoices = varied.length === 0 && choices.some((text) => text !== '');
  const heads = [
    ...['network', 'D', 'data', ...own],
    ...(hasChoices ? ['choices'] : []),
    ...(hasValidation ? ['validation'] : []),
    'test accuracy',
  ];
  return {
    heads: [...heads, ...resultHeads],
    right: [1, heads.length - 1, heads.length, heads.length + 2],
    strong: begunRows(settings),
    rows: settings.map((setting, i) => {
      const { net, depth, data, validation, config } = setting;
      return [
        ...[net, `${depth}`, dataName(data)],
        ...own.map((key) => plainText(valueAt(config, key))),
        ...(hasChoices ? [choices[i]!] : []),
        ...(hasValidation ? [validation ? sampleText(validation) : none] : []),
        resultText(setting),
        ...resultCells(setting),
      ];
    }),
  };
}

export function runTable(records: readonly RunRecord[]): ReportTable {
  return {
    heads: [
      'id',
      'run',
      'state',
      'epochs',
      'last epoch',
      'best epoch',
      'images/s',
      'machine',
      'kernels',
      'commit',
    ],
    right: [3, 4, 5, 6],
    rows: records.map((record) => {
      const { id, folder, config, status, epochs, summary, failure, environment } = record;
      const { git, cpu, kernels } = environment ?? {};
      const name = folder.split(/[/\\]/).at(-1)!;
      return [
        ...[id, name],
        failure ? `${status}: ${failure.message}` : status,
        `${epochs} of ${config.epochs}`,
        summary ? two(summary.testAccuracy) : '',
        summary ? `${two(summary.bestTestAccuracy)} (epoch ${summary.bestEpoch})` : '',
        summary ? `${Math.round(summary.imagesPerSecond)}` : '',
        cpu ? `${cpu.model}, ${kernels?.threads} threads` : '',
        kernels?.name ?? '',
        git ? git.commit.slice(0, 9) + (git.dirty ? ', changed' : '') : '',
      ];
    }),
  };
}

/** `91.20 ± 0.31`, or the mean alone of one run. */
export function sampleText({ mean, deviation }: Pick<Sample, 'mean' | 'deviation'>): string {
  return deviation === null ? two(mean) : `${two(mean)} ± ${two(deviation)}`;
}

/** What data sets are called in print. */
export function dataName(data: string): string {
  const names: Readonly<Record<string, string>> = {
    cifar10: 'CIFAR-10',
    cifar100: 'CIFAR-100',
    svhn: 'SVHN',
    imagenet: 'ImageNet',
    mnist: 'MNIST',
    'fashion-mnist': 'Fashion-MNIST',
  };
  return names[data] ?? data;
}

function meanText({
  accuracy,
  deviation,
}: {
  readonly accuracy: number;
  readonly deviation?: number;
}): string {
  return sampleText({ mean: accuracy, deviation: deviation ?? null });
}

export function two(value: number): string {
  return value.toFixed(2);
}

function signed(value: number): string {
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)}`;
}

function plainText(value: unknown): string {
  return value === undefined ? none : valueText(value);
}

function begunRows(settings: readonly (Setting | undefined)[]): ReadonlySet<number> {
  return new Set(settings.flatMap((setting, i) => (setting && hasBegun(setting) ? [i] : [])));
}

function hasBegun({ records }: Setting): boolean {
  return records.some(({ status }) => status !== 'not run');
}
