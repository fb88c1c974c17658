/**
 * Golden: the paper's networks have the parameters, multiply-adds and structure that its tables
 * print.
 */
import { describe, expect, test } from 'vitest';
import type { IgcBlock } from '../../src/spec/blocks.ts';
import { type Graph, ruleOf } from '../../src/spec/graph.ts';
import { namedNetwork } from '../../src/spec/named-networks.ts';
import { buildGraph } from '../../src/spec/network.ts';

const cifar = { channels: 3, height: 32, width: 32 };

const netOf = (net: string, depth: number) =>
  namedNetwork({ net, depth, input: cifar, classes: 10 });
const graphOf = (net: string, depth: number) => buildGraph(netOf(net, depth));

/**
 * Weights and biases of convolutions and fc, no batch norm; multiply-adds of the same. The paper's
 * convention.
 */
function count(graph: Graph): { parameters: number; macs: number } {
  let parameters = 0;
  let macs = 0;
  for (const { op, inputs, shape } of graph.nodes) {
    if (inputs.length === 0) continue;
    const input = graph.nodes[inputs[0]!]!.shape;
    const rule = ruleOf(op);
    macs += rule.macs(op, input, shape);
    for (const { role, shape } of rule.parameters(op, input)) {
      if (role === 'gamma' || role === 'beta') continue;
      parameters += shape.reduce((product, n) => product * n, 1);
    }
  }
  return { parameters, macs };
}

/** @source paper Table 3, every cell to the last digit */
const table3 = {
  'RegConv-W16': [
    [8, 74_810, 12_239_488],
    [20, 268_346, 40_551_040],
    [38, 558_650, 83_018_368],
    [62, 945_722, 139_641_472],
    [98, 1_526_330, 224_576_128],
  ],
  'RegConv-W18': [
    [8, 94_528, 15_428_304],
    [20, 339_472, 51_260_112],
    [38, 706_888, 105_007_824],
    [62, 1_196_776, 176_671_440],
    [98, 1_931_608, 284_166_864],
  ],
  'IGC-L4M8': [
    [8, 77_674, 13_141_248],
    [20, 274_794, 42_370_304],
    [38, 570_474, 86_213_888],
    [62, 964_714, 144_672_000],
    [98, 1_556_074, 232_359_168],
  ],
  'IGC-L24M2': [
    [8, 47_002, 9_881_472],
    [20, 151_834, 28_755_840],
    [38, 309_082, 57_067_392],
    [62, 518_746, 94_816_128],
    [98, 833_242, 151_439_232],
  ],
} as const;

/** @source counted by hand: SumFusion is "nearly the same as W16" (paper Table 2) */
const sumFusion = [
  [8, 74_274],
  [20, 267_810],
  [38, 558_114],
  [62, 945_186],
  [98, 1_525_794],
] as const;

/** @source counted by hand: the networks of Table 5, projections included */
const table5 = [
  ['RegConv-W16', 50, 754_746],
  ['RegConv-W16', 74, 1_141_818],
  ['RegConv-W16', 98, 1_528_890],
  ['RegConv-W18', 50, 955_072],
  ['RegConv-W18', 74, 1_444_960],
  ['RegConv-W18', 98, 1_934_848],
  ['IGC-L4M8', 50, 770_154],
  ['IGC-L4M8', 74, 1_164_394],
  ['IGC-L4M8', 98, 1_558_634],
  ['IGC-L24M2', 50, 414_874],
  ['IGC-L24M2', 74, 624_538],
  ['IGC-L24M2', 98, 834_202],
] as const;

describe('the paper’s counts', () => {
  const rows = Object.entries(table3).flatMap(([net, cells]) =>
    cells.map(([depth, parameters, macs]) => [net, depth, parameters, macs] as const),
  );
  test.each(rows)('%s at D=%d has %d parameters and %d MACs', (net, depth, parameters, macs) => {
    expect(count(graphOf(net, depth))).toEqual({ parameters, macs });
  });

  test.each(sumFusion)('SumFusion at D=%d has %d parameters', (depth, parameters) => {
    expect(count(graphOf('SumFusion', depth)).parameters).toBe(parameters);
  });

  test.each(table5)('%s+Ident at D=%d has %d parameters', (net, depth, parameters) => {
    expect(count(graphOf(`${net}+Ident`, depth)).parameters).toBe(parameters);
  });

  test.each(['RegConv-W16', 'RegConv-W18', 'IGC-L4M8', 'IGC-L24M2'])(
    '%s+Ident at D=98 has the MACs of Table 3’s plain network when projections are left out',
    (net) => {
      const graph = graphOf(`${net}+Ident`, 98);
      const projections = graph.nodes.filter(({ path }) => path.includes('projection/conv'));
      const macs = projections.map(({ op, inputs, shape }) =>
        ruleOf(op).macs(op, graph.nodes[inputs[0]!]!.shape, shape),
      );
      const total = count(graph).macs - macs.reduce((sum, n) => sum + n, 0);
      expect(total).toBe(count(graphOf(net, 98)).macs);
    },
  );
});

