/**
 * What the page is told of runs and reports: plain JSON, the same from `igc ui` and from the files of a static site. The
 * page shares these types.
 */
import path from 'node:path';
import { makeReport } from '../experiment/report.ts';
import { reportSections } from '../experiment/report-sections.ts';
import type { ReportTable } from '../experiment/report-tables.ts';
import { collectRuns } from '../experiment/run-collection.ts';
import type { RunRecord, RunStatus } from '../experiment/run-record.ts';
import { resolveCheckpoint } from '../train/checkpoint.ts';
import type { StepEvent } from '../train/events.ts';
import { networkName } from '../train/network-choice.ts';

/** `api/info.json` */
export interface PageInfo {
  readonly igcnet: string;
  /** Whether runs are watched, and can be started; a static site has those that it was built with. */
  readonly live: boolean;
}

/** A run in `api/runs.json`. */
export interface PageRun {
  /** Its folder below the one that is shown. */
  readonly id: string;
  readonly net: string;
  readonly depth: number;
  readonly dataset: string;
  readonly recipe: string;
  readonly seed: number;
  readonly status: RunStatus;
  /** Epochs done, and epochs wanted. */
  readonly epochs: number;
  readonly epochsWanted: number;
  /** Of the last evaluated epoch, in percent. */
  readonly accuracy: number | null;
  readonly best: { readonly epoch: number; readonly accuracy: number; readonly on: string } | null;
  readonly params: number | null;
  readonly macs: number | null;
  /** Why it diverged or failed. */
  readonly failure: string | null;
  /** Whether there is a network to try. */
  readonly hasModel: boolean;
}

/** A row of metrics as the page draws it; accuracies in percent. */
export interface PageRow {
  readonly epoch: number;
  readonly learningRate: number;
  readonly trainLoss: number;
  readonly trainAccuracy: number;
  readonly testLoss: number | null;
  readonly testAccuracy: number | null;
  readonly validationAccuracy: number | null;
  readonly imagesPerSecond: number;
}

/** Who is taken for whom. */
export interface PageConfusion {
  readonly classes: readonly string[];
  readonly counts: readonly (readonly number[])[];
  readonly images: number;
  readonly top1: number;
  readonly epoch: number;
}

/** `api/runs/<id>.json` */
export interface PageRunDetail extends PageRun {
  readonly rows: readonly PageRow[];
  readonly config: unknown;
  readonly confusion: PageConfusion | null;
}

/** A mistake of a run; `image` is a PNG as a data URL. */
export interface PageMistake {
  readonly image: string;
  readonly truth: string;
  readonly predicted: string;
  readonly probability: number;
  readonly truthProbability: number;
}

/** `api/runs/<id>/mistakes.json` */
export interface PageMistakes {
  readonly confusion: PageConfusion;
  readonly mistakes: readonly PageMistake[];
}

/** `api/report.json`: the tables of the report beside the paper. */
export interface PageReport {
  readonly title: string;
  readonly sections: readonly {
    readonly title: string;
    readonly parts: readonly (
      | { readonly kind: 'text'; readonly text: string }
      | { readonly kind: 'list'; readonly items: readonly string[] }
      | { readonly kind: 'table'; readonly table: ReportTable }
    )[];
  }[];
}

/** What `api/events` sends: the list when it changed, a run whose rows changed, a step of a run started from the page. */
export type PageEvent =
  | { readonly kind: 'runs'; readonly runs: readonly PageRun[] }
  | { readonly kind: 'rows'; readonly id: string; readonly rows: readonly PageRow[] }
  | { readonly kind: 'step'; readonly id: string; readonly step: StepEvent }
  | { readonly kind: 'error'; readonly message: string };

/** The runs below a folder, newest work last; none where there is no such folder. */
export function pageRecords(root: string): readonly RunRecord[] {
  try {
    return collectRuns(root).records;
  } catch {
    return []; // `runs` is made by the first run
  }
}

/** How the page calls a run. */
export function runIdOf(root: string, { folder }: RunRecord): string {
  return path.relative(path.resolve(root), path.resolve(folder)).split(path.sep).join('/') || '.';
}

/** What the list of runs shows of one. */
export function pageRun(root: string, record: RunRecord): PageRun {
  const { config, status, epochs, rows, summary, failure, folder } = record;
  const evaluated = rows.filter(({ testAccuracy }) => testAccuracy !== undefined);
  return {
    id: runIdOf(root, record),
    net: networkName(config),
    depth: config.depth,
    dataset: config.data.name,
    recipe: config.recipe,
    seed: config.seed,
    status,
    epochs,
    epochsWanted: config.epochs,
    accuracy: summary?.testAccuracy ?? evaluated.at(-1)?.testAccuracy ?? null,
    best: bestOf(evaluated),
    params: summary?.paramsPaper ?? null,
    macs: summary?.macs ?? null,
    failure: failure?.message ?? null,
    hasModel: hasNetwork(folder),
  };
}

function bestOf(rows: RunRecord['rows']): PageRun['best'] {
  const on = rows.some((row) => row.validationAccuracy !== undefined) ? 'validation' : 'test';
  let best: PageRun['best'] = null;
  for (const { epoch, testAccuracy, validationAccuracy } of rows) {
    const accuracy = on === 'test' ? testAccuracy : validationAccuracy;
    if (accuracy !== undefined && accuracy > (best?.accuracy ?? -1)) best = { epoch, accuracy, on };
  }
  return best;
}

function hasNetwork(folder: string): boolean {
  try {
    resolveCheckpoint(folder, 'last');
    return true;
  } catch {
    return false;
  }
}

/** A run’s rows of metrics as the page draws them. */
export function pageRows({ rows }: RunRecord): readonly PageRow[] {
  return rows.map((row) => ({
    epoch: row.epoch,
    learningRate: row.learningRate,
    trainLoss: row.trainLoss,
    trainAccuracy: row.trainAccuracy,
    testLoss: row.testLoss ?? null,
    testAccuracy: row.testAccuracy ?? null,
    validationAccuracy: row.validationAccuracy ?? null,
    imagesPerSecond: row.time.imagesPerSecond,
  }));
}

/** A run with its rows, its configuration, and the confusion matrix that `igc eval` left. */
export function pageRunDetail(root: string, record: RunRecord): PageRunDetail {
  const { test } = record.evaluations;
  return {
    ...pageRun(root, record),
    rows: pageRows(record),
    config: record.config,
    confusion: test
      ? {
          classes: test.classes,
          counts: test.confusion,
          images: test.images,
          top1: test.top1,
          epoch: test.epoch,
        }
      : null,
  };
}

/** The report on a folder; null where there is nothing to report. */
export function pageReport(root: string): PageReport | null {
  if (pageRecords(root).length === 0) return null;
  const report = makeReport(root);
  const sections = reportSections(report, []).map(({ title, parts }) => ({
    title,
    parts: parts.filter((part) => part.kind !== 'figure'),
  }));
  return { title: report.title, sections: sections.filter(({ parts }) => parts.length > 0) };
}
