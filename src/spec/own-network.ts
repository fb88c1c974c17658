/**
 * Somebody's own network of the same blocks, written as JSON or YAML: reads it, fills in what was left out, and
 * joins it with the data's shape and classes.
 *
 * @example
 * name: my-net
 * blocks:
 *   - { kind: regular, outChannels: 48 }          # 3×3, stride 1, path block1
 *   - { kind: igc, L: 24, M: 2, bottleneck: 2 }
 *   - { kind: igc, L: 24, M: 4, stride: 2 }
 */
import * as v from 'valibot';
import { usageError } from '../core/errors.ts';
import { type SchemaPlace, schemaError } from '../core/schema-error.ts';
import type { BlockSpec } from './blocks.ts';
import type { Shape } from './graph.ts';
import { type NamedNetwork, namedNetwork } from './named-networks.ts';
import { type WrittenBlock, type WrittenNet, writtenNetSchema } from './net-schema.ts';
import { authorsBatchNorm, type BatchNormSpec, countLayers, type NetSpec } from './network.ts';

/** A network that is complete but for what the data decide. */
export interface OwnNetwork extends Omit<WrittenNet, 'blocks'> {
  readonly name: string;
  readonly depth: number;
  readonly blocks: readonly BlockSpec[];
}

/** A network by name, or somebody's own, for that input and those classes. */
export type NetRequest = Omit<NamedNetwork, 'net'> & { readonly net: string | OwnNetwork };

/** Where nothing was said: a 3×3 convolution, and Table 6's max pool. */
const defaults = {
  convolution: { kernel: 3, stride: 1 },
  maxPool: { kernel: 3, stride: 2, pad: 1 },
} as const;

/**
 * Reads a network from what JSON or YAML gave; `place` is what to call it in errors.
 *
 * Blocks without a path are `block<i>`, the parts of a residual body `<block>/unit<i>`, counted from 1.
 * Throws a usage error with the exact path of an unknown key, a wrong value, or a path that two blocks have.
 */
export function readOwnNetwork(
  value: unknown,
  place: Required<SchemaPlace> = { prefix: 'net.', whole: 'net' },
): OwnNetwork {
  const result = v.safeParse(writtenNetSchema, value, { abortPipeEarly: true });
  if (!result.success) {
    throw schemaError(writtenNetSchema, result.issues, place);
  }
  const { name = 'own', blocks: written, ...rest } = result.output;
  const blocks = written.map((block, i) => complete(block, `block${i + 1}`));
  checkPaths(blocks, place.prefix);
  const depth = countLayers(blocks);
  if (rest.depth !== undefined && rest.depth !== depth) {
    throw usageError({
      path: `${place.prefix}depth`,
      rule: `must be the number of its layers, ${depth}`,
      got: `${rest.depth}`,
      hint: 'leave it out',
    });
  }
  return { ...rest, name, depth, blocks };
}

/**
 * The network of a request, named or own. Throws the usage errors of `namedNetwork`; for own networks when it is
 * written for another input or other classes, or options of named networks are given beside it.
 */
export function requestNetwork(request: NetRequest): NetSpec {
  const { net } = request;
  if (typeof net === 'string') return namedNetwork({ ...request, net });
  for (const option of ['family', 'double', 'variant'] as const) {
    if (request[option] === undefined) continue;
    throw usageError({ path: option, rule: 'is an option of networks by name', got: net.name });
  }
  if (request.depth !== undefined && request.depth !== net.depth) {
    const rule = `is ${net.depth}, the number of its layers, for ${net.name}`;
    throw usageError({ path: 'depth', rule, got: `${request.depth}` });
  }
  const { input, classes } = request;
  checkSame('input', net.input && shapeText(net.input), shapeText(input));
  checkSame('classes', net.classes, classes);
  const { name, depth, blocks } = net;
  const batchNorm = { ...ownBatchNorm(net), ...request.batchNorm };
  return { name, depth, input, classes, batchNorm, blocks };
}

/** Batch norm as the network says, else as the authors. */
export function ownBatchNorm({ batchNorm, blocks }: OwnNetwork): BatchNormSpec {
  const isPlain = blocks.every(({ kind }) => kind !== 'residual');
  return { ...authorsBatchNorm(isPlain), ...batchNorm };
}

/** A network that `readOwnNetwork` gave, as stored in a configuration. */
export const ownNetworkSchema: v.GenericSchema<unknown, OwnNetwork> = v.pipe(
  writtenNetSchema,
  v.transform((net) => readOwnNetwork(net)),
);

function complete(block: WrittenBlock, path: string): BlockSpec {
  switch (block.kind) {
    case 'residual': {
      const own = block.path ?? path;
      const body = block.body.map((part, i) => ({
        ...defaults.convolution,
        path: `${own}/unit${i + 1}`,
        ...part,
      }));
      return { projection: null, ...block, path: own, body };
    }
    case 'maxPool':
      return { ...defaults.maxPool, path, ...block };
    default:
      return { ...defaults.convolution, path, ...block };
  }
}

/** Paths name parameters, so no two may be the same. */
function checkPaths(blocks: readonly BlockSpec[], prefix: string): void {
  const seen = new Set<string>();
  const check = (name: string, place: string) => {
    if (seen.has(name)) {
      throw usageError({
        path: `${place}.path`,
        rule: 'must be unique',
        got: JSON.stringify(name),
      });
    }
    seen.add(name);
  };
  for (const [i, block] of blocks.entries()) {
    const place = `${prefix}blocks[${i}]`;
    check(block.path, place);
    if (block.kind !== 'residual') continue;
    for (const [k, part] of block.body.entries()) check(part.path, `${place}.body[${k}]`);
  }
}

function shapeText({ channels, height, width }: Shape): string {
  return `${channels}×${height}×${width}`;
}

function checkSame<T extends string | number>(name: string, wanted: T | undefined, given: T): void {
  if (wanted === undefined || wanted === given) return;
  throw usageError({
    path: `net.${name}`,
    rule: `must be that of the data, ${given}`,
    got: `${wanted}`,
  });
}
