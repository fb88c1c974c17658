/** `igc describe`: prints every layer of a network, its cost, its memory and the steps that run. */
import type { Command } from 'commander';
import type { ConfigOverrides } from '../train/config.ts';
import { addNetworkFlags, findNetwork, type ImageFlags } from './chosen-network.ts';
import { addConfigFlags, nameFlagIn, readConfigFlags, sharedOptions } from './options.ts';
import { printData, printJson } from './terminal.ts';

interface DescribeFlags extends ImageFlags {
  readonly fuse: boolean;
  readonly json?: boolean;
}

/** Where nothing was said: as the paper trained its networks. */
const defaults = { batch: 64, replicas: 2 } as const;

/** Adds `describe`. */
export function describeCommand(program: Command): void {
  const command = program
    .command('describe')
    .description('print the layers, parameters, multiply-adds (MACs) and memory of a network')
    .option('--no-fuse', 'one step a layer, nothing folded')
    .addOption(sharedOptions.json())
    .action((target: string | undefined, flags: DescribeFlags) =>
      runDescribe(command, target, flags),
    );
  addNetworkFlags(command);
  addConfigFlags(command, ['batchSize', 'replicas', 'storage']);
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
  const { storage = 'float32' } = values;
  try {
    const spec = await findNetwork(command, target, flags, values);
    const description = describeNetwork(spec, { batch, replicas, storage, fuse: flags.fuse });
    if (flags.json) printJson(description);
    else printData(descriptionText(description));
  } catch (error) {
    throw nameFlagIn(error, new Map([...flagOf, ['batch', '--batch-size']]));
  }
}
