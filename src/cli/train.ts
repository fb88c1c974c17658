/** `igc train`: trains a network, or goes on with a run; progress on stderr, the result on stdout. */
import { type Command, Option } from 'commander';
import { usageError } from '../core/errors.ts';
import type { RunConfig } from '../train/config.ts';
import type { RunSummary, TrainEvent } from '../train/events.ts';
import { listenForInterrupt } from './interrupt.ts';
import { addConfigFlags, readConfigFlags, sharedOptions } from './options.ts';
import { nextSteps, resultText } from './outcome.ts';
import { makeProgress, type Progress } from './progress.ts';
import { printData, printJson, printNews, warningText } from './terminal.ts';

interface TrainFlags {
  readonly recipe?: string;
  readonly config?: string;
  readonly set?: readonly string[];
  readonly resume?: string;
  readonly printConfig?: boolean;
  readonly dryRun?: boolean;
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
    .option('--print-config', 'print the whole configuration as JSON, and stop')
    .option('--dry-run', 'check configuration, data and network, say what would run, and stop')
    .addOption(sharedOptions.json())
    .addOption(new Option('--next-steps', 'end with commands to try').hideHelp())
    .action((flags: TrainFlags) => runTrain(command, flags));
  addConfigFlags(command);
}

async function runTrain(command: Command, flags: TrainFlags): Promise<void> {
  let config: RunConfig | undefined;
  if (flags.resume === undefined) {
    const { resolveFromCommand } = await import('./run-config.ts');
    config = await resolveFromCommand(command);
    if (flags.printConfig) return printJson(config);
    if (flags.dryRun) {
      const { dryRun } = await import('./dry-run.ts');
      return dryRun(config, flags.json ?? false);
    }
  } else {
    refuseBesideResume(command, flags);
  }
  const { folder, summary } = await trainVisibly(config, flags.resume);
  if (flags.json) printJson({ ...summary, folder });
  else printData(resultText(summary, folder));
  if (flags.nextSteps) printNews(nextSteps(folder));
}

function refuseBesideResume(command: Command, flags: TrainFlags): void {
  const given = [...readConfigFlags(command).flagOf.values()];
  for (const name of ['recipe', 'config', 'set', 'print-config', 'dry-run'] as const) {
    if (command.getOptionValueSource(camelCase(name)) === 'cli') given.push(`--${name}`);
  }
  if (given.length === 0) return;
  throw usageError({
    path: given[0]!,
    rule: 'cannot be given with --resume',
    got: `--resume ${flags.resume}`,
    hint: 'a resumed run goes on with the values of its own config.json',
  });
}

function camelCase(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** Trains with the progress on stderr; Ctrl-C stops cleanly. */
async function trainVisibly(
  config: RunConfig | undefined,
  resume: string | undefined,
): Promise<{ folder: string; summary: RunSummary }> {
  const { train } = await import('../train/train.ts');
  const progress = makeProgress(process.stderr);
  const interruption = listenForInterrupt(() => {
    progress.line('stopping after this step and saving; press Ctrl-C again to stop at once');
  });
  const options = { signal: interruption.signal, ...(resume !== undefined && { resume }) };
  try {
    for await (const event of train(config, options)) {
      showEvent(progress, event);
      if (event.kind === 'done') return { folder: event.folder, summary: event.summary };
    }
  } finally {
    progress.finish();
    interruption.release();
  }
  throw new Error('internal: the training ended without a summary');
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
