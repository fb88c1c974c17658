/** A task of an array that was told to stop queues itself again, unless Slurm does, or somebody has cancelled it. */
import { callSlurm } from './slurm-command.ts';

/** `12_3`, as Slurm calls the task that this process belongs to; undefined outside of an array. */
export function ownTask(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const { SLURM_ARRAY_JOB_ID: array, SLURM_ARRAY_TASK_ID: task } = env;
  return array === undefined || task === undefined ? undefined : `${array}_${task}`;
}

/**
 * Queues the task again if Slurm takes it for running: near its time limit, or in the grace before a preemption, which
 * Slurm takes for the task's end when the task ends. Gives whether it did.
 *
 * Throws a failure with what Slurm says when it refuses.
 */
export async function requeueTask(task: string): Promise<boolean> {
  const args = ['--noheader', '--states=all', '--format=%T', `--jobs=${task}`];
  const state = (await callSlurm('squeue', args)).trim();
  if (state !== 'RUNNING') return false;
  await callSlurm('scontrol', ['requeue', task]);
  return true;
}
