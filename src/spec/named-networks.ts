/**
 * The paper's networks by name, in three families of layouts:
 * `cifar`, three stages (Table 2); `flat8`, eight layers without down-sampling (figure 3); `imagenet18`, Table 6.
 * Letters: L primary partitions, M channels per primary partition in stage 1, D depth, B blocks per stage
 * (D = 3B + 2), n residual blocks per stage (D = 6n + 2).
 */
import { usageError } from '../core/errors.ts';
import type { BlockSpec, ConvolutionBlock, IgcOptions } from './blocks.ts';
import type { Shape } from './graph.ts';
import { type BlockFamily, type NetName, parseNetName } from './net-name.ts';
import { authorsBatchNorm, type BatchNormSpec, type NetSpec } from './network.ts';
import { checkVariant } from './variant.ts';

/** Layouts of stem and stages. */
export const netFamilies = ['cifar', 'flat8', 'imagenet18'] as const;
/** A layout of stem and stages: the paper’s CIFAR networks, figure 3’s, Table 6’s. */
export type NetFamily = (typeof netFamilies)[number];

/** What doubles from stage to stage: the channels of a primary partition, or the number of partitions. */
export type Doubling = 'M' | 'L';

/** The variants of §4, for every block of a network; `bn: before` and `after` also for RegConv and SumFusion. */
export interface NetVariant extends IgcOptions {
  /** Default 3. @source paper §4 "primary group convolution uses 1×1 convolution kernels" */
  readonly primaryKernel?: number;
}

/** A network by its name, depth, input and number of classes. */
export interface NamedNetwork {
  /** `IGC-L24M2`, `RegConv-W16`, `SumFusion`, each with optional `+Ident` */
  readonly net: string;
  /** Default `cifar`. */
  readonly family?: NetFamily;
  /** 3B + 2, or 6n + 2 for +Ident, in family `cifar`; 8 and 18, which need not be given, in the others. */
  readonly depth?: number;
  /** Default `M`. `L` is the way of the paper's IGC-L100M2 on ImageNet. */
  readonly double?: Doubling;
  readonly input: Shape;
  readonly classes: number;
  readonly variant?: NetVariant;
  readonly batchNorm?: Partial<BatchNormSpec>;
}

/** The depth of a family that has but one. */
export const fixedDepths: { readonly [F in NetFamily]: number | undefined } = {
  cifar: undefined,
  flat8: 8, // figure 3: "8 layers"
  imagenet18: 18, // Table 6
};

/** Where the blocks of a family stand. */
interface Layout {
  readonly depth: number;
  readonly stages: number;
  /** Convolution blocks in a stage, residual or not. */
  readonly perStage: number;
  /** Image sides must be multiples of this. */
  readonly multiple: number;
}

/** @source paper Table 2: SumFusion sums four 3×3 convolutions of width 8 */
const sumFusion = { branches: 4, width: 8 } as const;

/**
 * The network of that name and family for that input and those classes.
 *
 * @source paper Tables 2, 3, 5, 6 and figure 3; the authors' network/*.py and released ImageNet graphs
 * Throws a usage error for unknown names, impossible depths, variants that the blocks do not have, and sizes
 * that the stages do not divide.
 * @example namedNetwork({ net: 'IGC-L100M2+Ident', family: 'imagenet18', double: 'L', input, classes: 1000 })
 */
export function namedNetwork(request: NamedNetwork): NetSpec {
  const { family = 'cifar', input, classes, variant = {} } = request;
  checkFamily(family);
  const name = parseNetName(request.net);
  checkVariant(variant, name, family);
  checkDoubling(request, name);
  const layout = layOut(request, name);
  checkCounts(request, layout);
  const widths = { ...request, family, name, variant };
  const blocks = [...stem(widths)];
  for (let stage = 1; stage <= layout.stages; stage++) {
    blocks.push(...stageBlocks(widths, stage, layout.perStage));
  }
  const isPlain = !name.ident && family !== 'imagenet18';
  const batchNorm = { ...authorsBatchNorm(isPlain), ...request.batchNorm };
  return { name: request.net, depth: layout.depth, input, classes, batchNorm, blocks };
}

function checkFamily(family: string): void {
  if ((netFamilies as readonly string[]).includes(family)) return;
  throw usageError({
    path: 'family',
    rule: `must be one of ${netFamilies.join(', ')}`,
    got: JSON.stringify(family),
  });
}

function layOut(
  { family = 'cifar', depth }: NamedNetwork,
  { net, blocks, ident }: NetName,
): Layout {
  switch (family) {
    case 'cifar': {
      const perStage = cifarBlocksPerStage(depth, ident);
      return { depth: depth!, stages: 3, perStage, multiple: 4 };
    }
    case 'flat8':
      return { depth: fixedDepth(family, depth), stages: 1, perStage: 6, multiple: 1 };
    case 'imagenet18':
      if (blocks.kind === 'sumFusion') {
        throw usageError({ path: 'net', rule: 'belongs to families cifar and flat8', got: net });
      }
      return { depth: fixedDepth(family, depth), stages: 4, perStage: 4, multiple: 32 };
  }
}

