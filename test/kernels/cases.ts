/**
 * The case table of the kernels' tests: every step kind alone and in the combinations that networks
 * have, at sizes around the vector widths 4, 8 and 16. Kept small, so that every kernel set runs
 * all of them.
 */
import { interleave, repeatChannels, restore } from '../../src/core/permutation.ts';
import type { BlockSpec, ConvolutionBlock } from '../../src/spec/blocks.ts';
import {
  type ConvOp,
  type Graph,
  type GraphBuilder,
  graphBuilder,
  type Shape,
} from '../../src/spec/graph.ts';
import { buildGraph } from '../../src/spec/network.ts';
import type { Case } from './trial.ts';

type Size = readonly [channels: number, height: number, width: number];
type Options = Omit<Case, 'name' | 'graph' | 'batch'>;

const relu = { kind: 'relu' } as const;
const batchNorm = { kind: 'batchNorm' } as const;
const add = { kind: 'add' } as const;
const maxPool = { kind: 'maxPool', kernel: [3, 3], stride: 2 } as const;

/** A convolution that keeps the size of maps at stride 1, unless told otherwise. */
export function conv(outChannels: number, options: Partial<Omit<ConvOp, 'kind'>> = {}): ConvOp {
  const kernel = options.kernel ?? [3, 3];
  const pad = [Math.floor((kernel[0] - 1) / 2), Math.floor((kernel[1] - 1) / 2)] as const;
  return { kind: 'conv', outChannels, groups: 1, kernel, stride: 1, pad, ...options };
}

/** The graph that `build` adds to an input of that size. */
export function graphOf(size: Size, build: (graph: GraphBuilder, input: number) => void): Graph {
  const [channels, height, width] = size;
  const graph = graphBuilder();
  build(graph, graph.input({ channels, height, width }));
  return graph.build();
}

function one(
  name: string,
  size: Size,
  batch: number,
  build: (graph: GraphBuilder, input: number) => void,
  options: Options = {},
): Case {
  return { name, graph: graphOf(size, build), batch, ...options };
}

function convCase(name: string, size: Size, batch: number, op: ConvOp): Case {
  return one(name, size, batch, (graph, x) => graph.add('conv', op, x));
}

