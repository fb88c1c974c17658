/**
 * The one interleaved group convolution block and all its variants, as operations: x′ = P Wˢ Pᵀ Wᵖ x, eq. (5).
 * Letters: L primary partitions, M channels of each after the block, M′ = M/b of each between the convolutions.
 */
import { usageError } from '../core/errors.ts';
import { type ChannelMap, interleave, restore } from '../core/permutation.ts';
import type { IgcBlock } from './blocks.ts';
import type { ConvOp, GraphBuilder } from './graph.ts';

/** M′: what a primary partition is wide between the primary and the secondary convolutions. */
export function innerPartitionWidth({ M, bottleneck = 1 }: IgcBlock): number {
  return M / bottleneck;
}

/**
 * Adds the block's convolutions and permutations, without the batch norm and ReLU around them; returns the last node.
 *
 * Parameters are `<path>/primary/weight` and `<path>/secondary/weight`; with several primary convolutions
 * `<path>/primary/conv<i>/weight`, and split ones end in `/column/weight` (k×1) and `/row/weight` (1×k).
 * Throws a usage error naming the block and the options that do not go together.
 */
export function addIgcConvolutions(graph: GraphBuilder, block: IgcBlock, input: number): number {
  checkOptions(block);
  const { path, L, M, bottleneck = 1 } = block;
  const partitions = secondaryPartitions(block, graph.shape(input).channels);
  const node = addPrimary(graph, block, input);
  const secondary = (groups: number) =>
    convolution(block, L * M, groups, block.secondaryKernel ?? 1, secondaryStride(block));
  if (block.secondary === 'full') return graph.add(`${path}/secondary`, secondary(1), node);
  const map = interleave(L, innerPartitionWidth(block));
  const mixed = graph.add(`${path}/interleave`, { kind: 'permute', map }, node);
  const blended = graph.add(`${path}/secondary`, secondary(partitions), mixed);
  const back =
    block.quirk === 'resnet_igc'
      ? restore((L * M) / partitions, partitions)
      : restoreRuns(L, partitions, bottleneck);
  return graph.add(`${path}/restore`, { kind: 'permute', map: back }, blended);
}

/**
 * Back into primary partitions where each of the `partitions` secondary ones gives every primary partition a run of
 * b channels: out[l·M + m·b + j] = in[m·(L·b) + l·b + j], M = partitions·b. With b = 1 this is `restore`, eq. (4).
 */
function restoreRuns(L: number, partitions: number, b: number): ChannelMap {
  return restore(L, partitions).flatMap((run) => Array.from({ length: b }, (_, j) => run * b + j));
}

/** The primary part: n convolutions in L partitions, the first of which widens to M′ channels each. */
function addPrimary(graph: GraphBuilder, block: IgcBlock, input: number): number {
  const { path, L, kernel, primaryConvolutions: n = 1, split = false } = block;
  const width = L * innerPartitionWidth(block);
  let node = input;
  for (let i = 1; i <= n; i++) {
    const part = n === 1 ? `${path}/primary` : `${path}/primary/conv${i}`;
    const stride = i === 1 ? primaryStride(block) : 1;
    if (split) {
      // The row strides in both directions: together they are then a k×k convolution of that stride.
      const column = { ...convolution(block, width, L, kernel, 1), kernel: [kernel, 1] as const };
      const row = { ...convolution(block, width, L, kernel, stride), kernel: [1, kernel] as const };
      const pad = (kernel - 1) / 2;
      node = graph.add(`${part}/column`, { ...column, pad: [pad, 0] }, node);
      node = graph.add(`${part}/row`, { ...row, pad: [0, pad] }, node);
    } else {
      node = graph.add(part, convolution(block, width, L, kernel, stride), node);
    }
    if (block.bn === 'both') node = graph.add(`${part}/bn`, { kind: 'batchNorm' }, node);
    if (block.between === 'relu') node = graph.add(`${part}/relu`, { kind: 'relu' }, node);
  }
  return node;
}

function convolution(
  block: IgcBlock,
  outChannels: number,
  groups: number,
  kernel: number,
  stride: number,
): ConvOp {
  checkKernel(block.path, kernel);
  const pad = (kernel - 1) / 2;
  return { kind: 'conv', outChannels, groups, kernel: [kernel, kernel], pad: [pad, pad], stride };
}

/** Same padding needs a middle. Throws a usage error naming the block. */
export function checkKernel(path: string, kernel: number): void {
  if (kernel % 2 === 1) return;
  throw usageError({
    path,
    rule: 'kernels must be odd, so that padding keeps the size of maps',
    got: `${kernel}`,
    hint: `nearest are ${kernel - 1} and ${kernel + 1}`,
  });
}

/** A 1×1 convolution of stride 2 would never see three of four pixels, so a spatial secondary strides instead. */
function isSecondarySpatial({ kernel, secondaryKernel = 1 }: IgcBlock): boolean {
  return kernel === 1 && secondaryKernel > 1;
}

const primaryStride = (block: IgcBlock) => (isSecondarySpatial(block) ? 1 : block.stride);
const secondaryStride = (block: IgcBlock) => (isSecondarySpatial(block) ? block.stride : 1);

/** M′, or with the quirk what the block's input has channels per primary partition. */
function secondaryPartitions(block: IgcBlock, inChannels: number): number {
  if (block.quirk !== 'resnet_igc') return innerPartitionWidth(block);
  return inChannels / block.L;
}

function checkOptions(block: IgcBlock): void {
  const { path, M, bottleneck = 1, quirk = 'none', secondary = 'grouped' } = block;
  if (M % bottleneck !== 0) {
    throw usageError({
      path,
      rule: 'bottleneck must divide M',
      got: `M=${M} bottleneck=${bottleneck}`,
    });
  }
  if (quirk !== 'none' && (secondary === 'full' || bottleneck !== 1)) {
    throw usageError({
      path,
      rule: `quirk ${quirk} needs grouped secondary convolutions without a bottleneck`,
      got: `secondary=${secondary} bottleneck=${bottleneck}`,
    });
  }
}
