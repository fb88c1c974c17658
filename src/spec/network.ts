/**
 * Networks as plain data (`NetSpec`: a list of blocks) and their meaning as graphs (`buildGraph`). The blocks
 * themselves are in blocks.ts; which ones the paper's networks consist of, in named-networks.ts.
 */

import { usageError } from '../core/errors.ts';
import { repeatChannels } from '../core/permutation.ts';
import {
  type BlockSpec,
  type ConvolutionBlock,
  isPreActivated,
  type MaxPoolBlock,
  type ResidualBlock,
} from './blocks.ts';
import { type Graph, type GraphBuilder, graphBuilder, type Shape } from './graph.ts';
import { addIgcConvolutions, checkKernel } from './igc-block.ts';

/**
 * A whole network: blocks, then a global average pool and a fully connected layer with bias. After a last block with
 * pre-activation the head begins with BN → ReLU.
 */
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

/**
 * Batch norm as the authors have it: ε 2e-5 everywhere; the old average weighs 0.9 in residual and ImageNet networks,
 * 0.99 in plain ones. @source authors' code
 */
export function authorsBatchNorm(isPlain: boolean): BatchNormSpec {
  return { epsilon: 2e-5, oldWeight: isPlain ? 0.99 : 0.9 };
}

/** The operations of a network up to its loss. Throws a usage error with the path of what does not fit. */
export function buildGraph(spec: NetSpec): Graph {
  const graph = graphBuilder();
  let node = graph.input(spec.input);
  for (const block of spec.blocks) node = addBlock(graph, block, node);
  const last = spec.blocks.findLast(({ kind }) => kind !== 'maxPool');
  if (last && isPreActivated(last)) node = addActivation(graph, 'head', node);
  const { height, width } = graph.shape(node);
  const kernel = [height, width] as const;
  node = graph.add('head/pool', { kind: 'averagePool', kernel, stride: 1 }, node);
  node = graph.add('head/fc', { kind: 'linear', outputs: spec.classes }, node);
  graph.add('loss', { kind: 'softmaxCrossEntropy' }, node);
  return graph.build();
}

/** Layers of a network as the paper counts them: convolution blocks, an IGC block as one, and fc. */
export function countLayers(blocks: readonly BlockSpec[]): number {
  const layers = blocks.map((block) => {
    if (block.kind === 'maxPool') return 0;
    return block.kind === 'residual' ? block.body.length : 1;
  });
  return layers.reduce<number>((sum, n) => sum + n, 1);
}

function addBlock(graph: GraphBuilder, block: BlockSpec, input: number): number {
  switch (block.kind) {
    case 'residual':
      return addResidual(graph, block, input);
    case 'maxPool':
      return addMaxPool(graph, block, input);
    default:
      return addConvolutionBlock(graph, block, input, true);
  }
}

function addMaxPool(graph: GraphBuilder, block: MaxPoolBlock, input: number): number {
  const { path, kernel, stride, pad } = block;
  checkDivides(path, graph.shape(input), stride);
  return graph.add(
    path,
    { kind: 'maxPool', kernel: [kernel, kernel], stride, pad: [pad, pad] },
    input,
  );
}

function addConvolutionBlock(
  graph: GraphBuilder,
  block: ConvolutionBlock,
  input: number,
  relu: boolean,
): number {
  checkDivides(block.path, graph.shape(input), block.stride);
  const { path, bn = 'after' } = block;
  if (bn === 'none') return addConvolutions(graph, block, input);
  if (bn === 'before') return addConvolutions(graph, block, addActivation(graph, path, input));
  const convolved = addConvolutions(graph, block, input);
  if (relu) return addActivation(graph, path, convolved);
  return graph.add(`${path}/bn`, { kind: 'batchNorm' }, convolved);
}

function addActivation(graph: GraphBuilder, path: string, input: number): number {
  const normalized = graph.add(`${path}/bn`, { kind: 'batchNorm' }, input);
  return graph.add(`${path}/relu`, { kind: 'relu' }, normalized);
}

function addConvolutions(graph: GraphBuilder, block: ConvolutionBlock, input: number): number {
  if (block.kind === 'igc') return addIgcConvolutions(graph, block, input);
  const { path, outChannels, kernel, stride } = block;
  checkKernel(path, kernel);
  const pad = (kernel - 1) / 2;
  const convolution = {
    kind: 'conv',
    outChannels,
    groups: 1,
    kernel: [kernel, kernel],
    pad: [pad, pad],
    stride,
  } as const;
  if (block.kind === 'regular') return graph.add(`${path}/conv`, convolution, input);
  // Σ_l W_l x is one convolution of x repeated; every branch keeps its own weights and fan-in.
  const inChannels = graph.shape(input).channels;
  const map = repeatChannels(inChannels, block.branches);
  const repeated = graph.add(`${path}/repeat`, { kind: 'permute', map }, input);
  const fanIn = inChannels * kernel ** 2;
  return graph.add(`${path}/branches`, { ...convolution, fanIn }, repeated);
}

function addResidual(graph: GraphBuilder, block: ResidualBlock, input: number): number {
  const preActivated = isPreActivated(block);
  checkBody(block, preActivated);
  const [first, ...rest] = block.body as [ConvolutionBlock, ...ConvolutionBlock[]];
  let shortcutInput = input;
  let node: number;
  if (preActivated) {
    checkDivides(first.path, graph.shape(input), first.stride);
    const activated = addActivation(graph, first.path, input);
    if (block.projection !== null) shortcutInput = activated;
    node = addConvolutions(graph, first, activated);
  } else {
    node = addConvolutionBlock(graph, first, input, rest.length > 0);
  }
  for (const [i, part] of rest.entries()) {
    node = addConvolutionBlock(graph, part, node, i + 1 < rest.length);
  }
  const shortcut = addShortcut(graph, block, shortcutInput, graph.shape(node));
  const sum = graph.add(`${block.path}/sum`, { kind: 'add' }, node, shortcut);
  return preActivated ? sum : graph.add(`${block.path}/relu`, { kind: 'relu' }, sum);
}

function checkBody({ path, body }: ResidualBlock, preActivated: boolean): void {
  if (body.length === 0) {
    throw usageError({ path: `${path}/body`, rule: 'needs at least one block', got: 'none' });
  }
  if (preActivated || !body.some(isPreActivated)) return;
  throw usageError({
    path: `${path}/body`,
    rule: 'bn must be "before" in all blocks of a residual body or in none',
    got: body.map(({ bn = 'after' }) => bn).join(', '),
  });
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
  if (isPreActivated(block)) return node;
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
