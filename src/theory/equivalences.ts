/**
 * §4 of the paper as constructions that run: each gives a module and the IGC block that computes the same, as
 * graphs with weights. Tests run both through the float64 kernels (kernels/run-graph.ts).
 * Letters: L primary partitions, M channels each of the IGC block's output, r = √L.
 */
import { usageError } from '../core/errors.ts';
import { type ChannelMap, interleave, repeatChannels, restore } from '../core/permutation.ts';
import {
  type ConvOp,
  type Graph,
  type GraphBuilder,
  graphBuilder,
  type Shape,
} from '../spec/graph.ts';
import { composeChain, type NamedWeights, type WeightedConv } from './linear-chain.ts';

/** A graph of convolutions and permutations, and the values of its parameters. */
export interface WeightedGraph {
  readonly graph: Graph;
  readonly weights: NamedWeights;
}

/** Two graphs that give the same outputs for the same input. */
export interface Equivalence {
  readonly module: WeightedGraph;
  readonly igc: WeightedGraph;
}

/** Height and width of the maps to build the graphs for. */
export type MapSize = Pick<Shape, 'height' | 'width'>;

const pointwise = { kernel: [1, 1], pad: [0, 0], stride: 1 } as const;

/**
 * A regular convolution as an IGC block of L partitions, L a square: [x′; …; x′] = P Wˢ Pᵀ Wᵖ [x; …; x], r times each.
 *
 * Wᵖ = diag(W₁₁, W₁₂, …, W_rr), W in r×r blocks; row a·r + b of each secondary block has ones at b·r … b·r + r − 1.
 * @source paper eqs. (17)–(20) for L = 4, r = 2
 * Throws a usage error when L is not a square or √L does not divide the channels.
 */
export function regularAsIgc(conv: WeightedConv, L: number, size: MapSize): Equivalence {
  const r = Math.round(Math.sqrt(L));
  checkSquare(L, r);
  const { op, inChannels, weight } = conv;
  checkDense('regular', conv);
  checkDivides('inChannels', inChannels, r);
  checkDivides('outChannels', op.outChannels, r);
  const [M, inPart] = [op.outChannels / r, inChannels / r];
  const taps = op.kernel[0] * op.kernel[1];
  // Partition l = i·r + j holds W_ij and reads x_j, which is partition l of [x; …; x].
  const primary = new Float64Array(L * M * inPart * taps);
  for (let l = 0; l < L; l++) {
    const [i, j] = [Math.floor(l / r), l % r];
    for (let m = 0; m < M; m++) {
      const from = ((i * M + m) * inChannels + j * inPart) * taps;
      primary.set(weight.subarray(from, from + inPart * taps), (l * M + m) * inPart * taps);
    }
  }
  const secondary = repeatBlock(M, L, (row, l) => (Math.floor(l / r) === row % r ? 1 : 0));
  const input = { channels: inChannels, ...size };
  return {
    module: weightedGraph(input, (add) => {
      const y = add.conv('regular', op, weight);
      add.permute('copies', repeatChannels(op.outChannels, r), y);
    }),
    igc: weightedGraph(input, (add) => {
      const copies = add.permute('copies', repeatChannels(inChannels, r));
      addBlock(add, { op, L, M, primary, secondary, input: copies });
    }),
  };
}

/**
 * Summation fusion of L branches as an IGC block: [x′; …; x′] = P Wˢ Pᵀ Wᵖ [x; …; x], L times each.
 *
 * x′ = Σ_l W_l x; the secondary kernels are all ones. `conv` has branch l's weights at inputs l·C … l·C + C − 1,
 * as a `sumFusion` block has.
 * @source paper eqs. (21) and (22)
 * Throws a usage error when L does not divide the convolution's inputs.
 */
