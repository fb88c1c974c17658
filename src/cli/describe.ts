/** `igc describe`: prints every layer of a network, its cost, its memory and the steps that run. */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { usageError } from '../core/errors.ts';
import type { NetSpec } from '../spec/network.ts';
import type { ConfigOverrides } from '../train/config.ts';
import {
  addConfigFlags,
  nameFlagIn,
  parseCount,
  readConfigFlags,
  sharedOptions,
} from './options.ts';
import { printData, printJson } from './terminal.ts';

interface DescribeFlags {
  readonly classes: string;
  readonly channels: string;
  readonly fuse: boolean;
  readonly json?: boolean;
}

/** Where nothing was said: the paper's first network on CIFAR-10, as it was trained. */
const defaults = { net: 'IGC-L24M2', depth: 20, side: 32, batch: 64, replicas: 2 } as const;

/** Adds `describe`. */
export function describeCommand(program: Command): void {
  const command = program
    .command('describe')
    .description('print the layers, parameters, multiply-adds (MACs) and memory of a network')
    .argument('[run]', 'run folder, or the name of a network (default: IGC-L24M2)')
    .option('--classes <n>', 'classes', '10')
    .option('--channels <n>', 'channels of the images', '3')
    .option('--no-fuse', 'one step a layer, nothing folded')
    .addOption(sharedOptions.json())
    .action((target: string | undefined, flags: DescribeFlags) =>
      runDescribe(command, target, flags),
    );
  addConfigFlags(command, ['net', 'depth', 'family', 'data.imgSize', 'batchSize', 'replicas']);
}

async function runDescribe(
  command: Command,
  target: string | undefined,
  flags: DescribeFlags,
): Promise<void> {
  const { overrides, flagOf } = readConfigFlags(command);
  const values = overrides as ConfigOverrides;
  const { describeNetwork, descriptionText } = await import('../plan/describe.ts');
  const batch = values.batchSize ?? defaults.batch;
  const { replicas = batch % defaults.replicas === 0 ? defaults.replicas : 1 } = values;
  try {
    const spec = await findNetwork(command, target, flags, values);
    const description = describeNetwork(spec, { batch, replicas, fuse: flags.fuse });
    if (flags.json) printJson(description);
    else printData(descriptionText(description));
  } catch (error) {
    throw nameFlagIn(error, new Map([...flagOf, ['batch', '--batch-size']]));
  }
}

async function findNetwork(
  command: Command,
  target: string | undefined,
  flags: DescribeFlags,
  { net, depth, data }: ConfigOverrides,
): Promise<NetSpec> {
  if (target !== undefined && existsSync(target)) {
    refuseBesideRun(command, target);
    const { loadModel } = await import('../train/load.ts');
    const model = await loadModel(target, { kernels: 'reference' });
    model.dispose();
    return model.spec;
  }
  if (target !== undefined && net !== undefined) {
    throw usageError({ path: '--net', rule: 'names a network beside another', got: target });
  }
  const { namedNetwork } = await import('../spec/named-networks.ts');
  const side = data?.imgSize ?? defaults.side;
  return namedNetwork({
    net: net ?? target ?? defaults.net,
    depth: depth ?? defaults.depth,
    input: { channels: parseCount('--channels', flags.channels), height: side, width: side },
    classes: parseCount('--classes', flags.classes),
  });
}

function refuseBesideRun(command: Command, run: string): void {
  for (const name of ['net', 'depth', 'classes', 'channels', 'imgSize', 'family'] as const) {
    if (command.getOptionValueSource(name) !== 'cli') continue;
    const flag = command.options.find((option) => option.attributeName() === name)!.long!;
    throw usageError({ path: flag, rule: 'cannot be given beside a run folder', got: run });
  }
}
