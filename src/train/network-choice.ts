/**
 * Which network a configuration means: the paper's by name, or somebody's own; and what follows from it.
 */
import { usageError } from '../core/errors.ts';
import { isRecord } from '../core/nested-values.ts';
import type { Shape } from '../spec/graph.ts';
import { fixedDepths } from '../spec/named-networks.ts';
import type { NetSpec } from '../spec/network.ts';
import { ownBatchNorm, readOwnNetwork, requestNetwork } from '../spec/own-network.ts';
import type { ConfigOverrides, RunConfig } from './config.ts';

/** What follows from the network unless somebody chose it: its depth and family, and its batch norm's constants. */
export function withNetwork(
  config: Record<string, unknown>,
  overrides: ConfigOverrides,
): Record<string, unknown> {
  if (isRecord(config.net)) return withOwnNetwork(config, overrides);
  const { bn, net, family } = config;
  const fixed = Object.hasOwn(fixedDepths, String(family))
    ? fixedDepths[family as keyof typeof fixedDepths]
    : undefined;
  const depth = overrides.depth === undefined && fixed !== undefined ? fixed : config.depth;
  const known = { ...config, depth };
  if (!isRecord(bn) || (bn.oldWeight !== undefined && bn.oldWeight !== null)) return known;
  if (typeof net !== 'string' || typeof depth !== 'number') return known;
  const { bn: _, ...choice } = known as unknown as RunConfig;
  const { batchNorm } = configNetwork(choice, anyData);
  return { ...known, bn: { ...bn, oldWeight: batchNorm.oldWeight } };
}

function withOwnNetwork(
  config: Record<string, unknown>,
  overrides: ConfigOverrides,
): Record<string, unknown> {
  const net = readOwnNetwork(config.net);
  const { depth = net.depth, family = 'own' } = overrides;
  const batchNorm = ownBatchNorm(net);
  const bn = { ...(config.bn as object), ...batchNorm, ...definedOf(overrides.bn) };
  return { ...config, net, depth, family, bn };
}

function definedOf(values: object = {}): object {
  const isSet = ([, value]: [string, unknown]) => value !== undefined && value !== null;
  return Object.fromEntries(Object.entries(values).filter(isSet));
}

/** The parts of a configuration that say which network. */
export type NetworkChoice = Pick<RunConfig, 'net' | 'depth' | 'family' | 'double' | 'variant'>;

/** The network's name, for people and for names of folders. */
export function networkName({ net }: Pick<RunConfig, 'net'>): string {
  return typeof net === 'string' ? net : net.name;
}

/**
 * The network of a configuration for images of that shape and those classes. Throws a usage error naming what does
 * not fit.
 */
export function configNetwork(
  { net, depth, family, double, variant, bn }: NetworkChoice & Partial<Pick<RunConfig, 'bn'>>,
  { input, classes }: { readonly input: Shape; readonly classes: number },
): NetSpec {
  const batchNorm = bn && { epsilon: bn.epsilon, oldWeight: bn.oldWeight };
  const shared = { net, depth, input, classes, ...(batchNorm && { batchNorm }) };
  const isPlain = Object.keys(variant ?? {}).length === 0;
  return requestNetwork({
    ...shared,
    ...(family !== 'own' && { family }),
    ...(double && { double }),
    ...(!isPlain && { variant }),
  });
}

/** Names and depths are checked before any data is read, so with a shape that every named network takes. */
const anyData = { input: { channels: 3, height: 32, width: 32 }, classes: 10 } as const;

/** Throws for what no data could fit. */
export function checkNetwork(config: RunConfig): void {
  const { net, family } = config;
  if (typeof net === 'string' && family === 'own') {
    throw usageError({ path: 'family', rule: 'own needs a network given as an object', got: net });
  }
  const { input = anyData.input, classes = anyData.classes } =
    typeof net === 'string' ? anyData : net;
  configNetwork(config, { input, classes });
}
