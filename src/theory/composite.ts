/**
 * A block of a trained network as one dense convolution, W = P Wˢ Pᵀ Wᵖ, and how sparse its factors are.
 * How kernels compose is in linear-chain.ts. The batch norm and ReLU around a block are left as they are.
 */
import { suggestName, usageError } from '../core/errors.ts';
import type { GraphNode } from '../spec/graph.ts';
import { buildGraph, type NetSpec } from '../spec/network.ts';
import { type Composite, composeChain, type NamedWeights } from './linear-chain.ts';

/** Entries that are not 0, eq. (16). */
export interface KernelNonZeros {
  /** ‖Wᵖ‖₀, ‖Wˢ‖₀ and their sum T. */
  readonly primary: number;
  readonly secondary: number;
  readonly total: number;
  /** ‖W‖₀ of the composite kernel, and how many entries it has. */
  readonly composite: number;
  readonly compositeSize: number;
}

/**
 * The dense convolution that gives the same outputs as the convolutions of a block, from its trained weights.
 *
 * W = P Wˢ Pᵀ Wᵖ; with a spatial secondary kernel equal away from the border (`margin`)
 * @source paper eqs. (5) and (6)
 * Throws a usage error for unknown blocks, missing weights, and blocks with a non-linearity or a batch norm between
 * their convolutions.
 * @example
 * const file = 'runs/a/checkpoints/last/model.safetensors';
 * const { tensors } = decodeSafetensors(readFileSync(file), file);
 * const weights = new Map([...tensors].map(([path, { data }]) => [path, data]));
 * blockComposite(spec, 'stage2/block1', weights).op.kernel // [3, 3]
 */
export function blockComposite(spec: NetSpec, path: string, weights: NamedWeights): Composite {
  const { nodes, inChannels } = blockChain(spec, path);
  return composeChain(nodes, inChannels, weights);
}

/**
 * Non-zero entries of a block's two kernels and of their product.
 *
 * ‖Wᵖ‖₀ + ‖Wˢ‖₀ = T, where no weight happens to be 0
 * @source paper eq. (16)
 * Throws as `blockComposite` does.
 */
export function blockNonZeros(spec: NetSpec, path: string, weights: NamedWeights): KernelNonZeros {
  const { weight } = blockComposite(spec, path, weights);
  const ofPart = (part: string) => {
    const paths = blockChain(spec, path).nodes.map((node) => node.path);
    return paths
      .filter((node) => `${node}/`.startsWith(`${path}/${part}/`))
      .reduce((sum, node) => sum + nonZeros(weights.get(`${node}/weight`) ?? []), 0);
  };
  const [primary, secondary] = [ofPart('primary'), ofPart('secondary')];
  return {
    primary,
    secondary,
    total: primary + secondary,
    composite: nonZeros(weight),
    compositeSize: weight.length,
  };
}

function nonZeros(values: ArrayLike<number>): number {
  let count = 0;
  for (let i = 0; i < values.length; i++) if (values[i] !== 0) count++;
  return count;
}

/** A block's nodes from its first convolution or permutation to its last, and the channels that enter it. */
function blockChain(
  spec: NetSpec,
  path: string,
): { readonly nodes: readonly GraphNode[]; readonly inChannels: number } {
  const paths = convolutionBlockPaths(spec);
  if (!paths.includes(path)) {
    throw usageError({
      path: spec.name,
      rule: 'has no such block',
      got: JSON.stringify(path),
      hint: suggestName(path, paths),
    });
  }
  const graph = buildGraph(spec);
  const inside = graph.nodes.filter((node) => node.path.startsWith(`${path}/`));
  const isLinear = ({ op }: GraphNode) => op.kind === 'conv' || op.kind === 'permute';
  const first = inside.findIndex(isLinear);
  const nodes = inside.slice(first, inside.findLastIndex(isLinear) + 1);
  return { nodes, inChannels: graph.nodes[nodes[0]!.inputs[0]!]!.shape.channels };
}

function convolutionBlockPaths({ blocks }: NetSpec): readonly string[] {
  return blocks.flatMap((block) => {
    if (block.kind === 'residual') return block.body.map(({ path }) => path);
    return [block.path];
  });
}
