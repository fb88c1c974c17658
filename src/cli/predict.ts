/** `igc predict`: classifies image files with a run's network. */
import type { Command } from 'commander';
import type { FilePrediction } from '../train/load.ts';
import {
  addConfigFlags,
  type CheckpointChoice,
  machineFlags,
  parseCount,
  sharedOptions,
} from './options.ts';
import {
  formatPercent,
  paletteFor,
  printData,
  printJson,
  printNews,
  shownText,
  warningText,
} from './terminal.ts';

interface PredictFlags {
  readonly checkpoint: CheckpointChoice;
  readonly top: string;
  readonly skipBad?: boolean;
  readonly json?: boolean;
}

/** Adds `predict`. */
export function predictCommand(program: Command): void {
  const command = program
    .command('predict')
    .description('classify image files (PNG, JPEG; more with sharp installed)')
    .argument('<run>', 'run or model folder, or an exported file')
    .argument('<files...>', 'image files')
    .addOption(sharedOptions.checkpoint())
    .option('--top <n>', 'how many classes to print', '5')
    .option('--skip-bad', 'go on after a file that cannot be decoded')
    .addOption(sharedOptions.json())
    .action((run: string, files: readonly string[], flags: PredictFlags) =>
      runPredict(command, run, files, flags),
    );
  addConfigFlags(command, machineFlags);
}

async function runPredict(
  command: Command,
  run: string,
  files: readonly string[],
  flags: PredictFlags,
): Promise<void> {
  const { readMachineFlags } = await import('./run-config.ts');
  const machine = readMachineFlags(command);
  const top = parseCount('--top', flags.top);
  const { predictFiles } = await import('../train/load.ts');
  const predictions = await predictFiles(run, files, {
    ...machine,
    which: flags.checkpoint,
    top,
    skipBad: flags.skipBad,
  });
  for (const { error } of predictions) {
    if (error !== undefined) printNews(warningText(`skipped ${error}`));
  }
  if (flags.json) printJson(predictions);
  else
    printData(
      predictions
        .filter(({ top }) => top.length > 0)
        .map(predictionText)
        .join('\n'),
    );
}

function predictionText({ file, top }: FilePrediction): string {
  const { bold, faint } = paletteFor(process.stdout);
  const lines = top.map(({ name, probability }, i) => {
    const line = `${formatPercent(100 * probability).padStart(8)}  ${shownText(name)}`;
    return i === 0 ? bold(line) : faint(line);
  });
  return [file, ...lines, ''].join('\n');
}
