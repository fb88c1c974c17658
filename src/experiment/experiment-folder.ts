/**
 * The folder of an experiment: experiment.json, which lists its runs, and runs/<name>/ for each of them. Asking for more
 * runs adds them; nothing is taken out.
 */
import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import { makeFolder, replaceFile } from '../core/durable-files.ts';
import { complain, dataError, IgcError, usageError } from '../core/errors.ts';
import { jsonText, readJsonFile } from '../core/json-file.ts';
import { holderText, type LockHolder } from '../core/lock-holder.ts';
import { releaseProcessLock, takeProcessLock } from '../core/process-lock.ts';
import { parseConfig } from '../train/config.ts';
import { readFailure, writeFailure } from '../train/failure-file.ts';
import { paperExperimentNames } from './paper-experiments.ts';
import { type PlannedRun, type RunPlan, uniqueRuns } from './run-plan.ts';
import { plannedRecord, type RunRecord } from './run-record.ts';

const formatVersion = 1;

const planSchema = v.object({
  formatVersion: v.number(),
  experiment: v.picklist(
    [...paperExperimentNames, 'sweep'],
    `must be one of ${paperExperimentNames.join(', ')}, sweep`,
  ),
  varied: v.array(v.string()),
  evaluate: v.array(v.picklist(['test', 'train'])),
  runs: v.array(
    v.object({ id: v.string(), name: v.string(), label: v.string(), config: v.unknown() }),
  ),
});

/** Adds a plan's runs to the folder's, and gives all of them. Throws a usage error where another experiment is. */
export function addToExperiment(folder: string, plan: RunPlan): RunPlan {
  const before = readExperiment(folder);
  if (before !== undefined && before.experiment !== plan.experiment) {
    throw usageError({
      path: folder,
      rule: `holds the experiment ${before.experiment}`,
      got: plan.experiment,
      hint: 'choose another --name',
    });
  }
  if (before === undefined && existsSync(path.join(folder, 'config.json'))) {
    throw usageError({
      path: folder,
      rule: 'is the folder of a run',
      hint: 'choose another --name',
    });
  }
  const all = {
    ...plan,
    varied: [...new Set([...(before?.varied ?? []), ...plan.varied])],
    runs: uniqueRuns([...(before?.runs ?? []), ...plan.runs]),
  };
  makeFolder(folder);
  replaceFile(experimentFile(folder), jsonText({ formatVersion, ...all }));
  return all;
}

/** Whether a folder is an experiment's. */
export function isExperiment(folder: string): boolean {
  return existsSync(experimentFile(folder));
}

/** The runs of an experiment's folder; undefined where it is none. Throws a data error for a damaged one. */
export function readExperiment(folder: string): RunPlan | undefined {
  const file = experimentFile(folder);
  if (!isExperiment(folder)) return undefined;
  const { formatVersion: version, ...plan } = readJsonFile(file, planSchema, 'must list runs');
  if (version > formatVersion) {
    const hint = 'it was written by a newer igcnet; update this one';
    throw dataError({ path: file, rule: 'must be of a known version', got: `${version}`, hint });
  }
  return { ...plan, runs: plan.runs.map((run) => ({ ...run, config: checkConfig(file, run) })) };
}

/** Where a run of an experiment lies. */
export function runFolderOf(folder: string, { name }: Pick<PlannedRun, 'name'>): string {
  return path.join(folder, 'runs', name);
}

/** What is known of a run of an experiment, whose failure may have come before it had a folder. */
export function experimentRecord(folder: string, run: PlannedRun): RunRecord {
  const record = plannedRecord(runFolderOf(folder, run), run);
  const early = record.status === 'not run' ? readFailure(earlyFailureOf(folder, run)) : undefined;
  return early === undefined ? record : { ...record, status: 'failed', failure: early };
}

/** What is known of every run of an experiment, in the order of its plan. */
export function experimentRecords(folder: string, { runs }: RunPlan): readonly RunRecord[] {
  return runs.map((run) => experimentRecord(folder, run));
}

/** Keeps why a run failed: in its folder if it has one, else beside it. */
export function noteRunFailure(folder: string, run: PlannedRun, message: string): void {
  const own = runFolderOf(folder, run);
  const hasBegun = existsSync(path.join(own, 'config.json'));
  const place = hasBegun ? own : earlyFailureOf(folder, run);
  makeFolder(place);
  writeFailure(place, 'failure', message);
}

/** Forgets why a run failed before it had a folder. */
export function forgetEarlyFailure(folder: string, run: PlannedRun): void {
  rmSync(earlyFailureOf(folder, run), { recursive: true, force: true });
}

/** What the process of a run holds while it lives, folder or no folder: its claim to the run. */
export function runLockOf(folder: string, { name }: Pick<PlannedRun, 'name'>): string {
  return path.join(folder, 'runs', `${name}.lock`);
}

function earlyFailureOf(folder: string, { name }: PlannedRun): string {
  return path.join(folder, 'failures', name);
}

/**
 * Does what only one process may do at a time to an experiment's folder, which is made: moments of work, for which others
 * wait. Throws a failure that names who holds it, when that takes longer than `patienceMs`.
 */
export async function withExperimentLock<T>(
  folder: string,
  work: () => T | Promise<T>,
  patienceMs = 60_000,
): Promise<T> {
  const lock = path.join(folder, 'lock');
  makeFolder(folder);
  for (const end = Date.now() + patienceMs; ; await sleep(50)) {
    let holder: LockHolder | undefined;
    try {
      takeProcessLock(lock, (found) => {
        holder = found;
        return lockedError(folder, found);
      });
      break;
    } catch (error) {
      if (holder === undefined || Date.now() > end) throw error;
    }
  }
  try {
    return await work();
  } finally {
    releaseProcessLock(lock);
  }
}

function lockedError(folder: string, holder: LockHolder): Error {
  const message = complain({
    path: folder,
    rule: 'must be written by one process at a time',
    got: `${holderText(holder)}, which is writing it all the time`,
    hint: 'stop that one, or try again',
  });
  return new IgcError('failure', message);
}

function checkConfig(file: string, run: { readonly name: string; readonly config: unknown }) {
  try {
    return parseConfig(run.config);
  } catch (cause) {
    const got = `"${cause instanceof Error ? cause.message : cause}" in ${run.name}`;
    throw dataError({ path: file, rule: 'must hold configurations of runs', got }, cause);
  }
}

function experimentFile(folder: string): string {
  return path.join(folder, 'experiment.json');
}