export function sumFusionAsIgc(conv: WeightedConv, L: number, size: MapSize): Equivalence {
  const { op, inChannels, weight } = conv;
  checkDense('sumFusion', conv);
  checkDivides('inChannels', inChannels, L);
  const [M, perBranch] = [op.outChannels, inChannels / L];
  const length = perBranch * op.kernel[0] * op.kernel[1];
  const primary = new Float64Array(weight.length);
  for (let l = 0; l < L; l++) {
    for (let m = 0; m < M; m++) {
      const from = (m * L + l) * length;
      primary.set(weight.subarray(from, from + length), (l * M + m) * length);
    }
  }
  const secondary = repeatBlock(M, L, () => 1);
  const input = { channels: perBranch, ...size };
  const copies = repeatChannels(perBranch, L);
  return {
    module: weightedGraph(input, (add) => {
      const y = add.conv('branches', op, weight, add.permute('repeat', copies));
      add.permute('copies', repeatChannels(M, L), y);
    }),
    igc: weightedGraph(input, (add) => {
      addBlock(add, { op, L, M, primary, secondary, input: add.permute('repeat', copies) });
    }),
  };
}

/**
 * The Xception module as the IGC block with M = 1: a channel-wise spatial convolution and a 1×1 convolution.
 *
 * @source paper §4 "Xception is an extreme case". Differs: Xception's 1×1 convolution comes first; the paper (after
 * Chollet) takes the order for immaterial, since modules are stacked
 * Throws a usage error when the first is not channel-wise.
 */
export function xceptionAsIgc(
  channelWise: WeightedConv,
  secondary: Float64Array,
  size: MapSize,
): Equivalence {
  const { op, inChannels: L, weight } = channelWise;
  if (op.groups !== L || op.outChannels !== L) {
    throw usageError({
      path: 'channelWise',
      rule: 'must have one group and one output per channel',
      got: `channels=${L} groups=${op.groups} outChannels=${op.outChannels}`,
    });
  }
  const mix: ConvOp = { kind: 'conv', outChannels: L, groups: 1, ...pointwise };
  const input = { channels: L, ...size };
  return {
    module: weightedGraph(input, (add) => {
      add.conv('pointwise', mix, secondary, add.conv('channelWise', op, weight));
    }),
    igc: weightedGraph(input, (add) => {
      addBlock(add, { op, L, M: 1, primary: weight, secondary });
    }),
  };
}

/**
 * A group convolution as the IGC block whose secondary kernels are identities, Wˢ = I.
 *
 * @source paper §1 and §4, by eq. (5)
 */
export function groupAsIgc(conv: WeightedConv, size: MapSize): Equivalence {
  const { op, inChannels, weight } = conv;
  const L = op.groups;
  const M = op.outChannels / L;
  const input = { channels: inChannels, ...size };
  return {
    module: weightedGraph(input, (add) => {
      add.conv('group', op, weight);
    }),
    igc: weightedGraph(input, (add) => {
      const secondary = repeatBlock(M, L, (row, l) => (row === l ? 1 : 0));
      addBlock(add, { op, L, M, primary: weight, secondary });
    }),
  };
}

/**
 * The IGC block with L = 1 as a regular convolution, each of whose output channels has a weight of its own.
 *
 * W′[o] = s[o]·W[o]; `channelWeights` are s.
 * @source paper §4 "In the case where L = 1"
 */
export function singlePartitionAsRegular(
  conv: WeightedConv,
  channelWeights: Float64Array,
  size: MapSize,
): Equivalence {
  const { op, inChannels, weight } = conv;
  checkDense('primary', conv);
  const M = op.outChannels;
  const perChannel = weight.length / M;
  const scaled = weight.map((value, i) => value * channelWeights[Math.floor(i / perChannel)]!);
  const input = { channels: inChannels, ...size };
  return {
    module: weightedGraph(input, (add) => {
      add.conv('regular', op, scaled);
    }),
    igc: weightedGraph(input, (add) => {
      addBlock(add, { op, L: 1, M, primary: weight, secondary: channelWeights });
    }),
  };
}

