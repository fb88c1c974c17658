/** `igc train`: trains a network, or goes on with a run; progress on stderr, the result on stdout. */
import { type Command, Option } from 'commander';
import { IgcError, internalError, usageError } from '../core/errors.ts';
import { readLauncher } from '../team/launcher.ts';
import type { ConfigOverrides } from '../train/config.ts';
import type { RunSummary, TrainEvent } from '../train/events.ts';
import type { TrainOptions } from '../train/train.ts';
import {
  addDistFlags,
  aloneNote,
  type DistFlags,
  isFirstRank,
  ownMistake,
  readDistFlags,
} from './dist-flags.ts';
import { listenForInterrupt } from './interrupt.ts';
import { addConfigFlags, nameFlagIn, parseDuration, sharedOptions } from './options.ts';
import { nextSteps, resultText, resumeCommand } from './outcome.ts';
import { makeProgress, type Progress } from './progress.ts';
import { printData, printJson, printNews, warningText } from './terminal.ts';

interface TrainFlags extends DistFlags {
  readonly resume?: string;
  readonly printConfig?: boolean;
  readonly dryRun?: boolean;
  readonly maxTime?: string;
  readonly json?: boolean;
  readonly nextSteps?: boolean;
}

/** Adds `train`. */
export function trainCommand(program: Command): void {
  const command = program
    .command('train')
    .description('train a network; writes <output>/<name>/ with metrics and checkpoints')
    .addOption(sharedOptions.recipe())
    .addOption(sharedOptions.config())
    .addOption(sharedOptions.set())
    .option('--resume <run>', 'go on with a run folder, to the same bits as without the stop')
    .option('--max-time <time>', 'stop after 90s, 30m, 2h, … as Ctrl-C would; --resume goes on')
    .option('--print-config', 'print the whole configuration as JSON, and stop')
    .option('--dry-run', 'check configuration, data and network, say what would run, and stop')
    .addOption(sharedOptions.json())
    .addOption(new Option('--next-steps', 'end with commands to try').hideHelp())
    .action((flags: TrainFlags) =>
      runTrain(command, flags).catch(async (error) => {
        throw flags.dist === undefined ? error : await ownMistake(error);
      }),
    );
  addConfigFlags(addDistFlags(command));
}

async function runTrain(command: Command, flags: TrainFlags): Promise<void> {
  const { chooseConfig, withConfig } = await import('./run-config.ts');
  if (flags.resume === undefined && (flags.printConfig || flags.dryRun)) {
    return withConfig(command, async (config) => {
      const isSilent = flags.dist !== undefined && !isFirstRank();
      if (flags.printConfig) return isSilent ? undefined : printJson(config);
      const { dryRun } = await import('./dry-run.ts');
      return dryRun(config, flags.json ?? false, readDistFlags(flags) && readLauncher(process.env));
    });
  }
  const note = aloneNote(flags);
  if (note !== undefined) printNews(warningText(note));
  refuseBesideResume(flags);
  const { overrides, flagOf } = await chooseConfig(command);
  const { folder, summary, isFirst } = await trainVisibly(overrides, {
    resume: flags.resume,
    dist: readDistFlags(flags),
    maxTimeMs: flags.maxTime === undefined ? undefined : parseDuration('--max-time', flags.maxTime),
  }).catch((error) => {
    throw nameFlagIn(error, flagOf);
  });
  if (!isFirst) return;
  printNews('');
  if (flags.json) printJson({ ...summary, folder });
  else printData(resultText(summary, folder));
  if (flags.nextSteps) printNews(nextSteps(summary, folder));
}

function refuseBesideResume({ resume, printConfig, dryRun }: TrainFlags): void {
  if (resume === undefined || !(printConfig || dryRun)) return;
  throw usageError({
    path: printConfig ? '--print-config' : '--dry-run',
    rule: 'cannot be given with --resume',
    hint: `${resume}/config.json is what will be used`,
  });
}

/** Trains with the progress on stderr; Ctrl-C stops cleanly. */
async function trainVisibly(
  request: ConfigOverrides,
  options: Pick<TrainOptions, 'resume' | 'maxTimeMs' | 'dist'>,
): Promise<{ folder: string; summary: RunSummary; isFirst: boolean }> {
  const { train } = await import('../train/train.ts');
  const progress = makeProgress(process.stderr);
  let isFirst = true; // of the ranks; the others are silent
  const interruption = listenForInterrupt((name) => {
    // mpirun sends SIGTERM when a rank has died, and there is nothing to save then.
    if (!isFirst || (options.dist !== undefined && name !== 'SIGINT')) return;
    progress.line('stopping after this step and saving; press Ctrl-C again to stop at once');
  });
  let folder = options.resume;
  try {
    for await (const event of train(request, { ...options, signal: interruption.signal })) {
      if (event.kind === 'start') {
        folder = event.folder;
        isFirst = (event.team?.rank ?? 0) === 0;
      }
      if (isFirst) showEvent(progress, event);
      if (event.kind === 'done') return { folder: event.folder, summary: event.summary, isFirst };
    }
  } catch (error) {
    throw withResumeCommand(error, folder);
  } finally {
    progress.finish();
    interruption.release();
  }
  throw internalError('the training ended without a summary');
}

/** The error of an interrupted run, with the command that goes on instead of the option's name. */
function withResumeCommand(error: unknown, folder: string | undefined): unknown {
  if (!(error instanceof IgcError) || error.kind !== 'interrupted' || folder === undefined) {
    return error;
  }
  const [said] = error.message.split('; go on with');
  const { isToldElsewhere } = error;
  const message = `${said}; go on with: ${resumeCommand(folder)}`;
  return new IgcError('interrupted', message, { isToldElsewhere });
}

function showEvent(progress: Progress, event: TrainEvent): void {
  switch (event.kind) {
    case 'start':
      progress.start(event);
      break;
    case 'step':
      progress.step(event);
      break;
    case 'epoch':
      progress.epoch(event);
      break;
    case 'warning':
      progress.line(warningText(event.message));
      break;
    case 'checkpoint':
    case 'done':
      break;
  }
}
