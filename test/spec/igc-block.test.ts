/** What each variant of the one block consists of: its convolutions in order, their parameters, its permutations. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { invertMap, restore } from '../../src/core/permutation.ts';
import type { IgcBlock, IgcOptions } from '../../src/spec/blocks.ts';
import { type Graph, ruleOf } from '../../src/spec/graph.ts';
import { networkOf } from '../kernels/cases.ts';

type Options = IgcOptions & { kernel?: number; stride?: number };

function graphOf(L: number, M: number, options: Options, inChannels = L * M): Graph {
  const block: IgcBlock = { kind: 'igc', path: 'b', L, M, kernel: 3, stride: 1, ...options };
  return networkOf({ channels: inChannels, height: 8, width: 8 }, [block]);
}

/** The nodes of the block: path without its first word, kind, and for convolutions weight shape / groups / stride. */
function partsOf(graph: Graph): string[] {
  return graph.nodes
    .filter(({ path }) => path.startsWith('b/'))
    .map(({ path, op, inputs }) => {
      if (op.kind !== 'conv') return path.slice(2);
      const [weight] = ruleOf(op).parameters(op, graph.nodes[inputs[0]!]!.shape);
      return `${path.slice(2)} ${weight!.shape.join('×')} /${op.groups} s${op.stride}`;
    });
}

const after = ['restore', 'bn', 'relu'];

/** For L = 2, M = 4. */
const table: readonly (readonly [Options, readonly string[]])[] = [
  [{}, ['primary 8×4×3×3 /2 s1', 'interleave', 'secondary 8×2×1×1 /4 s1', ...after]],
  [
    { kernel: 1, secondaryKernel: 3, stride: 2 },
    ['primary 8×4×1×1 /2 s1', 'interleave', 'secondary 8×2×3×3 /4 s2', ...after],
  ],
  [
    { secondaryKernel: 3, stride: 2 },
    ['primary 8×4×3×3 /2 s2', 'interleave', 'secondary 8×2×3×3 /4 s1', ...after],
  ],
  [{ secondary: 'full' }, ['primary 8×4×3×3 /2 s1', 'secondary 8×8×1×1 /1 s1', 'bn', 'relu']],
  [
    { secondary: 'full', bottleneck: 2 },
    ['primary 4×4×3×3 /2 s1', 'secondary 8×4×1×1 /1 s1', 'bn', 'relu'],
  ],
  [
    { split: true, stride: 2 },
    [
      'primary/column 8×4×3×1 /2 s1',
      'primary/row 8×4×1×3 /2 s2',
      'interleave',
      'secondary 8×2×1×1 /4 s1',
      ...after,
    ],
  ],
  [{ bottleneck: 2 }, ['primary 4×4×3×3 /2 s1', 'interleave', 'secondary 8×2×1×1 /2 s1', ...after]],
  [
    { primaryConvolutions: 2, stride: 2 },
    [
      'primary/conv1 8×4×3×3 /2 s2',
      'primary/conv2 8×4×3×3 /2 s1',
      'interleave',
      'secondary 8×2×1×1 /4 s1',
      ...after,
    ],
  ],
  [
    { bn: 'both', between: 'relu' },
    [
      'primary 8×4×3×3 /2 s1',
      'primary/bn',
      'primary/relu',
      'interleave',
      'secondary 8×2×1×1 /4 s1',
      ...after,
    ],
  ],
  [
    { bn: 'before' },
    ['bn', 'relu', 'primary 8×4×3×3 /2 s1', 'interleave', 'secondary 8×2×1×1 /4 s1', 'restore'],
  ],
];

test.each(table)('%j', (options, parts) => {
  expect(partsOf(graphOf(2, 4, options))).toEqual(parts);
});

test('the quirk makes as many secondary partitions as the input has channels per primary one', () => {
  const options = { quirk: 'resnet_igc' } as const;
  expect(partsOf(graphOf(2, 4, options, 4))[2]).toBe('secondary 8×4×1×1 /2 s1');
  expect(partsOf(graphOf(2, 4, options))).toEqual(partsOf(graphOf(2, 4, {})));
  const maps = graphOf(2, 4, options, 4).nodes.flatMap(({ op }) =>
    op.kind === 'permute' ? [op.map] : [],
  );
  // Reorder(L = 2), then Reorder(2): out[j·b + i] = in[i·(C/b) + j]; not inverse to each other.
  expect(maps).toEqual([
    [0, 4, 1, 5, 2, 6, 3, 7],
    [0, 4, 1, 5, 2, 6, 3, 7],
  ]);
});

describe('the permutation back from a bottleneck', () => {
  const upTo = (most: number) => fc.integer({ min: 1, max: most });
  const backOf = (L: number, M: number, bottleneck: number) => {
    const { op } = graphOf(L, M, { bottleneck }).nodes.find(({ path }) => path === 'b/restore')!;
    return op.kind === 'permute' ? op.map : [];
  };

  test('gives each primary partition b channels of every secondary one, in their order', () => {
    fc.assert(
      fc.property(upTo(6), upTo(4), upTo(4), (L, partitions, b) => {
        const M = partitions * b;
        const map = backOf(L, M, b);
        expect(invertMap(map)).toBeDefined();
        for (let l = 0; l < L; l++) {
          const want = Array.from({ length: M }, (_, i) => {
            const [m, j] = [Math.floor(i / b), i % b];
            return m * (L * b) + l * b + j;
          });
          expect(map.slice(l * M, (l + 1) * M)).toEqual(want);
        }
      }),
      { seed: 1, numRuns: 60 },
    );
  });

  test('is the paper’s without a bottleneck', () => {
    expect(backOf(5, 3, 1)).toEqual(restore(5, 3));
  });
});

test('pre-activation puts the last batch norm into the head, and nothing after a residual sum', () => {
  const unit = (path: string): IgcBlock => {
    return { kind: 'igc', path, L: 2, M: 2, kernel: 3, stride: 1, bn: 'before' };
  };
  const graph = networkOf({ channels: 3, height: 4, width: 4 }, [
    { kind: 'regular', path: 'stem', outChannels: 2, kernel: 3, stride: 1, bn: 'none' },
    { kind: 'residual', path: 'r', body: [unit('r/u1'), unit('r/u2')], projection: { groups: 2 } },
  ]);
  const inputsOf = (path: string) =>
    graph.nodes.find((node) => node.path === path)!.inputs.map((i) => graph.nodes[i]!.path);
  expect(inputsOf('r/u1/bn')).toEqual(['stem/conv']);
  expect(inputsOf('r/projection/conv')).toEqual(['r/u1/relu']);
  expect(inputsOf('r/sum')).toEqual(['r/u2/restore', 'r/projection/conv']);
  expect(inputsOf('head/bn')).toEqual(['r/sum']);
  expect(inputsOf('head/pool')).toEqual(['head/relu']);
});
