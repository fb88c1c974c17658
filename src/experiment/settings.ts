/** Runs that differ in their seed alone are one setting, whose results have a mean and a deviation. */
import { differingValues, valueAt, valueText } from '../core/nested-values.ts';
import type { RunConfig } from '../train/config.ts';
import type { RunSummary } from '../train/events.ts';
import { networkName } from '../train/network-choice.ts';
import { decisiveChoices } from '../train/run-folder.ts';
import { type PaperCell, paperExperiment, paperExperimentNames } from './paper-experiments.ts';
import { dataPlace } from './run-plan.ts';
import { lastEvaluation, type RunRecord, type RunStatus } from './run-record.ts';
import { type Sample, sampleOf } from './statistics.ts';

/** One network, trained in one way, with several seeds. */
export interface Setting {
  readonly net: string;
  readonly depth: number;
  readonly data: string;
  readonly epochs: number;
  /** Of its first run. */
  readonly config: RunConfig;
  readonly records: readonly RunRecord[];
  /** Seeds of the finished runs. */
  readonly seeds: readonly number[];
  /** Test accuracy in percent: after the last epoch, which is the result, and of the best one. */
  readonly last: Sample | undefined;
  readonly best: Sample | undefined;
  /** What the best epoch was chosen on. */
  readonly bestChosenOn: RunSummary['bestChosenOn'];
  /** Validation accuracy after the last epoch, where images were held out. */
  readonly validation: Sample | undefined;
  /** By kept evaluations, where all finished runs have them. */
  readonly top5: Sample | undefined;
  readonly training: { readonly top1: Sample; readonly top5: Sample } | undefined;
  /** By the paper's convention; undefined before a run has finished. */
  readonly cost: { readonly params: number; readonly macs: number } | undefined;
}

/** Groups records into settings, in the order of their first runs. */
export function groupSettings(records: readonly RunRecord[]): readonly Setting[] {
  const groups = new Map<string, RunRecord[]>();
  for (const record of records) {
    const key = settingKey(record.config);
    const group = groups.get(key) ?? [];
    groups.set(key, group);
    const twin = group.findIndex(({ id }) => id === record.id);
    if (twin < 0) group.push(record);
    // A run that lies in two folders counts once: the one that came further.
    else if (isFurther(record, group[twin]!)) group[twin] = record;
  }
  return [...groups.values()].map(makeSetting);
}

function isFurther(a: RunRecord, b: RunRecord): boolean {
  const rank = ({ status }: RunRecord) => states.length - states.indexOf(status);
  return rank(a) > rank(b) || (rank(a) === rank(b) && a.epochs > b.epochs);
}

/** From the best to the worst. */
const states: readonly RunStatus[] = [
  'finished',
  'running',
  'diverged',
  'unfinished',
  'failed',
  'damaged',
  'not run',
];

/** Equal for runs that differ in nothing but their seed. */
export function settingKey(config: RunConfig): string {
  const { seed: _, ...choices } = decisiveChoices(config);
  return JSON.stringify([choices, config.epochs, dataPlace(config)]);
}

/** What tells a setting from the others of its network, depth and data: `learningRate 0.05, smoothing 0.1`. */
export function choicesText(setting: Setting, all: readonly Setting[]): string {
  const { net, depth, data, config } = setting;
  const alike = all.filter(
    (other) => other.net === net && other.depth === depth && other.data === data,
  );
  const choices = ({ config: of }: Setting) => ({ recipe: of.recipe, ...decisiveChoices(of) });
  const keys = new Set(
    alike
      .flatMap((other) => [...differingValues(choices(setting), choices(other))])
      .map(([key]) => key)
      .filter((key) => key !== 'seed'),
  );
  const values = [...keys]
    .sort()
    .map((key) => `${key.split('.').at(-1)} ${valueText(valueAt(config, key))}`);
  const places = new Set(alike.map((other) => dataPlace(other.config)));
  return [...values, ...(places.size > 1 ? [dataPlace(config).trim()] : [])].join(', ');
}

/** The epochs that a setting's results have: `400`, or what early stopping made of it: `12–15 of 400`. */
export function epochsText({ epochs, records }: Setting): string {
  const done = records.flatMap(({ summary }) => summary?.epochs ?? []);
  const [low, high] = [Math.min(...done), Math.max(...done)];
  if (done.length === 0 || (low === epochs && high === epochs)) return `${epochs}`;
  return `${low === high ? low : `${low}–${high}`} of ${epochs}`;
}

/** How many of a setting's runs are where, but for the finished ones: `1 diverged, 2 unfinished`. */
export function unfinishedText({ records }: Setting): string {
  return states
    .filter((state) => state !== 'finished')
    .flatMap((state) => {
      const some = records.filter(({ status }) => status === state);
      if (some.length === 0) return [];
      const isUnderWay = state === 'running' || state === 'unfinished';
      const at = isUnderWay ? ` (epoch ${some.map(({ epochs }) => epochs).join(', ')})` : '';
      return [`${some.length} ${state}${at}`];
    })
    .join(', ');
}

/** The cell of the paper that a setting belongs to, however it was trained; undefined for a network of its own. */
export function paperCellOf({
  net,
  depth,
  data,
  config,
}: Pick<Setting, 'net' | 'depth' | 'data' | 'config'>): PaperCell | undefined {
  const hasVariant = Object.keys(config.variant).length > 0;
  if (hasVariant) return undefined;
  const { family, double } = config;
  return allCells().find((cell) => {
    const { family: wantedFamily = 'cifar', double: wantedDouble } = cell.choices;
    return (
      cell.net === net &&
      cell.depth === depth &&
      cell.data === data &&
      wantedFamily === family &&
      (wantedDouble ?? 'M') === (double ?? 'M')
    );
  });
}

function allCells(): readonly PaperCell[] {
  return paperExperimentNames.flatMap((name) => paperExperiment(name).cells);
}

function makeSetting(records: readonly RunRecord[]): Setting {
  const { config } = records[0]!;
  const finished = records.flatMap((record) =>
    record.summary === undefined ? [] : [{ ...record, summary: record.summary }],
  );
  const summaries = finished.map(({ summary }) => summary);
  const values = (of: (summary: RunSummary) => number | undefined) =>
    sampleOf(summaries.map(of).filter((value) => value !== undefined));
  const kept = (split: 'test' | 'train', which: 'top1' | 'topK') => {
    const found = finished.flatMap((record) => {
      const evaluation = lastEvaluation(record, split);
      return evaluation && (which === 'top1' || evaluation.k === 5) ? evaluation[which] : [];
    });
    return found.length === finished.length ? sampleOf(found) : undefined;
  };
  const training = { top1: kept('train', 'top1'), top5: kept('train', 'topK') };
  const [first] = summaries;
  return {
    net: networkName(config),
    depth: config.depth,
    data: config.data.name,
    epochs: config.epochs,
    config,
    records,
    seeds: summaries.map(({ seed }) => seed),
    last: values(({ testAccuracy }) => testAccuracy),
    best: values(({ bestTestAccuracy }) => bestTestAccuracy),
    bestChosenOn: first?.bestChosenOn ?? 'test',
    validation: values(({ validationAccuracy }) => validationAccuracy),
    top5: kept('test', 'topK'),
    training:
      training.top1 && training.top5 ? { top1: training.top1, top5: training.top5 } : undefined,
    cost: first && { params: first.paramsPaper, macs: first.macs },
  };
}
