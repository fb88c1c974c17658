/** Which network a command shows that trains none: a run's, one by name, or somebody's own from a file. */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { usageError } from '../core/errors.ts';
import type { Shape } from '../spec/graph.ts';
import type { NetFamily, NetVariant } from '../spec/named-networks.ts';
import type { NetSpec } from '../spec/network.ts';
import type { ConfigOverrides } from '../train/config.ts';
import { isNetworkFile, readNetworkFile } from './option-file.ts';
import { addConfigFlags, parseCount } from './options.ts';

/** What the images are, where no data say it. */
export interface ImageFlags {
  readonly classes: string;
  readonly channels: string;
}

/** Where nothing was said: the paper's first network on CIFAR-10. */
const defaults = { net: 'IGC-L24M2', depth: 20, side: 32 } as const;

/** The configuration's values that say which network. */
export const networkPaths = ['net', 'depth', 'family', 'double', 'variant'] as const;

/** Adds the argument and the flags that `findNetwork` reads. */
export function addNetworkFlags(command: Command): void {
  command
    .argument(
      '[run]',
      'run folder, name of a network (default: IGC-L24M2), or its JSON or YAML file',
    )
    .option('--classes <n>', 'classes', '10')
    .option('--channels <n>', 'channels of the images', '3');
  addConfigFlags(command, [...networkPaths, 'data.imgSize']);
}

/** The network that a command line means. Throws usage errors that name the flag, the file or the name. */
export async function findNetwork(
  command: Command,
  target: string | undefined,
  flags: ImageFlags,
  values: ConfigOverrides,
): Promise<NetSpec> {
  if (target !== undefined && existsSync(target) && !isNetworkFile(target)) {
    refuseBesideRun(command, target);
    const { loadModel } = await import('../train/load.ts');
    const model = await loadModel(target, { kernels: 'reference' });
    model.dispose();
    return model.spec;
  }
  if (target !== undefined && values.net !== undefined) {
    throw usageError({ path: '--net', rule: 'names a network beside another', got: target });
  }
  const net = (values.net as string | undefined) ?? target ?? defaults.net;
  if (isNetworkFile(net)) return findOwnNetwork(command, net, flags, values);
  const { namedNetwork } = await import('../spec/named-networks.ts');
  const { depth, family, double, variant } = values;
  const isFixed = family !== undefined && family !== 'cifar';
  const chosenDepth = depth ?? (isFixed ? undefined : defaults.depth);
  return namedNetwork({
    net,
    ...(chosenDepth !== undefined && { depth: chosenDepth }),
    ...(family !== undefined && { family: family as NetFamily }),
    ...(double != null && { double }),
    ...(variant !== undefined && { variant: variant as NetVariant }),
    input: imageShape(flags, values, family === 'imagenet18' ? 224 : defaults.side),
    classes: parseCount('--classes', flags.classes),
  });
}

/** Shape and classes are the file's where nobody gave flags for them. */
async function findOwnNetwork(
  command: Command,
  file: string,
  flags: ImageFlags,
  { data, ...values }: ConfigOverrides,
): Promise<NetSpec> {
  const net = await readNetworkFile(file);
  const { requestNetwork } = await import('../spec/own-network.ts');
  const isGiven = (name: string) => command.getOptionValueSource(name) === 'cli';
  const isShapeGiven = isGiven('channels') || data?.imgSize != null;
  const flagShape = imageShape(flags, { data }, defaults.side);
  const { depth, family, double, variant } = values;
  return requestNetwork({
    net,
    ...(depth !== undefined && { depth }),
    ...(family !== undefined && { family: family as NetFamily }),
    ...(double != null && { double }),
    ...(variant !== undefined && { variant: variant as NetVariant }),
    input: isShapeGiven ? flagShape : (net.input ?? flagShape),
    classes: isGiven('classes')
      ? parseCount('--classes', flags.classes)
      : (net.classes ?? parseCount('--classes', flags.classes)),
  });
}

function imageShape(flags: ImageFlags, { data }: ConfigOverrides, usual: number): Shape {
  const side = data?.imgSize ?? usual;
  return { channels: parseCount('--channels', flags.channels), height: side, width: side };
}

function refuseBesideRun(command: Command, run: string): void {
  for (const name of [...networkPaths, 'classes', 'channels', 'imgSize']) {
    if (command.getOptionValueSource(name) !== 'cli') continue;
    const flag = command.options.find((option) => option.attributeName() === name)!.long!;
    throw usageError({ path: flag, rule: 'cannot be given beside a run folder', got: run });
  }
}
