/**
 * A report on the runs in a folder, as plain data: for each experiment of the paper what it prints beside what we got,
 * for other runs their settings. Read only. How it looks is report-sections.ts, report-figures.ts and what renders them.
 */
import path from 'node:path';
import { dataError } from '../core/errors.ts';
import {
  type Comparison,
  compareResults,
  type Order,
  orderResults,
  type PaperResult,
} from './comparison.ts';
import { choiceDeviations, listDeviations } from './deviations.ts';
import { isExperiment, readExperiment } from './experiment-folder.ts';
import {
  type PaperCell,
  type PaperExperiment,
  paperExperiment,
  paperExperimentNames,
} from './paper-experiments.ts';
import { collectRuns } from './run-collection.ts';
import type { RunRecord } from './run-record.ts';
import { groupSettings, paperCellOf, type Setting } from './settings.ts';

/** A cell of the paper, and what of ours belongs there; undefined where nothing was planned. */
export interface PaperRow {
  readonly cell: PaperCell;
  readonly setting: Setting | undefined;
  /** What its configuration chose otherwise than the paper, the number of epochs left out. */
  readonly deviations: readonly string[];
}

/** One of the paper's experiments, with every one of its cells, run or not. */
export interface PaperSection {
  readonly experiment: PaperExperiment;
  readonly rows: readonly PaperRow[];
  readonly comparisons: readonly Comparison[];
  readonly orders: readonly Order[];
}

/** What is known of the runs in a folder. */
export interface Report {
  readonly title: string;
  /** When it was made, ISO 8601. */
  readonly at: string;
  readonly paper: readonly PaperSection[];
  /** Settings that are no cell of the paper; and the keys that a sweep varies. */
  readonly others: readonly Setting[];
  readonly varied: readonly string[];
  readonly deviations: readonly string[];
  readonly records: readonly RunRecord[];
  /** Why folders that look like runs were left out. */
  readonly unreadable: readonly string[];
}

/**
 * Reads every run in `folder`: of its experiment, planned ones too, or of whatever run folders lie in it.
 *
 * Throws a data error where there is none. What is damaged is told in the report.
 * @example (await makeReport('runs/table4')).paper[0]?.orders
 */
export function makeReport(folder: string, now: Date = new Date()): Report {
  const { records, unreadable } = collectRuns(folder);
  if (records.length === 0) {
    const got = unreadable.length > 0 ? `damaged ones: ${unreadable[0]}` : 'none';
    throw dataError({ path: folder, rule: 'must hold runs or an experiment', got });
  }
  const plan = isExperiment(folder) ? readExperiment(folder) : undefined;
  const settings = groupSettings(records);
  const results = settings.flatMap((setting) => paperResult(setting, plan?.experiment));
  const known = new Set(results.map(({ setting }) => setting));
  const paper = paperExperimentNames.flatMap((name) => paperSection(name, results));
  const trained = results.filter(({ setting }) => setting.last !== undefined);
  return {
    title: titleOf(folder, plan?.experiment),
    at: now.toISOString(),
    paper,
    others: settings.filter((setting) => !known.has(setting)),
    varied: plan?.varied ?? [],
    deviations: trained.length === 0 ? [] : listDeviations(trained),
    records,
    unreadable,
  };
}

/**
 * The cell of the paper that a setting is a result for. In an experiment of the paper whatever it chose otherwise; among
 * loose runs only what follows the paper but for the number of epochs; in a sweep nothing, whose question is its own.
 */
function paperResult(setting: Setting, experiment: string | undefined): readonly PaperResult[] {
  const cell = experiment === 'sweep' ? undefined : paperCellOf(setting);
  if (cell === undefined) return [];
  const result = { cell, setting };
  const isLoose = experiment === undefined;
  return isLoose && choiceDeviations(result).length > 0 ? [] : [result];
}

/** All cells of the data sets of which something was planned; one row for each way in which a cell was trained. */
function paperSection(name: string, all: readonly PaperResult[]): readonly PaperSection[] {
  const results = all.filter(({ cell }) => cell.experiment === name);
  if (results.length === 0) return [];
  const experiment = paperExperiment(name);
  const data = new Set(results.map(({ cell }) => cell.data));
  const rows = experiment.cells
    .filter((cell) => data.has(cell.data))
    .flatMap((cell): PaperRow[] => {
      const own = results
        .filter((result) => isSameCell(result.cell, cell))
        .map(({ setting }) => ({ cell, setting, deviations: choiceDeviations({ cell, setting }) }))
        .sort((a, b) => b.setting.epochs - a.setting.epochs);
      return own.length > 0 ? own : [{ cell, setting: undefined, deviations: [] }];
    });
  return [
    { experiment, rows, comparisons: compareResults(results), orders: orderResults(results) },
  ];
}

function isSameCell(a: PaperCell, b: PaperCell): boolean {
  return (
    a.experiment === b.experiment &&
    a.net === b.net &&
    a.depth === b.depth &&
    a.data === b.data &&
    a.group === b.group
  );
}

function titleOf(folder: string, experiment: string | undefined): string {
  const name = path.basename(path.resolve(folder));
  const isPaper = experiment !== undefined && experiment !== 'sweep';
  return isPaper ? paperExperiment(experiment).title : name;
}