/**
 * Any IGC block as one dense convolution with the composite kernel.
 *
 * `primary` has L groups of M outputs; `secondary` is [m·L + l′][l], M blocks of L×L.
 * @source paper eqs. (5) and (6)
 */
export function igcAsRegular(
  primary: WeightedConv,
  secondary: Float64Array,
  size: MapSize,
): Equivalence {
  const { op, inChannels, weight } = primary;
  const L = op.groups;
  const input = { channels: inChannels, ...size };
  const igc = weightedGraph(input, (add) => {
    addBlock(add, { op, L, M: op.outChannels / L, primary: weight, secondary });
  });
  const dense = composeChain(igc.graph.nodes.slice(1), inChannels, igc.weights);
  return {
    module: weightedGraph(input, (add) => {
      add.conv('regular', dense.op, dense.weight);
    }),
    igc,
  };
}

/** Adds nodes and remembers their weights; `input` is the graph's input unless told. */
interface Adding {
  conv(path: string, op: ConvOp, weight: Float64Array, input?: number): number;
  permute(path: string, map: ChannelMap, input?: number): number;
}

function weightedGraph(input: Shape, build: (add: Adding) => void): WeightedGraph {
  const graph: GraphBuilder = graphBuilder();
  const start = graph.input(input);
  const weights = new Map<string, Float64Array>();
  build({
    conv(path, op, weight, from = start) {
      weights.set(`${path}/weight`, weight);
      return graph.add(path, op, from);
    },
    permute: (path, map, from = start) => graph.add(path, { kind: 'permute', map }, from),
  });
  return { graph: graph.build(), weights };
}

interface BlockParts {
  /** Kernel, padding and stride of the primary convolution. */
  readonly op: ConvOp;
  readonly L: number;
  readonly M: number;
  readonly primary: Float64Array;
  readonly secondary: Float64Array;
  readonly input?: number;
}

/** P Wˢ Pᵀ Wᵖ, eq. (5). */
function addBlock(add: Adding, { op, L, M, primary, secondary, input }: BlockParts): void {
  const y = add.conv('primary', { ...op, outChannels: L * M, groups: L }, primary, input);
  const mixed = add.permute('interleave', interleave(L, M), y);
  const blend: ConvOp = { kind: 'conv', outChannels: L * M, groups: M, ...pointwise };
  add.permute('restore', restore(L, M), add.conv('secondary', blend, secondary, mixed));
}

/** M times the same L×L matrix: the secondary kernels [m·L + row][l]. */
function repeatBlock(
  M: number,
  L: number,
  entry: (row: number, column: number) => number,
): Float64Array {
  return Float64Array.from({ length: M * L * L }, (_, i) => entry(Math.floor(i / L) % L, i % L));
}

function checkSquare(L: number, r: number): void {
  if (Number.isInteger(L) && L >= 1 && r * r === L) return;
  const below = Math.max(1, Math.floor(Math.sqrt(Math.max(1, L))));
  throw usageError({
    path: 'L',
    rule: 'must be the square of an integer for a regular convolution as IGC, eq. (17)',
    got: `${L}`,
    ...(Number.isFinite(L) && { hint: `nearest are ${below ** 2} and ${(below + 1) ** 2}` }),
  });
}

function checkDivides(name: string, channels: number, parts: number): void {
  if (channels % parts === 0) return;
  throw usageError({
    path: name,
    rule: `must be divisible by ${parts}`,
    got: `${channels}`,
    hint: `nearest are ${[Math.floor(channels / parts), Math.ceil(channels / parts)]
      .filter((times) => times > 0)
      .map((times) => times * parts)
      .join(' and ')}`,
  });
}

function checkDense(path: string, { op }: WeightedConv): void {
  if (op.groups === 1) return;
  throw usageError({
    path,
    rule: 'must be a convolution of one group',
    got: `groups=${op.groups}`,
  });
}