const convolutions: readonly Case[] = [
  convCase('a 1×1 convolution', [5, 4, 4], 3, conv(7, { kernel: [1, 1] })),
  convCase('a 3×3 convolution', [3, 6, 5], 3, conv(4)),
  convCase('a 5×5 convolution', [2, 6, 7], 2, conv(3, { kernel: [5, 5] })),
  convCase('a 1×3 convolution', [4, 4, 6], 2, conv(4, { kernel: [1, 3], groups: 2 })),
  convCase('a 3×1 convolution', [4, 6, 4], 2, conv(4, { kernel: [3, 1], groups: 2 })),
  convCase('a convolution without padding', [3, 7, 6], 3, conv(5, { pad: [0, 0] })),
  convCase('a convolution with more padding than needed', [2, 4, 5], 3, conv(3, { pad: [2, 3] })),
  convCase(
    'a 1×1 convolution with padding',
    [3, 3, 2],
    3,
    conv(4, { kernel: [1, 1], pad: [1, 2] }),
  ),
  convCase('a 2×2 convolution of stride 2', [3, 6, 8], 2, conv(4, { kernel: [2, 2], stride: 2 })),
  convCase('a 3×3 convolution of stride 2 on even maps', [4, 8, 8], 3, conv(8, { stride: 2 })),
  convCase('a 3×3 convolution of stride 2 on odd maps', [4, 7, 5], 3, conv(6, { stride: 2 })),
  convCase('a 3×3 convolution of stride 3', [2, 8, 10], 2, conv(3, { stride: 3 })),
  convCase('a 5×5 convolution of stride 2', [2, 9, 8], 2, conv(3, { kernel: [5, 5], stride: 2 })),
  convCase('a 1×1 convolution of stride 2', [4, 6, 6], 2, conv(6, { kernel: [1, 1], stride: 2 })),
  convCase(
    'a 1×1 convolution of stride 2 on odd maps',
    [4, 5, 7],
    2,
    conv(8, { kernel: [1, 1], stride: 2, groups: 2 }),
  ),
  convCase('a kernel as large as its map', [3, 4, 3], 5, conv(4, { kernel: [4, 3], pad: [0, 0] })),
  convCase('a convolution of maps of one pixel', [6, 1, 1], 5, conv(4, { groups: 2 })),
  convCase('one channel per group', [6, 5, 5], 3, conv(6, { groups: 6 })),
  convCase('two channels per group', [12, 5, 5], 3, conv(12, { groups: 6 })),
  convCase('groups that widen', [6, 6, 6], 2, conv(12, { groups: 3, stride: 2 })),
  convCase('groups that narrow', [12, 4, 4], 2, conv(6, { groups: 3 })),
  convCase('wide groups', [40, 3, 4], 2, conv(34, { groups: 2 })),
  convCase('wide 1×1 groups', [66, 3, 3], 2, conv(66, { groups: 2, kernel: [1, 1] })),
  convCase(
    'many 1×1 groups of one channel',
    [17, 3, 4],
    2,
    conv(17, { groups: 17, kernel: [1, 1] }),
  ),
  convCase('a single image', [4, 5, 6], 1, conv(5)),
  ...[3, 4, 5, 7, 8, 9, 15, 16, 17, 33].flatMap((n) => [
    convCase(`a batch of ${n} images`, [4, 3, 3], n, conv(4, { groups: 2 })),
    convCase(`maps ${n} pixels wide`, [2, 3, n], 2, conv(4, { groups: 2 })),
    convCase(`maps ${n} pixels high`, [2, n, 3], 2, conv(3, { stride: 2 })),
    convCase(`${n} channels to ${n} channels`, [n, 3, 3], 2, conv(n)),
  ]),
  one('a convolution followed by a ReLU', [3, 4, 5], 3, (graph, x) => {
    graph.add('second', conv(3), graph.add('relu', relu, graph.add('first', conv(4), x)));
  }),
  one('two convolutions of one tensor', [3, 4, 4], 3, (graph, x) => {
    const y = graph.add('first', conv(4), x);
    const left = graph.add('left', conv(5), y);
    graph.add('sum', add, left, graph.add('right', conv(5, { kernel: [1, 1] }), y));
  }),
];

const elementwise: readonly Case[] = [
  one('a ReLU alone', [3, 4, 5], 5, (graph, x) => graph.add('relu', relu, x)),
  one('an interleaving alone', [6, 3, 4], 5, (graph, x) => {
    graph.add('interleave', { kind: 'permute', map: interleave(2, 3) }, x);
  }),
  one('an interleaving after a ReLU', [6, 3, 4], 3, (graph, x) => {
    const y = graph.add('relu', relu, graph.add('conv', conv(6, { groups: 2 }), x));
    graph.add('interleave', { kind: 'permute', map: interleave(3, 2) }, y);
  }),
  one('channels repeated', [3, 3, 4], 3, (graph, x) => {
    graph.add('repeat', { kind: 'permute', map: repeatChannels(3, 3) }, x);
  }),
  one('channels repeated, reordered and left out', [4, 3, 3], 3, (graph, x) => {
    const y = graph.add('select', { kind: 'permute', map: [2, 0, 2, 2, 3, 0] }, x);
    graph.add('conv', conv(4, { groups: 2 }), y);
  }),
  one('a permutation read by two convolutions', [4, 3, 4], 3, (graph, x) => {
    const y = graph.add(
      'permute',
      { kind: 'permute', map: [3, 1, 0, 2] },
      graph.add('conv', conv(4), x),
    );
    const left = graph.add('left', conv(2), y);
    graph.add('sum', add, left, graph.add('right', conv(2, { groups: 2 }), y));
  }),
  one('a sum of two', [3, 4, 5], 3, (graph, x) => {
    graph.add('sum', add, x, graph.add('conv', conv(3), x));
  }),
  one('a sum of three', [3, 4, 3], 3, (graph, x) => {
    const [a, b] = [graph.add('a', conv(3), x), graph.add('b', conv(3, { groups: 3 }), x)];
    graph.add('sum', add, a, x, b);
  }),
  one('a sum of a tensor with itself', [3, 4, 3], 3, (graph, x) => {
    const y = graph.add('conv', conv(3), x);
    graph.add('sum', add, y, y);
  }),
  one('a sum with a ReLU', [3, 4, 3], 3, (graph, x) => {
    const sum = graph.add('sum', add, graph.add('conv', conv(3), x), x);
    graph.add('after', conv(2), graph.add('relu', relu, sum));
  }),
  one('a sum of ReLUs', [3, 4, 3], 3, (graph, x) => {
    const left = graph.add('left/relu', relu, graph.add('left', conv(4), x));
    const right = graph.add('right/relu', relu, graph.add('right', conv(4), x));
    graph.add('sum', add, left, right);
  }),
  ...(
    [
      ['a global average pool', [5, 4, 3], [4, 3], 1],
      ['a 2×2 average pool of stride 2', [3, 6, 4], [2, 2], 2],
      ['an average pool of odd maps', [3, 7, 5], [2, 2], 2],
      ['an average pool of overlapping windows', [3, 6, 5], [3, 3], 1],
      ['an average pool that skips pixels', [3, 8, 7], [2, 1], 3],
    ] as const
  ).map(([name, size, kernel, stride]) =>
    one(name, size, 3, (graph, x) => graph.add('pool', { kind: 'averagePool', kernel, stride }, x)),
  ),
  one('an average pool of a normalised ReLU', [3, 4, 4], 3, (graph, x) => {
    const y = graph.add('bn', batchNorm, graph.add('conv', conv(4), x));
    graph.add(
      'pool',
      { kind: 'averagePool', kernel: [2, 2], stride: 2 },
      graph.add('relu', relu, y),
    );
  }),
];

