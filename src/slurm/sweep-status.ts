/** How an experiment stands, whoever works on it: each run by its folder and its claim, and by Slurm where there is one. */
import { dataError } from '../core/errors.ts';
import { holderText, type LockHolder } from '../core/lock-holder.ts';
import { findProcessLock } from '../core/process-lock.ts';
import { experimentRecord, readExperiment, runLockOf } from '../experiment/experiment-folder.ts';
import type { PlannedRun, RunPlan } from '../experiment/run-plan.ts';
import { isComplete, type RunRecord } from '../experiment/run-record.ts';
import { readJobs, type SubmittedJob } from './job-list.ts';
import { isLive, type JobState, readJobStates, statesByRun } from './job-states.ts';
import { isMissing } from './slurm-command.ts';

/**
 * `queued` waits for Slurm, `running` is claimed by a living process, `stale` by one that is gone, and will be taken over
 * by whoever comes next; `unfinished` was begun and nobody is at it. The others are a run record's.
 */
export type SweepRunState =
  | 'finished'
  | 'diverged'
  | 'failed'
  | 'damaged'
  | 'running'
  | 'stale'
  | 'queued'
  | 'unfinished'
  | 'not run';

/** One run of an experiment. */
export interface SweepRun {
  readonly index: number;
  readonly id: string;
  readonly label: string;
  readonly state: SweepRunState;
  /** Done, and to do. */
  readonly epochs: number;
  readonly ofEpochs: number;
  /** Who has it, or why it waits or failed; empty where there is nothing to say. */
  readonly remark: string;
  /** Since when the process that has it goes, ISO 8601. */
  readonly since?: string | undefined;
}

/** An experiment as it stands. */
export interface SweepStatus {
  readonly folder: string;
  readonly runs: readonly SweepRun[];
  /** Jobs that were submitted, with how many of their tasks are in which of Slurm's states. */
  readonly jobs: readonly (SubmittedJob & { readonly states: Readonly<Record<string, number>> })[];
  /** Why Slurm says nothing of the jobs; absent where it does, or there are none. */
  readonly noSlurm?: string;
}

/** Throws a data error where there is no experiment, or a damaged one. */
export async function readSweepStatus(folder: string): Promise<SweepStatus> {
  const plan = readExperiment(folder);
  if (plan === undefined)
    throw dataError({ path: folder, rule: 'must be the folder of an experiment' });
  const jobs = readJobs(folder);
  const { states, noSlurm } = await askSlurm(jobs);
  const byRun = statesByRun(jobs, states);
  return {
    folder,
    runs: plan.runs.map((run, index) => sweepRun(folder, plan, run, index, byRun.get(index))),
    jobs: jobs.map((job) => ({ ...job, states: countStates(states, job) })),
    ...(noSlurm !== undefined && { noSlurm }),
  };
}

async function askSlurm(jobs: readonly SubmittedJob[]) {
  try {
    return { states: await readJobStates(jobs), noSlurm: undefined };
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    return { states: [], noSlurm: isMissing(error) ? 'there is no Slurm on this machine' : said };
  }
}

function sweepRun(
  folder: string,
  { evaluate }: RunPlan,
  run: PlannedRun,
  index: number,
  job: JobState | undefined,
): SweepRun {
  const record = experimentRecord(folder, run);
  const { id, label, config } = run;
  const known = { index, id, label, epochs: record.epochs, ofEpochs: config.epochs };
  if (isComplete(record, evaluate)) return { ...known, state: 'finished', remark: '' };
  const claim = findProcessLock(runLockOf(folder, run));
  if (claim !== undefined) {
    const { holder, isAlive } = claim;
    const state = isAlive ? 'running' : 'stale';
    const remark = isAlive ? placeText(holder) : `${placeText(holder)} is gone`;
    return { ...known, state, remark, since: holder.since };
  }
  const isComing = record.status !== 'diverged' && job !== undefined && isLive(job);
  if (isComing) return { ...known, state: 'queued', remark: jobText(job) };
  return { ...known, ...bareState(record) };
}

/** Of a run that nobody has. */
function bareState({ status, failure }: RunRecord): Pick<SweepRun, 'state' | 'remark'> {
  // A finished one that lacks an evaluation is to be gone on with.
  const state = status === 'finished' || status === 'running' ? 'unfinished' : status;
  return { state, remark: failure?.message ?? '' };
}

function placeText(holder: LockHolder): string {
  const { host } = holder;
  const text = holderText(holder);
  return host === undefined || text.includes(` on ${host}`) ? text : `${text} on ${host}`;
}

function jobText({ job, task, state, reason }: JobState): string {
  return `job ${job}_${task}: ${state}${reason === '' ? '' : ` (${reason})`}`;
}

function countStates(states: readonly JobState[], { id }: SubmittedJob): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { job, state } of states) if (job === id) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}
