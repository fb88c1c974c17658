/** What Slurm says of an experiment's jobs: squeue of those it still remembers, sacct of older ones where it keeps books. */
import { IgcError } from '../core/errors.ts';
import type { SubmittedJob } from './job-list.ts';
import { callSlurm } from './slurm-command.ts';

/** One task of an array, or a job without tasks. */
export interface JobState {
  readonly job: number;
  /** Index of the task; null of a job that is no array. */
  readonly task: number | null;
  /** Slurm's word: PENDING, RUNNING, COMPLETED, CANCELLED, … */
  readonly state: string;
  /** Where it runs or ran; empty before. */
  readonly node: string;
  /** Why it waits. */
  readonly reason: string;
}

/** States in which a task will still do its work, or is doing it. */
const liveStates: ReadonlySet<string> = new Set([
  ...['PENDING', 'CONFIGURING', 'RUNNING', 'SUSPENDED', 'RESIZING', 'STOPPED'],
  ...['REQUEUED', 'REQUEUE_FED', 'REQUEUE_HOLD', 'SPECIAL_EXIT', 'SIGNALING', 'STAGE_OUT'],
]);

/** Whether the task is yet to come, or at work. */
export function isLive({ state }: JobState): boolean {
  return liveStates.has(state);
}

/** Of jobs that Slurm has forgotten there is none. Throws a failure when Slurm cannot be asked. */
export async function readJobStates(jobs: readonly SubmittedJob[]): Promise<readonly JobState[]> {
  if (jobs.length === 0) return [];
  const ids = jobs.map(({ id }) => id);
  const [kept, queued] = await Promise.all([readBooks(ids), readQueue(ids)]);
  const known = new Map([...kept, ...queued].map((one) => [`${one.job}_${one.task}`, one]));
  return [...known.values()];
}

/** The newest state of each run, by its index. */
export function statesByRun(
  jobs: readonly SubmittedJob[],
  states: readonly JobState[],
): ReadonlyMap<number, JobState> {
  const age = new Map(jobs.map(({ id }, i) => [id, i]));
  const inOrder = [...states].sort((a, b) => age.get(a.job)! - age.get(b.job)!);
  return new Map(inOrder.flatMap((one) => (one.task === null ? [] : [[one.task, one]])));
}

async function readQueue(ids: readonly number[]): Promise<readonly JobState[]> {
  const format = '%F|%K|%T|%N|%r';
  const args = ['--noheader', '--array', '--states=all', `--format=${format}`];
  try {
    const text = await callSlurm('squeue', [...args, `--jobs=${ids.join(',')}`]);
    return rows(text).flatMap(([job = '', task = '', state = '', node = '', reason = '']) =>
      ids.includes(Number(job)) ? [jobState(job, task, state, node, reason)] : [],
    );
  } catch (error) {
    // So it answers when it has forgotten the only job that it was asked of.
    if (error instanceof IgcError && error.message.includes('Invalid job id')) return [];
    throw error;
  }
}

/** None where no books are kept. */
async function readBooks(ids: readonly number[]): Promise<readonly JobState[]> {
  const args = ['--noheader', '--parsable2', '--allocations', '--array'];
  const format = '--format=JobID,State,NodeList';
  try {
    const text = await callSlurm('sacct', [...args, format, `--jobs=${ids.join(',')}`]);
    return rows(text).flatMap(([id = '', state = '', node = '']) => {
      const [, job = '', task = ''] = /^(\d+)(?:_(\d+))?$/.exec(id) ?? [];
      return ids.includes(Number(job)) ? [jobState(job, task, state.split(' ')[0]!, node, '')] : [];
    });
  } catch {
    return [];
  }
}

function jobState(
  job: string,
  task: string,
  state: string,
  node: string,
  reason: string,
): JobState {
  const index = /^\d+$/.test(task) ? Number(task) : null;
  const isWaiting = state === 'PENDING';
  return { job: Number(job), task: index, state, node, reason: isWaiting ? reason : '' };
}

function rows(text: string): readonly (readonly string[])[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('|'));
}
