/**
 * The paper's networks by name: `IGC-L24M2`, `RegConv-W16`, `SumFusion`, each with optional `+Ident`.
 * Letters: L primary partitions, M channels per primary partition in stage 1 (doubled in each later stage),
 * D depth, B blocks per stage (D = 3B + 2), n residual blocks per stage (D = 6n + 2).
 */
import { usageError } from '../core/errors.ts';
import type { Shape } from './graph.ts';
import type { BatchNormSpec, BlockSpec, ConvolutionBlock, NetSpec } from './network.ts';

/** A network by its name, depth, input and number of classes. */
export interface NamedNetwork {
  readonly net: string;
  readonly depth: number;
  readonly input: Shape;
  readonly classes: number;
  readonly batchNorm?: Partial<BatchNormSpec>;
}

const stages = 3;
/** @source authors' code: eps 2e-5 everywhere; momentum 0.99 in plain nets, 0.9 in resnets */
const batchNormDefaults = { epsilon: 2e-5, plainOldWeight: 0.99, identOldWeight: 0.9 } as const;
/** @source paper Table 2: SumFusion sums four 3×3 convolutions of width 8 */
const sumFusion = { branches: 4, width: 8 } as const;

type Family =
  | { readonly kind: 'igc'; readonly L: number; readonly M: number }
  | { readonly kind: 'regular'; readonly width: number }
  | { readonly kind: 'sumFusion' };

interface ParsedName {
  readonly family: Family;
  readonly ident: boolean;
}

/**
 * The network of that name and depth for that input and those classes.
 *
 * @source paper Tables 2, 3 and 5; facts of the authors' network/{plain,plain_igc,resnet,resnet_igc}.py
 * Throws a usage error for unknown names, impossible depths and sizes that the stages do not divide.
 */
export function namedNetwork(request: NamedNetwork): NetSpec {
  const { net, depth, input, classes } = request;
  const parsed = parseName(net);
  checkCounts(request);
  const perStage = blocksPerStage(depth, parsed.ident);
  const blocks: BlockSpec[] = [stem(parsed.family)];
  for (let stage = 1; stage <= stages; stage++) {
    for (let block = 1; block <= perStage; block++) {
      const first = block === 1;
      const path = `stage${stage}/block${block}`;
      const stride = first && stage > 1 ? 2 : 1;
      blocks.push(
        parsed.ident
          ? residual(parsed.family, stage, path, stride)
          : convolutionBlock(parsed.family, stage, path, stride),
      );
    }
  }
  const { epsilon, plainOldWeight, identOldWeight } = batchNormDefaults;
  const oldWeight = parsed.ident ? identOldWeight : plainOldWeight;
  const batchNorm = { epsilon, oldWeight, ...request.batchNorm };
  return { name: net, depth, input, classes, batchNorm, blocks };
}

function parseName(net: string): ParsedName {
  const match = /^(?:IGC-L(\d+)M(\d+)|RegConv-W(\d+)|(SumFusion))(\+Ident)?$/.exec(net);
  if (!match) {
    throw usageError({
      path: 'net',
      rule: 'must be IGC-L<L>M<M>, RegConv-W<width> or SumFusion, each with optional +Ident',
      got: JSON.stringify(net),
      hint: 'for example IGC-L24M2, RegConv-W16, IGC-L4M8+Ident',
    });
  }
  const [, L, M, width, , ident] = match;
  for (const value of [L, M, width]) {
    if (value !== undefined && !(Number(value) >= 1 && Number(value) <= 4096)) {
      throw usageError({
        path: 'net',
        rule: 'L, M and width must lie in 1…4096',
        got: JSON.stringify(net),
      });
    }
  }
  const family: Family =
    L !== undefined
      ? { kind: 'igc', L: Number(L), M: Number(M) }
      : width !== undefined
        ? { kind: 'regular', width: Number(width) }
        : { kind: 'sumFusion' };
  return { family, ident: ident !== undefined };
}

function checkCounts({ input, classes }: NamedNetwork): void {
  if (!(Number.isInteger(classes) && classes >= 2 && classes <= 65535)) {
    throw usageError({ path: 'classes', rule: 'must be an integer in 2…65535', got: `${classes}` });
  }
  for (const [name, value] of Object.entries(input)) {
    if (!(Number.isInteger(value) && value >= 1)) {
      throw usageError({
        path: `input.${name}`,
        rule: 'must be a positive integer',
        got: `${value}`,
      });
    }
  }
  const multiple = 2 ** (stages - 1);
  if (input.height % multiple !== 0 || input.width % multiple !== 0) {
    throw usageError({
      path: 'input',
      rule: `image sides must be divisible by ${multiple} (three stages, halved twice)`,
      got: `${input.height}×${input.width}`,
      hint: `nearest side is ${Math.max(1, Math.round(input.height / multiple)) * multiple} (--img-size)`,
    });
  }
}

function blocksPerStage(depth: number, ident: boolean): number {
  const layers = ident ? 6 : 3;
  const perStage = (depth - 2) / layers;
  if (Number.isInteger(perStage) && perStage >= 1) return perStage;
  const below = Math.max(1, Math.floor(perStage)) * layers + 2;
  throw usageError({
    path: 'depth',
    rule: ident ? 'must be 6n + 2 for +Ident networks' : 'must be 3B + 2',
    got: `${depth}`,
    hint: `nearest are ${below} and ${below + layers}`,
  });
}

function stem(family: Family): BlockSpec {
  const width =
    family.kind === 'igc'
      ? family.L * family.M
      : family.kind === 'regular'
        ? family.width
        : sumFusion.width;
  return { kind: 'regular', path: 'stem', outChannels: width, kernel: 3, stride: 1 };
}

function convolutionBlock(
  family: Family,
  stage: number,
  path: string,
  stride: number,
): ConvolutionBlock {
  const factor = 2 ** (stage - 1);
  const shared = { path, kernel: 3, stride } as const;
  switch (family.kind) {
    case 'igc':
      return { kind: 'igc', ...shared, L: family.L, M: family.M * factor };
    case 'regular':
      return { kind: 'regular', ...shared, outChannels: family.width * factor };
    case 'sumFusion':
      return {
        kind: 'sumFusion',
        ...shared,
        branches: sumFusion.branches,
        outChannels: sumFusion.width * factor,
      };
  }
}

function residual(family: Family, stage: number, path: string, stride: number): BlockSpec {
  const body = [
    convolutionBlock(family, stage, `${path}/unit1`, stride),
    convolutionBlock(family, stage, `${path}/unit2`, 1),
  ];
  const groups = family.kind === 'igc' ? family.L : 1;
  return { kind: 'residual', path, body, projection: stride === 2 ? { groups } : null };
}