function cifarBlocksPerStage(depth: number | undefined, ident: boolean): number {
  const layers = ident ? 6 : 3;
  const rule = ident ? 'must be 6n + 2 for +Ident networks' : 'must be 3B + 2';
  if (depth === undefined) {
    throw usageError({
      path: 'depth',
      rule,
      got: 'nothing',
      hint: `for example ${layers * 3 + 2}`,
    });
  }
  const perStage = (depth - 2) / layers;
  if (Number.isInteger(perStage) && perStage >= 1) return ident ? 2 * perStage : perStage;
  const below = Math.max(1, Math.floor(perStage)) * layers + 2;
  const hint = `nearest are ${below} and ${below + layers}`;
  throw usageError({ path: 'depth', rule, got: `${depth}`, hint });
}

function fixedDepth(family: NetFamily, depth: number | undefined): number {
  const fixed = fixedDepths[family]!;
  if (depth === undefined || depth === fixed) return fixed;
  throw usageError({ path: 'depth', rule: `is ${fixed} in family ${family}`, got: `${depth}` });
}

function checkDoubling({ double, family }: NamedNetwork, { net, blocks }: NetName): void {
  if (double === undefined) return;
  if (double !== 'M' && double !== 'L') {
    throw usageError({ path: 'double', rule: 'must be M or L', got: JSON.stringify(double) });
  }
  if (family === 'flat8') {
    throw usageError({
      path: 'double',
      rule: 'has no meaning in family flat8, which has one stage',
    });
  }
  if (blocks.kind !== 'igc') {
    throw usageError({ path: 'double', rule: 'needs a network with L and M', got: net });
  }
  if (double === 'L' && blocks.M % 2 !== 0) {
    // Each of the 2L partitions of the next stage reads M/2 channels of this one.
    throw usageError({ path: 'double', rule: 'L-doubling needs an even M', got: net });
  }
}

function checkCounts({ family = 'cifar', input, classes }: NamedNetwork, layout: Layout): void {
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
  const { multiple } = layout;
  if (input.height % multiple !== 0 || input.width % multiple !== 0) {
    const why = family === 'cifar' ? 'three stages, halved twice' : 'halved five times';
    throw usageError({
      path: 'input',
      rule: `image sides must be divisible by ${multiple} (${why})`,
      got: `${input.height}×${input.width}`,
      hint: `nearest side is ${Math.max(1, Math.round(input.height / multiple)) * multiple} (--img-size)`,
    });
  }
}

/** A request whose name is read and whose defaults are filled in. */
interface Widths {
  readonly family: NetFamily;
  readonly name: NetName;
  readonly double?: Doubling;
  readonly variant: NetVariant;
}

/**
 * The stem's width is stage 1's; with L-doubling on ImageNet it is half of that, M/2 channels per partition.
 * @source authors' code; the L100M2 graph: 100 channels before a stage of 200
 */
function stem({ family, name, double, variant }: Widths): readonly BlockSpec[] {
  const width = stageWidth(name.blocks, 1);
  const bn = variant.bn === 'before' ? ({ bn: 'none' } as const) : {};
  const shared = { kind: 'regular', path: 'stem', ...bn } as const;
  if (family !== 'imagenet18') return [{ ...shared, outChannels: width, kernel: 3, stride: 1 }];
  const outChannels = double === 'L' ? width / 2 : width;
  return [
    { ...shared, outChannels, kernel: 7, stride: 2 }, // Table 6
    { kind: 'maxPool', path: 'stem/pool', kernel: 3, stride: 2, pad: 1 }, // Table 6
  ];
}

function stageWidth(blocks: BlockFamily, stage: number): number {
  const factor = 2 ** (stage - 1);
  switch (blocks.kind) {
    case 'igc':
      return blocks.L * blocks.M * factor;
    case 'regular':
      return blocks.width * factor;
    case 'sumFusion':
      return sumFusion.width * factor;
  }
}

function stageBlocks(widths: Widths, stage: number, count: number): BlockSpec[] {
  const { family, name, double } = widths;
  const stride = stage === 1 ? 1 : 2;
  if (!name.ident) {
    return Array.from({ length: count }, (_, b) =>
      convolutionBlock(widths, stage, `stage${stage}/block${b + 1}`, b === 0 ? stride : 1),
    );
  }
  const widens = stage > 1 || (family === 'imagenet18' && double === 'L');
  return Array.from({ length: count / 2 }, (_, b) => {
    const path = `stage${stage}/block${b + 1}`;
    const body = [
      convolutionBlock(widths, stage, `${path}/unit1`, b === 0 ? stride : 1),
      convolutionBlock(widths, stage, `${path}/unit2`, 1),
    ];
    const groups = body[0]!.kind === 'igc' ? body[0]!.L : 1;
    return { kind: 'residual', path, body, projection: b === 0 && widens ? { groups } : null };
  });
}

function convolutionBlock(
  { name, double, variant }: Widths,
  stage: number,
  path: string,
  stride: number,
): ConvolutionBlock {
  const factor = 2 ** (stage - 1);
  const { primaryKernel: kernel = 3, ...options } = variant;
  const outChannels = stageWidth(name.blocks, stage);
  const bn = options.bn === undefined ? {} : { bn: options.bn as 'after' | 'before' };
  switch (name.blocks.kind) {
    case 'igc': {
      const { L, M } = name.blocks;
      const partitions = double === 'L' ? { L: L * factor, M } : { L, M: M * factor };
      return { kind: 'igc', path, ...partitions, kernel, stride, ...options };
    }
    case 'regular':
      return { kind: 'regular', path, outChannels, kernel, stride, ...bn };
    case 'sumFusion': {
      const { branches } = sumFusion;
      return { kind: 'sumFusion', path, branches, outChannels, kernel, stride, ...bn };
    }
  }
}
