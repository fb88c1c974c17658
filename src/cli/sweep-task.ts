/** `igc sweep task`: one run of an experiment, by its place in the list; what a task of a job array calls. */
import type { Command } from 'commander';
import { complain, dataError, IgcError, usageError } from '../core/errors.ts';
import { holderText } from '../core/lock-holder.ts';
import type { RunPlan } from '../experiment/run-plan.ts';
import { runVisibly } from './experiment.ts';
import { parseCount, parseNumber } from './options.ts';
import { printNews } from './terminal.ts';

/** Adds `task` to `sweep`. */
export function taskCommand(sweep: Command): void {
  sweep
    .command('task')
    .description('train one run of an experiment; what the tasks of a job array call')
    .argument('<folder>', 'of an experiment')
    .requiredOption('--index <n>', "the run's index in the experiment, from 0")
    .option('--cpus <n>', "cores for it (default: the task's under Slurm, or all)")
    .action(runTask);
}

interface TaskFlags {
  readonly index: string;
  readonly cpus?: string;
}

/** What a task has seen of its run. */
interface Watch {
  told?: NodeJS.Signals;
  hasMoved: boolean;
}

async function runTask(folder: string, { index, cpus }: TaskFlags): Promise<void> {
  const { noteRunFailure, readExperiment } = await import('../experiment/experiment-folder.ts');
  const plan = readExperiment(folder);
  if (plan === undefined) {
    throw dataError({ path: folder, rule: 'must be the folder of an experiment' });
  }
  const run = pickRun(plan, index);
  const given = cpus ?? process.env.SLURM_CPUS_PER_TASK;
  const cores = given === undefined ? undefined : parseCount('--cpus', given);
  const watch: Watch = { hasMoved: false };
  try {
    await trainRun(folder, { ...plan, runs: [run] }, cores, watch);
  } catch (error) {
    const kind = error instanceof IgcError ? error.kind : undefined;
    // Nothing has begun then that could keep the reason for those who ask how the run stands.
    if (error instanceof IgcError && kind === 'data') noteRunFailure(folder, run, error.message);
    if (kind === 'interrupted' && watch.told !== undefined) await giveBack(watch.told, watch);
    throw error;
  }
}

async function trainRun(
  folder: string,
  plan: RunPlan,
  cores: number | undefined,
  watch: Watch,
): Promise<void> {
  const { undone, taken } = await runVisibly(folder, plan, {
    cores,
    whenTaken: 'leave',
    onSignal: (name) => {
      watch.told = name;
    },
    onEvent: (event) => {
      watch.hasMoved ||= event.kind === 'train' && ['step', 'epoch'].includes(event.event.kind);
    },
  });
  for (const { holder } of taken) {
    printNews(`nothing to do here: ${holderText(holder)} trains it`);
  }
  const [failed] = undone;
  if (failed) throw new IgcError('failure', `${failed.run.label}: ${failed.message}`);
}

function pickRun({ runs }: RunPlan, text: string): RunPlan['runs'][number] {
  const run = runs[parseNumber('--index', text)];
  if (run !== undefined) return run;
  const rule = `must be a run's index, from 0 to ${runs.length - 1}`;
  throw usageError({ path: '--index', rule, got: text });
}

/** The run is saved; under Slurm, its task waits in the queue for the rest. */
async function giveBack(told: NodeJS.Signals, { hasMoved }: Watch): Promise<void> {
  const { ownTask, requeueTask } = await import('../slurm/requeue.ts');
  const task = ownTask();
  if (task === undefined) return;
  if (told === 'SIGUSR1' && !hasMoved) {
    const rule = 'was told to stop before it had done one step';
    const hint = 'a longer --time lets it begin';
    throw new IgcError('failure', complain({ path: `task ${task}`, rule, hint }));
  }
  const isQueued = await requeueTask(task);
  printNews(`task ${task}: ${isQueued ? 'queued again' : 'Slurm decides whether it comes again'}`);
}