describe('the structure', () => {
  test('strides in the primary convolution of the first block of stages 2 and 3 only', () => {
    for (const net of ['IGC-L24M2', 'IGC-L4M8', 'RegConv-W16', 'SumFusion']) {
      const strided = graphOf(net, 14).nodes.filter(
        ({ op }) => op.kind === 'conv' && op.stride > 1,
      );
      const part = net.startsWith('IGC') ? 'primary' : net === 'SumFusion' ? 'branches' : 'conv';
      expect(strided.map(({ path, shape }) => [path, shape.height])).toEqual([
        [`stage2/block1/${part}`, 16],
        [`stage3/block1/${part}`, 8],
      ]);
    }
  });

  test('keeps L and doubles M from stage to stage', () => {
    const blocks = netOf('IGC-L24M2', 14).blocks.filter((b): b is IgcBlock => b.kind === 'igc');
    const sizes = blocks.map(({ path, L, M }) => [path.slice(0, 6), L, M]);
    expect(sizes).toEqual(
      [1, 2, 3].flatMap((stage) =>
        Array.from({ length: 4 }, () => [`stage${stage}`, 24, 2 ** stage]),
      ),
    );
  });

  test('groups primary convolutions by L and secondary ones by M', () => {
    const { nodes } = graphOf('IGC-L4M8+Ident', 14);
    const groups = nodes.flatMap(({ path, op }) =>
      op.kind === 'conv' && /stage[23].block1/.test(path) ? [[path, op.groups]] : [],
    );
    expect(groups).toEqual(
      [2, 3].flatMap((stage) => [
        [`stage${stage}/block1/unit1/primary`, 4],
        [`stage${stage}/block1/unit1/secondary`, 8 * 2 ** (stage - 1)],
        [`stage${stage}/block1/unit2/primary`, 4],
        [`stage${stage}/block1/unit2/secondary`, 8 * 2 ** (stage - 1)],
        [`stage${stage}/block1/projection/conv`, 4],
      ]),
    );
  });

  test('has D = 3B + 2 layers, an IGC block counting as one, and D = 6n + 2 with shortcuts', () => {
    expect(netOf('IGC-L24M2', 20).blocks).toHaveLength(1 + 3 * 6);
    expect(netOf('IGC-L24M2+Ident', 50).blocks).toHaveLength(1 + 3 * 8);
  });

  test('begins with a 3×3 convolution as wide as stage 1 and ends with a global pool and fc', () => {
    for (const [net, width] of [
      ['IGC-L24M2', 48],
      ['IGC-L4M8', 32],
      ['RegConv-W18', 18],
      ['SumFusion', 8],
    ] as const) {
      const { nodes } = graphOf(net, 8);
      expect(nodes[1]!.op).toMatchObject({ outChannels: width, kernel: [3, 3], groups: 1 });
      expect(nodes.slice(-3).map(({ path }) => path)).toEqual(['head/pool', 'head/fc', 'loss']);
      expect(nodes.at(-3)!.shape).toMatchObject({ height: 1, width: 1 });
    }
  });

  test('puts no batch norm or ReLU between the two convolutions, and only fc has a bias', () => {
    const { nodes } = graphOf('IGC-L24M2', 8);
    const at = nodes.findIndex(({ path }) => path === 'stage1/block1/primary');
    const kinds = nodes.slice(at, at + 6).map(({ op }) => op.kind);
    expect(kinds).toEqual(['conv', 'permute', 'conv', 'permute', 'batchNorm', 'relu']);
    const biased = nodes.filter(({ op, inputs }) => {
      if (inputs.length === 0) return false;
      const parameters = ruleOf(op).parameters(op, nodes[inputs[0]!]!.shape);
      return parameters.some(({ role }) => role === 'bias');
    });
    expect(biased.map(({ path }) => path)).toEqual(['head/fc']);
  });

  test('rectifies after the sum of a residual block, not before', () => {
    const { nodes } = graphOf('IGC-L4M8+Ident', 8);
    const sums = nodes.filter(({ op }) => op.kind === 'add');
    expect(sums.map(({ inputs }) => inputs.map((i) => nodes[i]!.path))).toEqual([
      ['stage1/block1/unit2/bn', 'stem/relu'],
      ['stage2/block1/unit2/bn', 'stage2/block1/projection/bn'],
      ['stage3/block1/unit2/bn', 'stage3/block1/projection/bn'],
    ]);
    for (const sum of sums) {
      const reader = nodes.find(({ inputs }) => inputs.includes(nodes.indexOf(sum)));
      expect(reader!.op.kind).toBe('relu');
    }
  });

  test('initialises by the fan-in of a group, 9M for primary and L for secondary convolutions', () => {
    const { nodes } = graphOf('IGC-L24M2', 8);
    const fanIn = (path: string) => {
      const { op, inputs } = nodes.find((node) => node.path === path)!;
      return ruleOf(op).parameters(op, nodes[inputs[0]!]!.shape)[0]!.init;
    };
    expect(fanIn('stage1/block1/primary')).toEqual({ kind: 'he', fanIn: 18 });
    expect(fanIn('stage2/block1/primary')).toEqual({ kind: 'he', fanIn: 18 });
    expect(fanIn('stage3/block1/secondary')).toEqual({ kind: 'he', fanIn: 24 });
    expect(fanIn('head/fc')).toEqual({ kind: 'uniform', fanIn: 192 });
  });

  test('weighs old running averages by 0.99 in plain networks and 0.9 in residual ones', () => {
    expect(netOf('IGC-L24M2', 8).batchNorm).toEqual({ epsilon: 2e-5, oldWeight: 0.99 });
    expect(netOf('IGC-L24M2+Ident', 8).batchNorm).toEqual({ epsilon: 2e-5, oldWeight: 0.9 });
  });
});
