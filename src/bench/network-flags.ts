/** The flags that the bench's commands share: which network, on how many threads, beside whom. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type KernelChoice, kernelChoices } from '../kernels/choose.ts';
import {
  type Doubling,
  type NetFamily,
  type NetVariant,
  netFamilies,
} from '../spec/named-networks.ts';
import { parseVariant } from '../spec/variant.ts';
import type { NetworkChoice } from './step.ts';

/** What those flags give. */
export interface NetworkFlags {
  readonly net: string;
  readonly depth?: number;
  readonly family: NetFamily;
  readonly double?: Doubling;
  readonly variant?: NetVariant;
  readonly batchSize: number;
  readonly batch?: number;
  readonly classes: number;
  readonly imgSize?: number;
  readonly threads: number;
  readonly kernels: KernelChoice;
  readonly rounds: number;
  readonly json?: boolean;
}

/** Commander's parser of a whole number of at least 1. */
export function positiveInteger(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new InvalidArgumentError(`must be a positive integer, got ${text}`);
}

export function addNetworkFlags(command: Command): Command {
  return command
    .option('--net <name>', 'network', 'IGC-L24M2')
    .option('--depth <D>', 'layers; 20 in family cifar', positiveInteger)
    .addOption(new Option('--family <name>', 'layout').choices(netFamilies).default('cifar'))
    .addOption(new Option('--double <letter>', 'what doubles').choices(['M', 'L']))
    .option('--variant <key=value,…>', 'variant of every block', parseVariant)
    .option('-b, --batch-size <N>', 'images per step', positiveInteger, 64)
    .option('--batch <N>', 'the same', positiveInteger)
    .option('--classes <N>', 'classes', positiveInteger, 10)
    .option(
      '--img-size <N>',
      'height and width; 224 in family imagenet18, else 32',
      positiveInteger,
    )
    .option('--threads <N>', 'threads of each side', positiveInteger, 2)
    .addOption(new Option('--kernels <set>', 'our kernels').choices(kernelChoices).default('auto'))
    .option('--rounds <N>', 'interleaved rounds', positiveInteger, 7)
    .option('--json', 'the report as JSON');
}

/** The network and batch that the flags mean. */
export function readNetworkFlags(flags: NetworkFlags): NetworkChoice & { readonly batch: number } {
  const { net, family, double, variant, classes } = flags;
  const depth = flags.depth ?? (family === 'cifar' ? 20 : undefined);
  return {
    net,
    family,
    ...(depth !== undefined && { depth }),
    ...(double !== undefined && { double }),
    ...(variant !== undefined && { variant }),
    classes,
    imgSize: flags.imgSize ?? (family === 'imagenet18' ? 224 : 32),
    batch: flags.batch ?? flags.batchSize,
  };
}