const maxPools: readonly Case[] = [
  ...(
    [
      ['a 3×3 max pool of stride 2 with padding', [4, 8, 6], [3, 3], 2, [1, 1]],
      ['a 3×3 max pool of stride 2 on odd maps', [3, 7, 5], [3, 3], 2, [1, 1]],
      ['a max pool whose last window has little left', [3, 6, 9], [3, 3], 2, [1, 0]],
      ['a 2×2 max pool of stride 2 without padding', [3, 5, 8], [2, 2], 2, [0, 0]],
      ['a max pool of overlapping windows', [3, 4, 5], [3, 2], 1, [1, 1]],
      ['a max pool that skips pixels', [3, 8, 7], [2, 1], 3, [1, 0]],
      ['a max pool of single pixels', [5, 1, 1], [3, 3], 2, [1, 1]],
      ['a global max pool', [2, 4, 3], [4, 3], 1, [0, 0]],
    ] as const
  ).map(([name, size, kernel, stride, pad]) =>
    one(name, size, 5, (graph, x) => {
      graph.add('pool', { kind: 'maxPool', kernel, stride, pad }, x);
    }),
  ),
  one(
    'a max pool of a normalised ReLU in two replicas',
    [3, 6, 5],
    6,
    (graph, x) => {
      const y = graph.add('relu', relu, graph.add('bn', batchNorm, graph.add('conv', conv(4), x)));
      const pooled = graph.add('pool', { ...maxPool, pad: [1, 1] }, y);
      graph.add('after', conv(3), pooled);
    },
    { replicas: 2 },
  ),
  one('a max pool of negative values with padding', [3, 5, 4], 3, (graph, x) => {
    // −(a ReLU) is never positive, so a padding of zeros would win.
    const y = graph.add('relu', relu, x);
    const negated = graph.add('negated', conv(3, { groups: 3, kernel: [1, 1] }), y);
    graph.add('pool', { ...maxPool, pad: [1, 1] }, negated);
  }),
  one('a tensor read by a max pool and a sum', [3, 4, 4], 3, (graph, x) => {
    const y = graph.add('bn', batchNorm, graph.add('conv', conv(3), x));
    const pooled = graph.add('pool', { ...maxPool, stride: 1, pad: [1, 1] }, y);
    graph.add('sum', add, pooled, y);
  }),
];

