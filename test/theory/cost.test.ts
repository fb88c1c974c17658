import { describe, expect, it } from 'vitest';
import { namedNetwork } from '../../src/spec/named-networks.ts';
import { countCost } from '../../src/theory/cost.ts';

const cifar = { channels: 3, height: 32, width: 32 };

/** @source paper Table 3 (params and FLOPs), to the last digit as recomputed from the authors' graphs */
const table3 = [
  { depth: 8, net: 'RegConv-W16', params: 74_810, macs: 12_239_488 },
  { depth: 8, net: 'RegConv-W18', params: 94_528, macs: 15_428_304 },
  { depth: 8, net: 'IGC-L4M8', params: 77_674, macs: 13_141_248 },
  { depth: 8, net: 'IGC-L24M2', params: 47_002, macs: 9_881_472 },
  { depth: 20, net: 'RegConv-W16', params: 268_346, macs: 40_551_040 },
  { depth: 20, net: 'RegConv-W18', params: 339_472, macs: 51_260_112 },
  { depth: 20, net: 'IGC-L4M8', params: 274_794, macs: 42_370_304 },
  { depth: 20, net: 'IGC-L24M2', params: 151_834, macs: 28_755_840 },
  { depth: 38, net: 'RegConv-W16', params: 558_650, macs: 83_018_368 },
  { depth: 38, net: 'IGC-L24M2', params: 309_082, macs: 57_067_392 },
  { depth: 62, net: 'RegConv-W18', params: 1_196_776, macs: 176_671_440 },
  { depth: 62, net: 'IGC-L4M8', params: 964_714, macs: 144_672_000 },
  { depth: 98, net: 'RegConv-W18', params: 1_931_608, macs: 284_166_864 },
  { depth: 98, net: 'IGC-L24M2', params: 833_242, macs: 151_439_232 },
];

describe('countCost', () => {
  it.each(table3)('gives the paper’s numbers for $net at depth $depth', (row) => {
    const { net, depth } = row;
    const cost = countCost(namedNetwork({ net, depth, input: cifar, classes: 10 }), 'paper');
    expect([cost.params, cost.macs]).toEqual([row.params, row.macs]);
  });

  it.each([
    ['IGC-L16M32', 17_667_684, 17_711_716],
    ['IGC-L450M2', 19_273_600, 19_351_000],
    ['IGC-L32M26', 24_057_380, 24_128_932],
  ])('counts %s with 100 classes, without and with batch norm', (net, paper, all) => {
    const spec = namedNetwork({ net, depth: 20, input: cifar, classes: 100 });
    expect([countCost(spec, 'paper').params, countCost(spec, 'all').params]).toEqual([paper, all]);
  });

  it.each([
    [8, 74_274],
    [20, 267_810],
    [98, 1_525_794],
  ])('counts every branch of SumFusion at depth %d', (depth, params) => {
    const spec = namedNetwork({ net: 'SumFusion', depth, input: cifar, classes: 10 });
    expect(countCost(spec, 'paper').params).toBe(params);
  });

  it.each([
    ['RegConv-W16+Ident', 50, 754_746],
    ['IGC-L4M8+Ident', 74, 1_164_394],
    ['IGC-L24M2+Ident', 98, 834_202],
  ])('counts projections of %s among the parameters', (net, depth, params) => {
    const spec = namedNetwork({ net, depth, input: cifar, classes: 10 });
    expect(countCost(spec, 'paper').params).toBe(params);
  });

  it('leaves the MACs of projections out of the paper’s count only', () => {
    const spec = namedNetwork({ net: 'RegConv-W16+Ident', depth: 8, input: cifar, classes: 10 });
    const paper = countCost(spec, 'paper');
    const all = countCost(spec, 'all');
    // 16→32 channels on 16×16 maps and 32→64 on 8×8
    expect(all.macs - paper.macs).toBe(16 * 32 * 16 * 16 + 32 * 64 * 8 * 8);
    const path = 'stage2/block1/projection/conv';
    expect(paper.nodes.find((node) => node.path === path)?.macs).toBe(0);
  });

  /** @source the authors' released graphs: convolutions and fc, without and with batch norm; Table 6's FLOPs */
  it.each([
    ['RegConv-W64+Ident', 'M', 11_679_912, 11_689_512, 1.795, 1.814],
    ['RegConv-W69+Ident', 'M', 13_532_107, 13_542_457, 2.076, 2.099],
    ['IGC-L4M32+Ident', 'M', 12_232_040, 12_251_240, 1.925, 1.945],
    ['IGC-L16M16+Ident', 'M', 13_489_896, 13_528_296, 2.247, 2.266],
    ['IGC-L100M2+Ident', 'L', 8_607_700, 8_637_900, 1.264, 1.265],
  ] as const)(
    'counts %s on ImageNet by both conventions',
    (net, double, params, all, macs, macsAll) => {
      const doubling = net.startsWith('IGC') ? { double } : {};
      const input = { channels: 3, height: 224, width: 224 };
      const spec = namedNetwork({ net, family: 'imagenet18', input, classes: 1000, ...doubling });
      const [paper, every] = [countCost(spec, 'paper'), countCost(spec, 'all')];
      expect([paper.params, every.params]).toEqual([params, all]);
      const billions = (value: number) => Number((value / 1e9).toFixed(3));
      expect([billions(paper.macs), billions(every.macs)]).toEqual([macs, macsAll]);
    },
  );

  /** Of the second block of stage 1: L = 4 partitions of M = 8 channels on 32×32 maps, all biases and norms left out. */
  it.each([
    [{}, 4 * 64 * 9 + 8 * 16],
    [{ primaryKernel: 1, secondaryKernel: 3 }, 4 * 64 + 8 * 16 * 9],
    [{ secondaryKernel: 3 }, 4 * 64 * 9 + 8 * 16 * 9],
    [{ secondary: 'full' }, 4 * 64 * 9 + 32 * 32],
    [{ split: true }, 4 * 64 * 3 * 2 + 8 * 16],
    [{ bottleneck: 4 }, 4 * 8 * 2 * 9 + 2 * 4 * 16],
    [{ primaryConvolutions: 3 }, 3 * 4 * 64 * 9 + 8 * 16],
    [{ between: 'relu', bn: 'both' }, 4 * 64 * 9 + 8 * 16],
    [{ bn: 'before' }, 4 * 64 * 9 + 8 * 16],
  ] as const)('counts a block of variant %j', (variant, expected) => {
    const spec = namedNetwork({ net: 'IGC-L4M8', depth: 8, input: cifar, classes: 10, variant });
    const nodes = countCost(spec, 'paper').nodes.filter(({ path }) =>
      path.startsWith('stage1/block2/'),
    );
    const sum = (key: 'params' | 'macs') => nodes.reduce((total, node) => total + node[key], 0);
    expect([sum('params'), sum('macs')]).toEqual([expected, expected * 32 * 32]);
  });

  it('sums its nodes', () => {
    const spec = namedNetwork({ net: 'IGC-L4M8', depth: 8, input: cifar, classes: 10 });
    const { nodes, params, macs } = countCost(spec, 'all');
    expect(nodes.reduce((sum, node) => sum + node.params, 0)).toBe(params);
    expect(nodes.reduce((sum, node) => sum + node.macs, 0)).toBe(macs);
  });
});
