/**
 * What a network costs: parameters and multiply-adds (MACs) of every node and in all, by two conventions.
 * Knows nothing about memory or time; plan/describe.ts prints these numbers beside a plan's.
 */
import { type GraphNode, ruleOf, type Shape } from '../spec/graph.ts';
import { buildGraph, type NetSpec } from '../spec/network.ts';

/**
 * `paper`: parameters without batch norm's γ and β; MACs without projection shortcuts.
 * `all`: every trainable value; MACs of every convolution and fully connected layer.
 */
export type CountConvention = 'paper' | 'all';

/** What one node costs. */
export interface NodeCost {
  readonly path: string;
  readonly kind: GraphNode['op']['kind'];
  /** Shape of one image's output. */
  readonly shape: Shape;
  readonly params: number;
  /** Per image. */
  readonly macs: number;
}

/** Parameters and multiply-adds of a network, in all and node by node. */
export interface Cost {
  readonly convention: CountConvention;
  /** In graph order, one per node. */
  readonly nodes: readonly NodeCost[];
  readonly params: number;
  readonly macs: number;
}

/**
 * Parameters and MACs per image of a network, by node and in all.
 *
 * @source the rule that reproduces all cells of the paper's Table 3 (10 classes) and its IGC rows of Table 7
 * (100 classes): weights of convolutions and of fc, fc bias, no batch norm; Table 6 leaves projections out of MACs
 * Throws a usage error naming the block that does not fit.
 * @example countCost(namedNetwork({ net: 'IGC-L24M2', depth: 20, input, classes: 10 }), 'paper').params // 151834
 */
export function countCost(spec: NetSpec, convention: CountConvention): Cost {
  const { nodes: graphNodes } = buildGraph(spec);
  const projections = convention === 'paper' ? projectionPaths(spec) : new Set<string>();
  const nodes = graphNodes.map((node): NodeCost => {
    const { path, shape } = node;
    const { kind } = node.op;
    const input = node.inputs.length > 0 ? graphNodes[node.inputs[0]!]!.shape : undefined;
    if (!input) return { path, kind, shape, params: 0, macs: 0 };
    const macs = projections.has(path) ? 0 : ruleOf(node.op).macs(node.op, input, shape);
    return { path, kind, shape, params: countParams(node, input, convention), macs };
  });
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  return {
    convention,
    nodes,
    params: sum(nodes.map((node) => node.params)),
    macs: sum(nodes.map((node) => node.macs)),
  };
}

function countParams(node: GraphNode, input: Shape, convention: CountConvention): number {
  return ruleOf(node.op)
    .parameters(node.op, input)
    .filter(({ role }) => convention === 'all' || (role !== 'gamma' && role !== 'beta'))
    .reduce((total, { shape }) => total + shape.reduce((product, n) => product * n, 1), 0);
}

function projectionPaths(spec: NetSpec): ReadonlySet<string> {
  const paths = spec.blocks.flatMap((block) =>
    block.kind === 'residual' && block.projection !== null ? [`${block.path}/projection/conv`] : [],
  );
  return new Set(paths);
}
