/**
 * Networks as plain data (`NetSpec`: a list of blocks) and their meaning as graphs (`buildGraph`).
 * Which blocks the paper's networks consist of is in named-networks.ts.
 * Letters: L primary partitions, M channels per primary partition, after the block.
 */

import { usageError } from '../core/errors.ts';
import { interleave, repeatChannels, restore } from '../core/permutation.ts';
import { type Graph, type GraphBuilder, graphBuilder, type Shape } from './graph.ts';

/** convolution → BN → ReLU; the stem and the baseline (`RegConv`). */
export interface RegularBlock {
  readonly kind: 'regular';
  readonly path: string;
  readonly outChannels: number;
  readonly kernel: number;
  readonly stride: number;
}

/**
 * primary group convolution → interleave → secondary group convolution (1×1) → restore → BN → ReLU, eq. (5).
 * M is the width of a primary partition after the primary convolution, which widens and strides.
 */
export interface IgcBlock {
  readonly kind: 'igc';
  readonly path: string;
  readonly L: number;
  readonly M: number;
  readonly kernel: number;
  readonly stride: number;
}

/** `branches` convolutions of the same input, summed → BN → ReLU; the paper's baseline `SumFusion`. */
export interface SumFusionBlock {
  readonly kind: 'sumFusion';
  readonly path: string;
  readonly branches: number;
  readonly outChannels: number;
  readonly kernel: number;
  readonly stride: number;
}

/**
 * body + shortcut → ReLU; the last block of the body has no ReLU of its own. The shortcut is the identity, or
 * where the shape changes a 1×1 convolution of `projection.groups` groups → BN.
 * @source authors' network/resnet_igc.py
 */
export interface ResidualBlock {
  readonly kind: 'residual';
  readonly path: string;
  readonly body: readonly ConvolutionBlock[];
  readonly projection: { readonly groups: number } | null;
}

export type ConvolutionBlock = RegularBlock | IgcBlock | SumFusionBlock;
/** What a network is a list of. */
export type BlockSpec = ConvolutionBlock | ResidualBlock;

/** A whole network: blocks, then a global average pool and a fully connected layer with bias. */
export interface NetSpec {
  readonly name: string;
  readonly depth: number;
  readonly input: Shape;
  readonly classes: number;
  readonly batchNorm: BatchNormSpec;
  readonly blocks: readonly BlockSpec[];
}

export interface BatchNormSpec {
  readonly epsilon: number;
  /** What the old running average weighs at each update (the authors' MXNet "momentum"). */
  readonly oldWeight: number;
}

/** The operations of a network up to its loss. Throws a usage error with the path of what does not fit. */
export function buildGraph(spec: NetSpec): Graph {
  const graph = graphBuilder();
  let node = graph.input(spec.input);
  for (const block of spec.blocks) {
    node =
      block.kind === 'residual'
        ? addResidual(graph, block, node)
        : addConvolutionBlock(graph, block, node, true);
  }
  const { height, width } = graph.shape(node);
  const kernel = [height, width] as const;
  node = graph.add('head/pool', { kind: 'averagePool', kernel, stride: 1 }, node);
  node = graph.add('head/fc', { kind: 'linear', outputs: spec.classes }, node);
  graph.add('loss', { kind: 'softmaxCrossEntropy' }, node);
  return graph.build();
}

function addConvolutionBlock(
  graph: GraphBuilder,
  block: ConvolutionBlock,
  input: number,
  relu: boolean,
): number {
  checkDivides(block.path, graph.shape(input), block.stride);
  const convolved = addConvolutions(graph, block, input);
  const normalized = graph.add(`${block.path}/bn`, { kind: 'batchNorm' }, convolved);
  return relu ? graph.add(`${block.path}/relu`, { kind: 'relu' }, normalized) : normalized;
}

function addConvolutions(graph: GraphBuilder, block: ConvolutionBlock, input: number): number {
  const { path, stride } = block;
  const inChannels = graph.shape(input).channels;
  const spatial = {
    kernel: [block.kernel, block.kernel],
    pad: [(block.kernel - 1) / 2, (block.kernel - 1) / 2],
    stride,
  } as const;
  switch (block.kind) {
    case 'regular':
      return graph.add(
        `${path}/conv`,
        { kind: 'conv', outChannels: block.outChannels, groups: 1, ...spatial },
        input,
      );
    case 'sumFusion': {
      // Σ_l W_l x is one convolution of x repeated; every branch keeps its own weights and fan-in.
      const map = repeatChannels(inChannels, block.branches);
      const repeated = graph.add(`${path}/repeat`, { kind: 'permute', map }, input);
      const fanIn = inChannels * block.kernel ** 2;
      return graph.add(
        `${path}/branches`,
        { kind: 'conv', outChannels: block.outChannels, groups: 1, fanIn, ...spatial },
        repeated,
      );
    }
    case 'igc': {
      const { L, M } = block;
      const width = L * M;
      const primary = { kind: 'conv', outChannels: width, groups: L, ...spatial } as const;
      const secondary = {
        kind: 'conv',
        outChannels: width,
        groups: M,
        kernel: [1, 1],
        pad: [0, 0],
        stride: 1,
      } as const;
      let node = graph.add(`${path}/primary`, primary, input);
      node = graph.add(`${path}/interleave`, { kind: 'permute', map: interleave(L, M) }, node);
      node = graph.add(`${path}/secondary`, secondary, node);
      return graph.add(`${path}/restore`, { kind: 'permute', map: restore(L, M) }, node);
    }
  }
}

function addResidual(graph: GraphBuilder, block: ResidualBlock, input: number): number {
  let node = input;
  for (const [i, part] of block.body.entries()) {
    node = addConvolutionBlock(graph, part, node, i + 1 < block.body.length);
  }
  const shortcut = addShortcut(graph, block, input, graph.shape(node));
  const sum = graph.add(`${block.path}/sum`, { kind: 'add' }, node, shortcut);
  return graph.add(`${block.path}/relu`, { kind: 'relu' }, sum);
}

function addShortcut(
  graph: GraphBuilder,
  block: ResidualBlock,
  input: number,
  output: Shape,
): number {
  if (block.projection === null) return input;
  const { groups } = block.projection;
  const stride = Math.round(graph.shape(input).height / output.height);
  const path = `${block.path}/projection`;
  const node = graph.add(
    `${path}/conv`,
    { kind: 'conv', outChannels: output.channels, groups, kernel: [1, 1], pad: [0, 0], stride },
    input,
  );
  return graph.add(`${path}/bn`, { kind: 'batchNorm' }, node);
}

/** A stage that halves its maps must get even ones, as the paper's 32 → 16 → 8. */
function checkDivides(path: string, { height, width }: Shape, stride: number): void {
  if (height % stride === 0 && width % stride === 0) return;
  throw usageError({
    path,
    rule: `maps must be divisible by the stride ${stride}`,
    got: `${height}×${width}`,
    hint: 'choose an --img-size that every stage divides, e.g. 32',
  });
}
