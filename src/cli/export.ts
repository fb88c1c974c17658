/** `igc export`: writes a run's network for ONNX Runtime, PyTorch, Hugging Face, or as a page. */
import path from 'node:path';
import { type Command, Option } from 'commander';
import { formatBytes } from '../draw/text-table.ts';
import type { ExportFormat, ExportResult } from '../export/export-run.ts';
import type { WeightStorage } from '../formats/weight-storage.ts';
import {
  addConfigFlags,
  type CheckpointChoice,
  machineFlags,
  nameFlagIn,
  parseCount,
  sharedOptions,
} from './options.ts';
import {
  formatPercent,
  printData,
  printJson,
  printNews,
  shortPath,
  warningText,
} from './terminal.ts';

interface ExportFlags {
  readonly format: ExportFormat;
  readonly out?: string;
  readonly force?: boolean;
  readonly weights: WeightStorage;
  readonly permutations?: 'gather' | 'transpose';
  readonly batch?: string;
  readonly checkpoint: CheckpointChoice;
  readonly eval: boolean;
  readonly dataDir?: string;
  readonly json?: boolean;
}

/** Adds `export`. */
export function exportCommand(program: Command): void {
  const command = program
    .command('export')
    .description('write a network for others: ONNX, PyTorch and Hugging Face, or a page')
    .argument('<run>', 'run, checkpoint or model folder')
    .addOption(
      new Option('--format <name>', 'onnx, safetensors: a file; hf, web: a folder')
        .choices(['onnx', 'safetensors', 'hf', 'web'])
        .makeOptionMandatory(),
    )
    .option('-o, --out <path>', 'the file or folder (default: named after the run)')
    .option('--force', 'replace files that are there')
    .addOption(
      new Option('--weights <storage>', 'how weights are stored')
        .choices(['float32', 'float16', 'int8'])
        .default('float32'),
    )
    .addOption(
      new Option(
        '--permutations <how>',
        'onnx: a Gather of channels, or reshapes and a transpose',
      ).choices(['gather', 'transpose']),
    )
    .option('--batch <n>', 'onnx: images in a batch (default: any)')
    .addOption(sharedOptions.checkpoint())
    .option('--no-eval', 'do not measure the accuracy on the test images')
    .option('--data-dir <dir>', 'where the data lie now, when they were moved')
    .addOption(sharedOptions.json())
    .action((run: string, flags: ExportFlags) => runExport(command, run, flags));
  addConfigFlags(command, machineFlags);
}

/** What the library calls the flags. */
const flagOf = new Map([
  ['output', '--out'],
  ['permutations', '--permutations'],
  ['batch', '--batch'],
  ['data.dir', '--data-dir'],
]);

async function runExport(command: Command, run: string, flags: ExportFlags): Promise<void> {
  const { readMachineFlags } = await import('./run-config.ts');
  const { exportRun } = await import('../export/export-run.ts');
  const { format, out, force, weights, permutations, batch, checkpoint, dataDir, json } = flags;
  const any = batch === undefined || batch === 'any';
  const result = await exportRun({
    ...readMachineFlags(command),
    ...{ run, format, output: out, force, weights, permutations, dataDir },
    which: checkpoint,
    evaluate: flags.eval,
    ...(batch !== undefined && { batch: any ? 'any' : parseCount('--batch', batch) }),
  }).catch((error) => {
    throw nameFlagIn(error, flagOf);
  });
  const { evaluations, reason } = result.measured;
  for (const warning of new Set(evaluations.flatMap((evaluation) => evaluation.warnings))) {
    printNews(warningText(warning));
  }
  if (reason !== undefined && flags.eval) printNews(warningText(`not measured: ${reason}`));
  if (json) printJson({ ...result, measured: { reason, evaluations: evaluations.map(brief) } });
  else printData(resultText(result));
}

function brief({ weights, dataset, split, images, top1, loss }: Evaluated) {
  return { weights, dataset, split, images, top1, loss };
}
type Evaluated = ExportResult['measured']['evaluations'][number];

function resultText({ output, files, measured }: ExportResult): string {
  const accuracies = measured.evaluations.map(
    ({ weights, top1, images, dataset }) =>
      `${weights.padEnd(8)} ${formatPercent(top1)} of ${images.toLocaleString('en-US')} test images of ${dataset}`,
  );
  const lines = files.map(({ path: file, bytes }) => {
    const name = file === output ? shortPath(output) : path.basename(file);
    return `${formatBytes(bytes).padStart(9)}  ${name}`;
  });
  const folder = files.some(({ path: file }) => file !== output) ? [`${shortPath(output)}:`] : [];
  return [...accuracies, ...folder, ...lines].join('\n');
}
