/** `igc eval`: measures a run's network on a split; writes the confusion matrix as CSV, JSON and SVG. */
import path from 'node:path';
import { type Command, Option } from 'commander';
import { textTable } from '../draw/text-table.ts';
import type { WeightStorage } from '../formats/weight-storage.ts';
import type { RunEvaluation } from '../train/load.ts';
import {
  addConfigFlags,
  type CheckpointChoice,
  machineFlags,
  nameFlagIn,
  sharedOptions,
} from './options.ts';
import {
  formatPercent,
  paletteFor,
  printData,
  printJson,
  printNews,
  shortPath,
  warningText,
} from './terminal.ts';

interface EvalFlags {
  readonly checkpoint: CheckpointChoice;
  readonly split: 'train' | 'validation' | 'test';
  readonly weights: WeightStorage;
  readonly dataDir?: string;
  readonly out?: string;
  readonly json?: boolean;
}

/** Adds `eval`. */
export function evalCommand(program: Command): void {
  const command = program
    .command('eval')
    .description(
      'measure a trained network; writes eval-<split>-<which>/ in its folder, or beside its file',
    )
    .argument('<run>', 'run or model folder, or an exported file')
    .addOption(sharedOptions.checkpoint())
    .addOption(
      new Option('--split <name>', 'which images')
        .choices(['train', 'validation', 'test'])
        .default('test'),
    )
    .addOption(
      new Option('--weights <storage>', 'round the weights to what an export would store')
        .choices(['float32', 'float16', 'int8'])
        .default('float32'),
    )
    .option('--data-dir <dir>', 'where the data lie now, when they were moved')
    .option('--out <dir>', 'where to write the results instead')
    .addOption(sharedOptions.json())
    .action((run: string, flags: EvalFlags) => runEval(command, run, flags));
  addConfigFlags(command, machineFlags);
}

async function runEval(command: Command, run: string, flags: EvalFlags): Promise<void> {
  const { readMachineFlags } = await import('./run-config.ts');
  const machine = readMachineFlags(command);
  const { evaluateRun } = await import('../train/load.ts');
  const { evaluationFolder, writeEvaluation } = await import('../experiment/evaluation-files.ts');
  const { dataDir, split: wanted, checkpoint, weights } = flags;
  const options = { ...machine, which: checkpoint, split: wanted, dataDir, weights };
  const evaluation = await evaluateRun(run, options).catch((error) => {
    throw nameFlagIn(error, new Map(dataDir === undefined ? [] : [['data.dir', '--data-dir']]));
  });
  for (const warning of evaluation.warnings) printNews(warningText(warning));
  for (const skipped of evaluation.skipped) printNews(`skipped ${skipped}`);
  const { split, which } = evaluation;
  const folder = path.resolve(flags.out ?? evaluationFolder(run, split, which, weights));
  writeEvaluation(folder, evaluation);
  if (flags.json) printJson({ ...evaluation, folder });
  else printData(evaluationText(evaluation));
  printNews(`written to ${shortPath(folder)}: evaluation.json, confusion.csv, .json and .svg`);
}

const mostConfusions = 5;

function evaluationText(evaluation: RunEvaluation): string {
  const { images, loss, top1, topK, k, perClass, split, which, epoch, weights } = evaluation;
  const { bold } = paletteFor(process.stdout);
  const count = (value: number) => value.toLocaleString('en-US');
  const top = k > 1 && k < perClass.length ? [`top-${k} accuracy  ${formatPercent(topK)}`] : [];
  const table = textTable(
    [
      { title: 'class' },
      { title: 'images', align: 'right' },
      { title: 'right', align: 'right' },
      { title: 'accuracy', align: 'right' },
    ],
    perClass.map((row) => [
      row.name,
      count(row.images),
      count(row.correct),
      row.accuracy === null ? '–' : formatPercent(row.accuracy),
    ]),
  );
  return [
    `${count(images)} ${split} images, ${which} checkpoint (epoch ${epoch})${weights === 'float32' ? '' : `, weights as ${weights}`}`,
    `top-1 accuracy  ${bold(formatPercent(top1))}`,
    ...top,
    `loss            ${loss.toFixed(4)}`,
    '',
    ...table,
    ...confusionLines(evaluation),
  ].join('\n');
}

/** The pairs that are most often taken for each other. */
function confusionLines({ confusion, perClass }: RunEvaluation): readonly string[] {
  const pairs = confusion.flatMap((row, i) =>
    row.flatMap((count, j) => (i === j || count === 0 ? [] : [{ i, j, count }])),
  );
  if (pairs.length === 0) return [];
  pairs.sort((a, b) => b.count - a.count || a.i - b.i || a.j - b.j);
  const name = (index: number) => perClass[index]!.name;
  const rows = pairs
    .slice(0, mostConfusions)
    .map(({ i, j, count }) => [name(i), name(j), `${count} of ${perClass[i]!.images}`]);
  return [
    '',
    ...textTable(
      [{ title: 'most mistaken' }, { title: 'for' }, { title: 'times', align: 'right' }],
      rows,
    ),
  ];
}
