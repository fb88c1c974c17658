/** Places of parameters and running averages in their arenas, in graph order, named by their nodes' paths. */
import { type Graph, ruleOf } from '../spec/graph.ts';
import type { BatchNorm, Parameter } from './plan.ts';

export interface ParameterLayout {
  readonly parameters: readonly Parameter[];
  readonly batchNorms: readonly BatchNorm[];
  /** Parameter offsets of each node, in the order of its op's rule. */
  readonly offsetsOf: ReadonlyMap<number, readonly number[]>;
  /** Index into `batchNorms` of each batch-norm node. */
  readonly batchNormOf: ReadonlyMap<number, number>;
  readonly parameterSize: number;
  /** Running mean and running variance of every batch norm. */
  readonly stateSize: number;
}

export function layOutParameters(graph: Graph, epsilon: number): ParameterLayout {
  const parameters: Parameter[] = [];
  const batchNorms: BatchNorm[] = [];
  const offsetsOf = new Map<number, readonly number[]>();
  const batchNormOf = new Map<number, number>();
  let parameterSize = 0;
  let stateSize = 0;
  for (const [index, node] of graph.nodes.entries()) {
    const input = node.inputs.length > 0 ? graph.nodes[node.inputs[0]!]!.shape : undefined;
    if (!input) continue;
    const offsets = ruleOf(node.op)
      .parameters(node.op, input)
      .map(({ role, shape, init }) => {
        const size = shape.reduce((product, n) => product * n, 1);
        const offset = parameterSize;
        parameters.push({ path: `${node.path}/${role}`, role, shape, init, offset, size });
        parameterSize += size;
        return offset;
      });
    offsetsOf.set(index, offsets);
    if (node.op.kind !== 'batchNorm') continue;
    const { channels } = input;
    batchNormOf.set(index, batchNorms.length);
    batchNorms.push({
      path: node.path,
      channels,
      epsilon,
      gamma: offsets[0]!,
      beta: offsets[1]!,
      runningMean: stateSize,
      runningVariance: stateSize + channels,
    });
    stateSize += 2 * channels;
  }
  return { parameters, batchNorms, offsetsOf, batchNormOf, parameterSize, stateSize };
}
