/** Small networks of every variant of the IGC block, plain and residual, for the kernels' and the gradients' tests. */
import type {
  BlockSpec,
  ConvolutionBlock,
  IgcOptions,
  RegularBlock,
} from '../../src/spec/blocks.ts';
import type { Graph } from '../../src/spec/graph.ts';
import { largeEpsilon, networkOf } from './cases.ts';
import type { Case } from './trial.ts';

type Options = IgcOptions & { readonly kernel?: number };
type Named = Pick<Case, 'name' | 'graph'>;

const image = { channels: 2, height: 4, width: 4 };

const igcVariants: readonly (readonly [string, Options])[] = [
  ['primary 1×1, secondary 3×3', { kernel: 1, secondaryKernel: 3 }],
  ['both 3×3', { secondaryKernel: 3 }],
  ['a full secondary', { secondary: 'full' }],
  ['a full 3×3 secondary', { secondary: 'full', secondaryKernel: 3 }],
  ['3×1 and 1×3', { split: true }],
  ['a bottleneck', { bottleneck: 2 }],
  ['a bottleneck before a full secondary', { bottleneck: 2, secondary: 'full' }],
  ['two convolutions a partition', { primaryConvolutions: 2 }],
  ['a ReLU between', { between: 'relu' }],
  // Behind a 1×1 secondary the block's own batch norm takes this one's β away again: a gradient of 0.
  ['a batch norm between', { bn: 'both', secondaryKernel: 3 }],
  ['a batch norm and a ReLU between', { bn: 'both', between: 'relu' }],
  ['pre-activation', { bn: 'before' }],
  ['the quirk of resnet_igc', { quirk: 'resnet_igc' }],
  [
    'many variants at once',
    {
      secondaryKernel: 3,
      split: true,
      bottleneck: 2,
      primaryConvolutions: 2,
      between: 'relu',
      bn: 'both',
    },
  ],
];

function igc(path: string, L: number, M: number, stride: number, options: Options): BlockSpec {
  return { kind: 'igc', path, L, M, kernel: 3, stride, ...options };
}

function stem(outChannels: number, bn?: string): RegularBlock {
  const none = bn === 'before' ? ({ bn: 'none' } as const) : {};
  return { kind: 'regular', path: 'stem', outChannels, kernel: 3, stride: 1, ...none };
}

/** Two blocks, the second with stride 2 and M doubled. */
function plain(name: string, L: number, M: number, options: Options): Named {
  const blocks = [
    stem(L * M, options.bn),
    igc('b1', L, M, 1, options),
    igc('b2', L, 2 * M, 2, options),
  ];
  return { name: `IGC blocks with ${name}, L=${L} and M=${M}`, graph: networkOf(image, blocks) };
}

/** A residual block with an identity shortcut and one with a projection. */
function residual(
  name: string,
  unit: (path: string, widen: number, stride: number) => BlockSpec,
  groups: number,
  stemBlock: RegularBlock,
): Named {
  const block = (path: string, widen: number, stride: number, projected: boolean): BlockSpec => ({
    kind: 'residual',
    path,
    body: [
      unit(`${path}/unit1`, widen, stride) as ConvolutionBlock,
      unit(`${path}/unit2`, widen, 1) as ConvolutionBlock,
    ],
    projection: projected ? { groups } : null,
  });
  const blocks = [stemBlock, block('r1', 1, 1, false), block('r2', 2, 2, true)];
  return { name: `residual blocks with ${name}`, graph: networkOf(image, blocks) };
}

function residualIgc(name: string, L: number, M: number, options: Options): Named {
  const unit = (path: string, widen: number, stride: number) =>
    igc(path, L, M * widen, stride, options);
  return residual(`${name}, L=${L} and M=${M}`, unit, L, stem(L * M, options.bn));
}

const baselines: readonly Named[] = (['regular', 'sumFusion'] as const).flatMap((kind) => {
  const unit = (path: string, widen: number, stride: number): BlockSpec => {
    const shared = { path, outChannels: 4 * widen, kernel: 3, stride, bn: 'before' } as const;
    return kind === 'regular' ? { kind, ...shared } : { kind, branches: 2, ...shared };
  };
  const blocks = [stem(4, 'before'), unit('b1', 1, 1), unit('b2', 2, 2)];
  return [
    { name: `${kind} blocks with pre-activation`, graph: networkOf(image, blocks) },
    residual(`pre-activated ${kind} units`, unit, 1, stem(4, 'before')),
  ];
});

/** The ImageNet layout in small: stem, max pool, then L doubles and a projection of stride 1 widens. */
function doublingL(): Graph {
  const input = { channels: 2, height: 16, width: 16 };
  const unit = (path: string, L: number, stride: number): ConvolutionBlock => ({
    kind: 'igc',
    path,
    L,
    M: 2,
    kernel: 3,
    stride,
  });
  const block = (path: string, L: number, stride: number): BlockSpec => ({
    kind: 'residual',
    path,
    body: [unit(`${path}/unit1`, L, stride), unit(`${path}/unit2`, L, 1)],
    projection: { groups: L },
  });
  return networkOf(input, [
    { kind: 'regular', path: 'stem', outChannels: 3, kernel: 7, stride: 2 },
    { kind: 'maxPool', path: 'stem/pool', kernel: 3, stride: 2, pad: 1 },
    block('r1', 3, 1),
    block('r2', 6, 2),
  ]);
}

/** Every variant as a plain network, those that differ there as a residual one, and extreme L and M. */
export const variantNetworks: readonly Named[] = [
  ...igcVariants.map(([name, options]) => plain(name, 2, 2, options)),
  plain('a ReLU between', 1, 3, { between: 'relu' }),
  plain('a full secondary', 4, 1, { secondary: 'full' }),
  plain('a bottleneck', 3, 4, { bottleneck: 4 }),
  plain('a bottleneck', 1, 2, { bottleneck: 2 }),
  plain('3×1 and 1×3', 5, 1, { split: true }),
  ...igcVariants
    .filter(([, { bn, quirk }]) => bn !== undefined || quirk !== undefined)
    .map(([name, options]) => residualIgc(name, 3, 2, options)),
  residualIgc('a bottleneck', 2, 4, { bottleneck: 2 }),
  ...baselines,
  { name: 'blocks behind a max pool with L doubling', graph: doublingL() },
];

/** The same for the conformance table. */
export const variantCases: readonly Case[] = variantNetworks.map((network, i) => ({
  ...network,
  batch: 4,
  replicas: 1 + (i % 2),
  epsilon: largeEpsilon,
}));