const norms: readonly Case[] = [
  one('a batch norm alone', [3, 4, 5], 4, (graph, x) => graph.add('bn', batchNorm, x)),
  one('a batch norm of a ReLU', [3, 4, 4], 4, (graph, x) => {
    graph.add('bn', batchNorm, graph.add('relu', relu, graph.add('conv', conv(4), x)));
  }),
  one('a batch norm of a normalised ReLU', [3, 4, 4], 4, (graph, x) => {
    const y = graph.add('bn1', batchNorm, graph.add('conv', conv(4), x));
    graph.add('after', conv(2), graph.add('bn2', batchNorm, graph.add('relu', relu, y)));
  }),
  one('a batch norm and a ReLU of a sum', [3, 4, 4], 4, (graph, x) => {
    const sum = graph.add('sum', add, graph.add('conv', conv(3), x), x);
    const y = graph.add('relu', relu, graph.add('bn', batchNorm, sum));
    graph.add('sum2', add, graph.add('after', conv(3), y), sum);
  }),
  one('a batch norm of single pixels', [5, 1, 1], 9, (graph, x) => {
    graph.add('after', conv(3), graph.add('bn', batchNorm, graph.add('conv', conv(4), x)));
  }),
  one('a batch norm of one image', [3, 5, 4], 1, (graph, x) => {
    graph.add('after', conv(3), graph.add('bn', batchNorm, graph.add('conv', conv(4), x)));
  }),
  ...[
    [1, 3],
    [2, 4],
    [2, 10],
    [3, 9],
    [2, 34],
  ].map(([replicas, batch]) =>
    one(
      `convolution, batch norm and ReLU, ${batch} images in ${replicas} replicas`,
      [4, 3, 3],
      batch!,
      (graph, x) => {
        const y = graph.add('bn', batchNorm, graph.add('conv', conv(6, { groups: 2 }), x));
        graph.add('after', conv(4), graph.add('relu', relu, y));
      },
      { replicas: replicas! },
    ),
  ),
  one(
    'a batch norm alone in two replicas',
    [3, 4, 5],
    6,
    (graph, x) => graph.add('bn', batchNorm, x),
    { replicas: 2 },
  ),
  one(
    'a sum of two batch norms in two replicas',
    [4, 4, 4],
    6,
    (graph, x) => {
      const left = graph.add('left/bn', batchNorm, graph.add('left', conv(4), x));
      const right = graph.add('right/bn', batchNorm, graph.add('right', conv(4), x));
      graph.add('relu', relu, graph.add('sum', add, left, right));
    },
    { replicas: 2 },
  ),
  one('a batch norm read by a convolution and a sum', [3, 4, 4], 3, (graph, x) => {
    const y = graph.add('bn', batchNorm, graph.add('conv', conv(4), x));
    const z = graph.add('bn2', batchNorm, graph.add('conv2', conv(4), y));
    graph.add('after', conv(2), graph.add('sum', add, z, y));
  }),
  one('a normalised ReLU read by three', [3, 4, 4], 3, (graph, x) => {
    const y = graph.add('relu', relu, graph.add('bn', batchNorm, graph.add('conv', conv(4), x)));
    const [a, b] = [graph.add('a', conv(4), y), graph.add('b', conv(4, { groups: 4 }), y)];
    graph.add('sum', add, a, y, b);
  }),
];

const heads: readonly Case[] = [
  one('a fully connected layer', [5, 1, 1], 3, (graph, x) => {
    graph.add('fc', { kind: 'linear', outputs: 4 }, x);
  }),
  one('a fully connected layer over maps', [4, 2, 3], 5, (graph, x) => {
    graph.add('fc', { kind: 'linear', outputs: 7 }, x);
  }),
  one('a fully connected layer of a normalised ReLU', [3, 2, 3], 5, (graph, x) => {
    const y = graph.add('relu', relu, graph.add('bn', batchNorm, graph.add('conv', conv(4), x)));
    graph.add('fc', { kind: 'linear', outputs: 3 }, y);
  }),
  ...[
    [10, 3, 0],
    [10, 17, 0.1],
    [2, 1, 0],
    [3, 8, 0.3],
    [100, 2, 0.05],
  ].map(([classes, batch, smoothing]) =>
    one(
      `the loss of ${classes} classes with smoothing ${smoothing}, batch ${batch}`,
      [6, 1, 1],
      batch!,
      (graph, x) => {
        const logits = graph.add('fc', { kind: 'linear', outputs: classes! }, x);
        graph.add('loss', { kind: 'softmaxCrossEntropy' }, logits);
      },
      { smoothing: smoothing! },
    ),
  ),
  ...[0, 0.1].map((smoothing) =>
    one(
      `the loss of images of two classes each with smoothing ${smoothing}, batch 19`,
      [6, 1, 1],
      19,
      (graph, x) => {
        const logits = graph.add('fc', { kind: 'linear', outputs: 7 }, x);
        graph.add('loss', { kind: 'softmaxCrossEntropy' }, logits);
      },
      { smoothing, mixed: true },
    ),
  ),
  one('the loss of the input itself', [5, 1, 1], 4, (graph, x) => {
    graph.add('loss', { kind: 'softmaxCrossEntropy' }, x);
  }),
];

