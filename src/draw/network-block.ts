/** The picture of one block of a network: which one, and what it is called. */
import { suggestName, usageError } from '../core/errors.ts';
import type { BlockSpec, ConvolutionBlock } from '../spec/blocks.ts';
import { buildGraph, type NetSpec } from '../spec/network.ts';
import { blockSvg } from './block.ts';
import { blockChain } from './block-chain.ts';

/**
 * The block of that path as one self-contained SVG file, as the paper's figure 1; without a path, the network's first
 * interleaved group convolution block, or where it has none, its first block after the stem.
 *
 * Throws a usage error when there is no such block, it is residual, or the network does not fit together.
 * @example networkBlockSvg(namedNetwork({ net: 'IGC-L2M3', depth: 8, input, classes: 10 }))
 */
export function networkBlockSvg(spec: NetSpec, path?: string): string {
  const block = path === undefined ? firstBlock(spec) : blockAt(spec, path);
  const partitions = block.kind === 'igc' ? { partitions: { L: block.L, M: block.M } } : {};
  return blockSvg({
    title: `${spec.name}, ${block.path}`,
    chain: blockChain(buildGraph(spec), block.path),
    ...partitions,
  });
}

function firstBlock(spec: NetSpec): ConvolutionBlock {
  const blocks = spec.blocks.flatMap(partsOf);
  const first = blocks.find(({ kind }) => kind === 'igc') ?? blocks[1] ?? blocks[0];
  if (first) return first;
  throw usageError({ path: spec.name, rule: 'must have a block to draw', got: 'none' });
}

function blockAt(spec: NetSpec, path: string): ConvolutionBlock {
  const parts = spec.blocks.flatMap(partsOf);
  const found = parts.find((part) => part.path === path);
  if (found) return found;
  const whole = spec.blocks.find((block) => block.path === path);
  if (whole?.kind === 'residual') {
    throw usageError({
      path: 'block',
      rule: 'must not be residual, since its parts are drawn one by one',
      got: JSON.stringify(path),
      hint: `choose ${whole.body.map((part) => part.path).join(' or ')}`,
    });
  }
  const known = parts.map((part) => part.path);
  throw usageError({
    path: 'block',
    rule: 'no such block of convolutions',
    got: JSON.stringify(path),
    hint:
      known.length > 12
        ? `the first are ${known.slice(0, 3).join(', ')}`
        : suggestName(path, known),
  });
}

function partsOf(block: BlockSpec): readonly ConvolutionBlock[] {
  if (block.kind === 'maxPool') return [];
  return block.kind === 'residual' ? block.body : [block];
}
