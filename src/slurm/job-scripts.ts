/**
 * The scripts of an experiment's jobs, which stay in its folder to be read, and to be submitted again by hand: array.sbatch
 * trains one run a task, report.sbatch comes after it.
 */
import path from 'node:path';
import { usageError } from '../core/errors.ts';
import { shellWord } from '../core/shell-word.ts';

/** What a user decides about the jobs. */
export interface JobSettings {
  /** Of one task, until it has to give its place back; it goes on in another one. */
  readonly timeMs: number;
  /** Tasks that run at a time, at the most; null for as many as the cluster gives. */
  readonly jobs: number | null;
  /** How often what was killed or failed is submitted again. */
  readonly retries: number;
  /** Options of sbatch for every job, as one would type them; empty for none. */
  readonly sbatchArgs: string;
}

/** Where everything lies, absolute. */
export interface JobPlaces {
  /** The experiment's folder. */
  readonly folder: string;
  /** Where relative paths of the configurations lead from. */
  readonly workingFolder: string;
  /** The words that call `igc`. */
  readonly igc: readonly string[];
}

/** A task is told so many seconds before its time is over, half of a short time at the most. */
const noticeSeconds = 120;

/** Options that are decided here. */
const ownOptions = /(^|\s)(-a|-d|--array|--dependency|--parsable|--wrap)(?=[\s=\d]|$)/;

/** Throws a usage error for options that sbatch could not be given here. */
export function checkSbatchArgs(text: string): void {
  const [path, got] = ['--sbatch-args', JSON.stringify(text)];
  if (/\p{Cc}/u.test(text)) throw usageError({ path, rule: 'must be one line', got });
  if (text !== '' && !text.startsWith('-')) {
    const hint = 'for example --sbatch-args "--partition=long --mem=4G"';
    throw usageError({ path, rule: 'must be options of sbatch', got, hint });
  }
  const own = ownOptions.exec(text)?.[2];
  if (own !== undefined) {
    throw usageError({
      path,
      rule: `must leave ${own} to igc`,
      got,
      hint: '--jobs limits the tasks',
    });
  }
}

/** The array's script, for the runs of these indices; `cpus` is for each task. */
export function arrayScript(
  { folder, workingFolder, igc }: JobPlaces,
  { timeMs, jobs, sbatchArgs }: JobSettings,
  { indices, cpus }: { readonly indices: readonly number[]; readonly cpus: number },
): string {
  const notice = Math.min(noticeSeconds, Math.floor(timeMs / 2000));
  return scriptText([
    '# Trains one run of the experiment a task; written by "igc sweep submit --slurm". By hand: sbatch array.sbatch, or',
    '# sbatch --array=3,7 array.sbatch for some. Runs that are done end at once, and none is trained by two tasks.',
    `#SBATCH --job-name=${optionWord(jobName(folder))}`,
    `#SBATCH --array=${rangesText(indices)}${jobs === null ? '' : `%${jobs}`}`,
    `#SBATCH --ntasks=1 --cpus-per-task=${cpus}`,
    `#SBATCH --time=${timeText(timeMs)}`,
    '# The signal says that the time is nearly over: the task saves, and queues itself again.',
    `#SBATCH --signal=USR1@${notice} --requeue`,
    ...placeLines(folder, workingFolder, '%A_%a.log'),
    ...extraLines(sbatchArgs),
    `exec srun --ntasks=1 --cpus-per-task="\${SLURM_CPUS_PER_TASK:-1}" \\`,
    `  ${shellWords(igc)} sweep task ${shellWords([folder])} --index "$SLURM_ARRAY_TASK_ID"`,
  ]);
}

/** The script of the job after the array; its argument says how many times it may submit again. */
export function reportScript(
  { folder, workingFolder, igc }: JobPlaces,
  { timeMs, jobs, sbatchArgs }: JobSettings,
): string {
  const again = [
    ...[
      'sweep',
      'submit',
      folder,
      '--slurm',
      '--keep-cancelled',
      '--time',
      `${Math.round(timeMs / 1000)}s`,
    ],
    ...(jobs === null ? [] : ['--jobs', `${jobs}`]),
    ...(sbatchArgs === '' ? [] : [`--sbatch-args=${sbatchArgs}`]),
  ];
  return scriptText([
    '# Comes when every task of the array has ended: writes the report, then submits again what was killed or failed,',
    '# as many times as its argument says. Written by "igc sweep submit --slurm"; by hand: sbatch report.sbatch 0',
    `#SBATCH --job-name=${optionWord(jobName(folder))}`,
    '#SBATCH --ntasks=1 --cpus-per-task=1',
    '#SBATCH --time=01:00:00',
    ...placeLines(folder, workingFolder, 'report-%j.log'),
    ...extraLines(sbatchArgs),
    `${shellWords(igc)} report ${shellWords([folder])}`,
    'result=$?',
    'if [ "$#" -gt 0 ] && [ "$1" -gt 0 ]; then',
    `  ${shellWords(igc)} ${shellWords(again)} --retries "$(($1 - 1))" || result=$?`,
    'fi',
    'exit $result',
  ]);
}

/** Where scripts and logs of an experiment's jobs lie. */
export function jobFolder(folder: string): string {
  return path.join(folder, 'slurm');
}

/** What both jobs are called, so that `scancel --name` ends both. */
export function jobName(folder: string): string {
  return `igc-${path.basename(folder)}`;
}

/** `0-3,5` for 0, 1, 2, 3 and 5, in ascending order. */
export function rangesText(indices: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const index of indices) {
    const last = ranges.at(-1);
    if (last?.[1] === index - 1) last[1] = index;
    else ranges.push([index, index]);
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',');
}

function scriptText(lines: readonly string[]): string {
  return `${['#!/bin/bash', ...lines].join('\n')}\n`;
}

function placeLines(folder: string, workingFolder: string, log: string): readonly string[] {
  const logs = path.join(jobFolder(folder), 'logs').replaceAll('%', '%%');
  return [
    `#SBATCH --chdir=${optionWord(workingFolder)}`,
    `#SBATCH --open-mode=append --output=${optionWord(path.join(logs, log))}`,
  ];
}

function extraLines(sbatchArgs: string): readonly string[] {
  return sbatchArgs === '' ? [] : ['# --sbatch-args', `#SBATCH ${sbatchArgs}`];
}

/** Slurm counts in minutes; less than one is one. */
function timeText(timeMs: number): string {
  const minutes = Math.max(1, Math.ceil(timeMs / 60_000));
  const two = (value: number) => String(value).padStart(2, '0');
  return `${two(Math.floor(minutes / 60))}:${two(minutes % 60)}:00`;
}

/** A word as sbatch reads it in a line of a script. */
function optionWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}

function shellWords(words: readonly string[]): string {
  return words.map(shellWord).join(' ');
}
