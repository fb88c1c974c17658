/** What `sweep submit --slurm` and `reproduce --launcher slurm` share: options of the jobs, and submitting them. */
import path from 'node:path';
import type { Command } from 'commander';
import { usageError } from '../core/errors.ts';
import { shellWord } from '../core/shell-word.ts';
import type { RunPlan } from '../experiment/run-plan.ts';
import type { Submission } from '../slurm/submit.ts';
import { parseCount, parseDuration, parseNumber } from './options.ts';
import { formatCounted, printData, printJson, printNews, shortPath } from './terminal.ts';

/** Flags of both commands. */
export interface SlurmFlags {
  readonly jobs?: string;
  readonly sbatchArgs?: string;
  readonly time: string;
  readonly retries: string;
  readonly keepCancelled?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export function addSlurmOptions(command: Command): Command {
  return command
    .option(
      '--time <time>',
      'limit of a task under Slurm; a run that takes longer saves, and goes on in a new task',
      '4h',
    )
    .option('--retries <n>', 'how often what failed or was killed is submitted to Slurm again', '2')
    .option('--sbatch-args <options>', 'for sbatch: "--partition=long --mem=4G"');
}

/** Submits what is left of a folder's runs, and of the plan's if there is one; or prints the scripts. */
export async function submitToSlurm(
  folder: string,
  plan: RunPlan | undefined,
  flags: SlurmFlags,
): Promise<void> {
  const { checkSbatchArgs } = await import('../slurm/job-scripts.ts');
  const { submitExperiment } = await import('../slurm/submit.ts');
  const { sbatchArgs = '', jobs } = flags;
  checkSbatchArgs(sbatchArgs);
  const settings = {
    sbatchArgs,
    timeMs: parseDuration('--time', flags.time),
    jobs: jobs === undefined ? null : parseCount('--jobs', jobs),
    retries: parseRetries(flags.retries),
  };
  const places = {
    folder: path.resolve(folder),
    workingFolder: process.cwd(),
    igc: [process.execPath, ...process.execArgv, path.resolve(process.argv[1]!)],
  };
  const { dryRun, keepCancelled } = flags;
  const submission = await submitExperiment({ places, settings, plan, dryRun, keepCancelled });
  if (flags.json) return printJson({ folder: places.folder, ...submission });
  if (dryRun) return printScripts(submission);
  tellSubmission(folder, submission);
}

function parseRetries(text: string): number {
  const value = parseNumber('--retries', text);
  if (Number.isInteger(value) && value >= 0) return value;
  throw usageError({ path: '--retries', rule: 'must be a whole number of at least 0', got: text });
}

function printScripts({ indices, scripts }: Submission): void {
  const { array, report } = scripts;
  printData(`# array.sbatch\n${array}\n# report.sbatch, after it\n${report}`);
  printNews(
    `${formatCounted(indices.length, 'run')} to submit; nothing was written or submitted (--dry-run)`,
  );
}

function tellSubmission(folder: string, submission: Submission): void {
  const { jobs, indices, done, queued, cancelled } = submission;
  const counts = [
    [done, 'done'],
    [queued, 'queued before'],
    [cancelled, 'cancelled'],
  ] as const;
  const others = counts.flatMap(([count, what]) => (count > 0 ? [`${count} ${what}`] : []));
  const rest = others.length > 0 ? ` (${others.join(', ')})` : '';
  if (jobs === undefined) {
    printNews(`nothing to submit${rest}`);
    return;
  }
  printData(`array ${jobs.array}, report ${jobs.report}`);
  const place = shellWord(shortPath(path.resolve(folder)));
  printNews(
    `${formatCounted(indices.length, 'run')} submitted${rest}; see: igc sweep status ${place}`,
  );
}
