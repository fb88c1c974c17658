/** `igc find-lr`: the learning-rate range test of a configuration, as a table, JSON or a picture. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { replaceFile } from '../core/durable-files.ts';
import { usageError } from '../core/errors.ts';
import { textTable } from '../draw/text-table.ts';
import type { RunConfig } from '../train/config.ts';
import type { FoundLearningRate, RangePoint } from '../train/find-learning-rate.ts';
import { networkName } from '../train/network-choice.ts';
import { listenForInterrupt } from './interrupt.ts';
import { addConfigFlags, nameFlagIn, parseCount, parseNumber, sharedOptions } from './options.ts';
import { printData, printJson, printNews, shortPath } from './terminal.ts';

interface FindFlags {
  readonly from: string;
  readonly to: string;
  readonly steps: string;
  readonly out?: string;
  readonly json?: boolean;
}

/** Adds `find-lr`. */
export function findLrCommand(program: Command): void {
  const command = program
    .command('find-lr')
    .description('try rising learning rates for some steps, and suggest one (Smith 2017)')
    .option('--from <rate>', 'first rate', '0.0001')
    .option('--to <rate>', 'last rate', '10')
    .option('--steps <n>', 'steps, a batch of training images each', '200')
    .option('--out <file>', 'the loss over the rate as an .svg picture')
    .addOption(sharedOptions.recipe())
    .addOption(sharedOptions.config())
    .addOption(sharedOptions.set())
    .addOption(sharedOptions.json())
    .action((flags: FindFlags) => runFindLr(command, flags));
  const paths = ['net', 'depth', 'family', 'double', 'variant', 'data', 'batchSize', 'optimizer'];
  addConfigFlags(command, [
    ...paths,
    'smoothing',
    'augment',
    'replicas',
    'seed',
    'threads',
    'kernels',
  ]);
}

async function runFindLr(command: Command, flags: FindFlags): Promise<void> {
  const { out, json = false } = flags;
  if (out !== undefined && !/\.svg$/i.test(out)) {
    throw usageError({ path: '--out', rule: 'must end in .svg', got: `"${out}"` });
  }
  if (out !== undefined && !existsSync(path.dirname(path.resolve(out)))) {
    throw usageError({ path: '--out', rule: 'must be in a folder that exists', got: `"${out}"` });
  }
  const test = {
    from: parseNumber('--from', flags.from),
    to: parseNumber('--to', flags.to),
    steps: parseCount('--steps', flags.steps),
  };
  const { withConfig } = await import('./run-config.ts');
  const { findLearningRate } = await import('../train/find-learning-rate.ts');
  const interruption = listenForInterrupt(() => {});
  const named = new Map(['from', 'to', 'steps'].map((name) => [name, `--${name}`]));
  try {
    await withConfig(command, async (config) => {
      const options = { ...test, signal: interruption.signal };
      const found = await findLearningRate(config, options).catch((error) => {
        throw nameFlagIn(error, named);
      });
      if (json) printJson(found);
      else printData(foundText(config, found));
      if (out === undefined) return;
      const { rangeTestSvg } = await import('../draw/training-charts.ts');
      replaceFile(out, rangeTestSvg(`${networkName(config)} on ${config.data.name}`, found));
      printNews(`written to ${shortPath(out)}`);
    });
  } finally {
    interruption.release();
  }
}

const tableRows = 20;
const barWidth = 40;

function foundText(config: RunConfig, found: FoundLearningRate): string {
  const { points, suggestion, steepest, lowest, exploded } = found;
  const rate = (value: number) => `${Number(value.toPrecision(2))}`;
  const shown = points.filter((_, i) => i % Math.ceil(points.length / tableRows) === 0);
  const highest = Math.max(...points.slice(0, 20).map(({ smoothed }) => smoothed));
  const table = textTable(
    [{ title: 'rate', align: 'right' }, { title: 'loss', align: 'right' }, { title: '' }],
    shown.map(({ learningRate, smoothed }) => [
      learningRate.toPrecision(2),
      smoothed.toFixed(4),
      '█'.repeat(Math.min(barWidth, Math.max(0, Math.round((barWidth * smoothed) / highest)))),
    ]),
  );
  const last = points.at(-1) as RangePoint;
  const end = exploded
    ? `exploded at ${rate(last.learningRate)}`
    : `had not exploded at ${rate(last.learningRate)}: try a higher --to`;
  return [
    `${networkName(config)}, depth ${config.depth}, on ${config.data.name}: ${points.length} steps`,
    '',
    ...table,
    '',
    `The loss fell fastest at ${rate(steepest)}, was lowest at ${rate(lowest)}, and ${end}.`,
    suggestion === null
      ? 'No rate lowered the loss, so there is nothing to suggest: try a lower --from, or more --steps.'
      : `Suggestion: --lr ${rate(suggestion)} (a tenth of the rate of the lowest loss)`,
  ].join('\n');
}
