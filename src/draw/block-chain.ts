/**
 * What one block does to channels, read off its graph: group convolutions, permutations, and what acts on every
 * channel alone. Whatever variant the block is, the picture shows the operations that would run.
 */
import { usageError } from '../core/errors.ts';
import type { ChannelMap } from '../core/permutation.ts';
import type { Graph, GraphNode, Op, Shape } from '../spec/graph.ts';
import { branchesOf } from './words.ts';

export interface ChainConv {
  readonly kind: 'conv';
  /** `primary`, `secondary`, `primary/conv2/row`, …: its path inside the block. */
  readonly name: string;
  readonly groups: number;
  readonly kernel: readonly [number, number];
  readonly stride: number;
  readonly outChannels: number;
  /** Convolutions of the same input that are summed in this one. */
  readonly branches: number;
}

export interface ChainPermute {
  readonly kind: 'permute';
  readonly name: string;
  readonly map: ChannelMap;
}

/** Something that each channel goes through alone: batch norm, ReLU. */
export interface ChainPointwise {
  readonly kind: 'pointwise';
  readonly name: string;
}

export type ChainOp = ChainConv | ChainPermute | ChainPointwise;

/** A block as a chain: the maps that go in, what happens to them, the maps that come out. */
export interface BlockChain {
  readonly input: Shape;
  readonly ops: readonly ChainOp[];
  readonly output: Shape;
}

/** The chain of the nodes whose paths begin with `path/`. Throws where there are none, or they branch. */
export function blockChain(graph: Graph, path: string): BlockChain {
  // A pool of the stem is a block of its own, though its path is inside the stem's.
  const nodes = graph.nodes.filter(
    (node) => node.path.startsWith(`${path}/`) && node.op.kind !== 'maxPool',
  );
  if (nodes.length === 0) throw usageError({ path, rule: 'no such block' });
  for (const [i, node] of nodes.entries()) {
    const before = graph.nodes[node.inputs[0]!];
    if (node.inputs.length === 1 && (i === 0 || before === nodes[i - 1])) continue;
    throw usageError({ path, rule: 'must be a chain of operations to be drawn as one block' });
  }
  return {
    input: graph.nodes[nodes[0]!.inputs[0]!]!.shape,
    ops: nodes.map((node) => chainOp(graph, node, path)),
    output: nodes.at(-1)!.shape,
  };
}

function chainOp(graph: Graph, { path, op, inputs }: GraphNode, block: string): ChainOp {
  const name = path.slice(block.length + 1);
  if (op.kind === 'conv') {
    const { groups, kernel, stride, outChannels } = op;
    const branches = branchesOf(op, graph.nodes[inputs[0]!]!.shape.channels);
    return { kind: 'conv', name, groups, kernel, stride, outChannels, branches };
  }
  if (op.kind === 'permute') return { kind: 'permute', name, map: op.map };
  return { kind: 'pointwise', name: pointwiseName(op) };
}

/** What an operation on channels alone is called in a picture. */
function pointwiseName({ kind }: Op): string {
  return kind === 'batchNorm' ? 'batch norm' : kind === 'relu' ? 'ReLU' : kind;
}