/** An IGC block of L partitions of M channels between two plain convolutions. */
function igcCase(L: number, M: number, batch: number, options: Options = {}): Case {
  return one(
    `an IGC block with L=${L} and M=${M}, batch ${batch}`,
    [L * M, 4, 4],
    batch,
    (graph, x) => {
      const primary = graph.add('primary', conv(L * M, { groups: L }), x);
      const mixed = graph.add('interleave', { kind: 'permute', map: interleave(L, M) }, primary);
      const secondary = graph.add('secondary', conv(L * M, { groups: M, kernel: [1, 1] }), mixed);
      const y = graph.add('restore', { kind: 'permute', map: restore(L, M) }, secondary);
      graph.add('after', conv(3), graph.add('relu', relu, graph.add('bn', batchNorm, y)));
    },
    options,
  );
}

/**
 * ε that keeps the gradient of what a batch norm makes irrelevant (the scale of a channel)
 * measurable.
 */
export const largeEpsilon = 0.1;

const blocks: readonly Case[] = [
  igcCase(2, 3, 3),
  igcCase(3, 2, 4, { replicas: 2 }),
  igcCase(4, 1, 3),
  igcCase(1, 4, 3, { epsilon: largeEpsilon }),
  igcCase(5, 3, 2),
  igcCase(3, 5, 2),
  igcCase(24, 2, 1),
  igcCase(2, 9, 2),
];

/** A network of those blocks. */
export function networkOf(input: Shape, blocks: readonly BlockSpec[], classes = 5): Graph {
  const batchNorm = { epsilon: 2e-5, oldWeight: 0.9 };
  return buildGraph({ name: 'test', depth: blocks.length + 1, input, classes, batchNorm, blocks });
}

export function block(
  kind: 'regular' | 'igc' | 'sumFusion',
  path: string,
  { stride = 1, L = 2, M = 3 }: { stride?: number; L?: number; M?: number } = {},
): ConvolutionBlock {
  const shared = { path, kernel: 3, stride };
  if (kind === 'igc') return { kind, ...shared, L, M };
  if (kind === 'regular') return { kind, ...shared, outChannels: L * M };
  return { kind, ...shared, branches: L, outChannels: L * M };
}

const image = { channels: 3, height: 4, width: 4 };

const networks: readonly Case[] = [
  ...(['regular', 'igc', 'sumFusion'] as const).flatMap((kind): Case[] => [
    {
      name: `a network of ${kind} blocks`,
      graph: networkOf(image, [
        block('regular', 'stem'),
        block(kind, 'b1', { stride: 2, M: 6 }),
        block(kind, 'b2', { M: 6 }),
      ]),
      batch: 3,
      smoothing: 0.1,
    },
    {
      name: `a residual network of ${kind} blocks in two replicas`,
      graph: networkOf(image, [
        block('regular', 'stem', { M: 2 }),
        {
          kind: 'residual',
          path: 'r1',
          body: [block(kind, 'r1/u1', { M: 2 }), block(kind, 'r1/u2', { M: 2 })],
          projection: null,
        },
        {
          kind: 'residual',
          path: 'r2',
          body: [block(kind, 'r2/u1', { stride: 2, M: 4 }), block(kind, 'r2/u2', { M: 4 })],
          projection: { groups: kind === 'igc' ? 2 : 1 },
        },
      ]),
      batch: 4,
      replicas: 2,
    },
  ]),
];

/** Cases by name; names are unique. */
export const cases: readonly Case[] = [
  ...convolutions,
  ...elementwise,
  ...maxPools,
  ...norms,
  ...heads,
  ...blocks,
  ...networks,
];
