/** What `reproduce` and `sweep` share: running a plan or listing it, progress on stderr, the report at the end. */
import path from 'node:path';
import type { Command } from 'commander';
import { IgcError, usageError } from '../core/errors.ts';
import { formatCount, textTable } from '../draw/text-table.ts';
import type { Report } from '../experiment/report.ts';
import type {
  ExperimentEvent,
  ExperimentOptions,
  ExperimentResult,
} from '../experiment/run-experiment.ts';
import type { RunPlan } from '../experiment/run-plan.ts';
import type { ConfigOverrides } from '../train/config.ts';
import { makeExperimentProgress } from './experiment-progress.ts';
import { listenForInterrupt } from './interrupt.ts';
import { parseCount, parseDuration, parseNumber, sharedOptions } from './options.ts';
import { formatDuration, printData, printJson, printNews, shortPath } from './terminal.ts';

/** Flags of both commands. */
export interface ExperimentFlags {
  readonly seeds: string;
  readonly jobs: string;
  readonly maxTime?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export function addExperimentOptions(command: Command): Command {
  return addSeeds(command)
    .option('--jobs <n>', 'runs at a time, each in a process with its share of the cores', '1')
    .option('--max-time <time>', 'stop after 90s, 30m, 2h, …; the same command goes on')
    .option('--dry-run', 'list the runs, with the time that they take by a measured rate, and stop')
    .addOption(sharedOptions.json());
}

/** `--seeds`. */
export function addSeeds(command: Command): Command {
  return command.option('--seeds <n>', 'runs of each, with seeds 0, 1, …; or a list: 0,3,7', '1');
}

/** Says of --name what it names here; after the configuration's flags were added. */
export function nameExperiment(command: Command, unless: string): void {
  const option = command.options.find(({ long }) => long === '--name');
  if (option) option.description = `name of the experiment's folder (default: ${unless})`;
}

/** `3` is three seeds from 0; `0,3` is those two. Throws a usage error. */
export async function parseSeeds(text: string): Promise<readonly number[]> {
  const { mostRuns } = await import('../experiment/run-plan.ts');
  if (text.includes(',')) {
    return parseList('--seeds', text).map((part) => parseNumber('--seeds', part));
  }
  const count = parseCount('--seeds', text);
  if (count <= mostRuns) return Array.from({ length: count }, (_, seed) => seed);
  throw usageError({ path: '--seeds', rule: `must be at most ${mostRuns}`, got: text });
}

/** What is between commas. Throws a usage error naming `flag` when there is nothing. */
export function parseList(flag: string, text: string): readonly string[] {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  if (parts.length > 0) return parts;
  throw usageError({ path: flag, rule: 'must name something', got: JSON.stringify(text) });
}

/** The folder of an experiment. Throws a usage error for names that no folder can have. */
export async function experimentFolder(
  { output, name }: ConfigOverrides,
  unless: string,
): Promise<string> {
  const { resolveConfig } = await import('../train/config.ts');
  const chosen = { output, name: name ?? unless };
  const config = resolveConfig('digits', chosen); // checks both, as for runs
  return path.join(config.output, config.name!);
}

/** Runs a plan in `folder`, or lists it; then writes and prints its report. */
export async function runPlanned(
  folder: string,
  plan: RunPlan,
  flags: ExperimentFlags,
): Promise<void> {
  const jobs = parseCount('--jobs', flags.jobs);
  const limitMs = flags.maxTime && parseDuration('--max-time', flags.maxTime);
  if (flags.dryRun) return listPlan(folder, plan, flags);
  const limits = { jobs, limitMs: limitMs || undefined };
  const result = await runVisibly(folder, plan, limits).catch(async (error) => {
    const isStopped = error instanceof IgcError && error.kind === 'interrupted';
    if (isStopped) await report(folder); // on what is done so far
    throw error;
  });
  const { reportJson } = await import('../experiment/write-report.ts');
  const { reportText } = await import('./report.ts');
  const written = await report(folder);
  if (flags.json) printJson(reportJson(written));
  else printData(await reportText(written));
  throwIfUndone(folder, plan, result);
}

/** Writes the report of an experiment into its folder, one worker at a time. */
async function report(folder: string): Promise<Report> {
  const { makeReport } = await import('../experiment/report.ts');
  const { writeReport } = await import('../experiment/write-report.ts');
  const { withExperimentLock } = await import('../experiment/experiment-folder.ts');
  const into = path.join(folder, 'report');
  const made = await withExperimentLock(folder, async () => {
    const report = makeReport(folder);
    await writeReport(into, report);
    return report;
  });
  printNews(`report written to ${shortPath(path.resolve(into))}: report.html, .md, .csv and .json`);
  return made;
}

/** A failed run is a result, but not one that a script should take for success. */
function throwIfUndone(folder: string, { runs }: RunPlan, { undone }: ExperimentResult): void {
  const [first] = undone;
  if (first === undefined) return;
  const message = `${folder}: ${undone.length} of ${runs.length} runs failed, the first with: ${first.message}`;
  throw new IgcError('failure', `${message}; the same command tries them again`);
}

interface VisibleRun extends Omit<ExperimentOptions, 'signal'> {
  readonly limitMs?: number | undefined;
  /** Hears every event, too. */
  readonly onEvent?: (event: ExperimentEvent) => void;
  /** For a scheduler's task, and told of the signal that stops it. */
  readonly onSignal?: (name: NodeJS.Signals) => void;
}

/** Runs a plan with its progress on stderr, until it is done or somebody stops it. */
export async function runVisibly(
  folder: string,
  plan: RunPlan,
  { limitMs, onEvent, onSignal, ...options }: VisibleRun,
): Promise<ExperimentResult> {
  const { runExperiment } = await import('../experiment/run-experiment.ts');
  const progress = makeExperimentProgress(process.stderr);
  const isTask = onSignal !== undefined;
  const interruption = listenForInterrupt(
    (name) => {
      const insist = isTask ? '' : '; press Ctrl-C again to stop at once';
      const why = isTask ? `${name}: ` : '';
      progress.line(`${why}stopping after these steps and saving${insist}`);
      onSignal?.(name);
    },
    { userSignal: isTask, isPatient: isTask },
  );
  const limit = limitMs === undefined ? [] : [AbortSignal.timeout(limitMs)];
  const signal = AbortSignal.any([interruption.signal, ...limit]);
  try {
    const events = runExperiment(folder, plan, { ...options, signal });
    for (;;) {
      const { value, done } = await events.next();
      if (done) return value;
      progress.show(value);
      onEvent?.(value);
    }
  } finally {
    progress.finish();
    interruption.release();
  }
}

async function listPlan(folder: string, plan: RunPlan, flags: ExperimentFlags): Promise<void> {
  const { estimateRuns, sumEstimates } = await import('../experiment/estimate.ts');
  const { isComplete } = await import('../experiment/run-record.ts');
  const { experimentRecord } = await import('../experiment/experiment-folder.ts');
  const estimates = [];
  for await (const estimate of estimateRuns(plan.runs)) {
    const { run } = estimate;
    const record = experimentRecord(folder, run);
    const isDone = isComplete(record, plan.evaluate);
    estimates.push({
      ...estimate,
      status: isDone ? 'finished' : record.status,
      epochs: record.epochs,
    });
  }
  const left = estimates.filter(({ status }) => status !== 'finished' && status !== 'diverged');
  const { timeMs, missing } = sumEstimates(
    left.map((estimate) => {
      const share = 1 - estimate.epochs / estimate.run.config.epochs;
      return { ...estimate, timeMs: estimate.timeMs === null ? null : estimate.timeMs * share };
    }),
  );
  if (flags.json) {
    const runs = estimates.map(({ run, ...rest }) => ({ id: run.id, label: run.label, ...rest }));
    return printJson({ folder, runs, timeMs, notMeasured: missing });
  }
  const rows = estimates.map(({ run, status, trainRate, timeMs: each, why }) => [
    run.id,
    run.label,
    status,
    trainRate === null ? '' : formatCount(Math.round(trainRate)),
    each === null ? (why ?? '') : formatDuration(each),
  ]);
  const heads = [{ title: 'id' }, { title: 'run' }, { title: 'state' }];
  const figures = [
    { title: 'images/s', align: 'right' as const },
    { title: 'time', align: 'right' as const },
  ];
  printData(
    [
      ...textTable([...heads, ...figures], rows),
      '',
      `${estimates.length} runs, ${left.length} to do: about ${formatDuration(timeMs)} one after another${missing > 0 ? `, and ${missing} that were not measured` : ''}.`,
      'The rates are those of some steps on made-up images, run just now. Nothing was trained or written (--dry-run).',
    ].join('\n'),
  );
}
