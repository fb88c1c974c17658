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

  it('sums its nodes', () => {
    const spec = namedNetwork({ net: 'IGC-L4M8', depth: 8, input: cifar, classes: 10 });
    const { nodes, params, macs } = countCost(spec, 'all');
    expect(nodes.reduce((sum, node) => sum + node.params, 0)).toBe(params);
    expect(nodes.reduce((sum, node) => sum + node.macs, 0)).toBe(macs);
  });
});
