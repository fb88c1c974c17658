/** `igc draw`: a network, one of its blocks or the paper's figure 2 as an SVG picture. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { usageError } from '../core/errors.ts';
import type { ConfigOverrides } from '../train/config.ts';
import { addNetworkFlags, findNetwork, type ImageFlags } from './chosen-network.ts';
import { nameFlagIn, readConfigFlags } from './options.ts';
import { printData, printJson, printNews, shortPath } from './terminal.ts';

interface DrawFlags extends ImageFlags {
  readonly block?: boolean;
  readonly at?: string;
  readonly equivalence?: boolean;
  readonly out?: string;
  readonly json?: boolean;
}

/** Adds `draw`. */
export function drawCommand(program: Command): void {
  const command = program
    .command('draw')
    .description('draw a network, or one of its blocks, as an SVG picture on stdout')
    .option('--block', "the paper's figure 1 of one block: its partitions and permutations")
    .option('--at <path>', 'which block (default: the first IGC block), e.g. stage2/block1')
    .option('--equivalence', "the paper's figure 2: regular convolution and summation as IGC")
    .option('--out <file>', 'write the picture to a file instead of stdout')
    .option('--json', 'print {"svg": …} as JSON; with --out {"out": …}')
    .action((target: string | undefined, flags: DrawFlags) => runDraw(command, target, flags));
  addNetworkFlags(command);
}

async function runDraw(
  command: Command,
  target: string | undefined,
  flags: DrawFlags,
): Promise<void> {
  const svg = flags.equivalence
    ? await drawEquivalence(command, target)
    : await drawNetwork(command, target, flags);
  if (flags.out === undefined) {
    if (flags.json) printJson({ svg });
    else printData(svg);
    return;
  }
  const file = path.resolve(flags.out);
  writeFileSync(file, svg);
  if (flags.json) printJson({ out: file });
  printNews(`written to ${shortPath(file)}`);
}

async function drawNetwork(
  command: Command,
  target: string | undefined,
  flags: DrawFlags,
): Promise<string> {
  const { overrides, flagOf } = readConfigFlags(command);
  try {
    const spec = await findNetwork(command, target, flags, overrides as ConfigOverrides);
    if (flags.block || flags.at !== undefined) {
      const { networkBlockSvg } = await import('../draw/network-block.ts');
      return networkBlockSvg(spec, flags.at);
    }
    const { networkSvg } = await import('../draw/network.ts');
    return networkSvg(spec);
  } catch (error) {
    throw nameFlagIn(error, new Map([...flagOf, ['block', '--at']]));
  }
}

/** Figure 2 is always the same, so whatever says which network is a mistake. */
async function drawEquivalence(command: Command, target: string | undefined): Promise<string> {
  const isNetwork = (name: string) => !['equivalence', 'out', 'json'].includes(name);
  const other = command.options.find(
    (option) =>
      isNetwork(option.attributeName()) &&
      command.getOptionValueSource(option.attributeName()) === 'cli',
  );
  const got = target ?? other?.long;
  if (got !== undefined) {
    throw usageError({ path: '--equivalence', rule: 'draws no network of yours', got });
  }
  const { equivalenceSvg } = await import('../draw/equivalence.ts');
  return equivalenceSvg();
}
