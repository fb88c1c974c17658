/** Runs that differ in their seed alone are one setting, whose results have a mean and a deviation. */
import type { RunConfig } from '../train/config.ts';
import type { RunSummary } from '../train/events.ts';
import { networkName } from '../train/network-choice.ts';
import { decisiveChoices } from '../train/run-folder.ts';
import { type PaperCell, paperExperiment, paperExperimentNames } from './paper-experiments.ts';
import type { RunRecord, RunStatus } from './run-record.ts';
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
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [record]);
    // A run that lies in two folders counts once.
    else if (!group.some(({ id }) => id === record.id)) group.push(record);
  }
  return [...groups.values()].map(makeSetting);
}

/** Equal for runs that differ in nothing but their seed. */
export function settingKey(config: RunConfig): string {
  const { seed: _, ...choices } = decisiveChoices(config);
  return JSON.stringify([choices, config.epochs]);
}

/** How many of a setting's runs are where, but for the finished ones: `1 diverged, 2 unfinished`. */
export function unfinishedText({ records }: Setting): string {
  const states: readonly RunStatus[] = ['diverged', 'failed', 'running', 'unfinished', 'not run'];
  return states
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
    const found = finished.flatMap(({ evaluations }) => evaluations[split]?.[which] ?? []);
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
