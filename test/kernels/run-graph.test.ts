import { describe, expect, it } from 'vitest';
import { runGraph } from '../../src/kernels/run-graph.ts';
import { conv, graphOf } from './cases.ts';

const pointwise = graphOf([2, 1, 2], (graph, x) =>
  graph.add('mix', conv(1, { kernel: [1, 1] }), x),
);
const images = Float64Array.of(1, 2, 3, 4, 5, 6, 7, 8);

describe('runGraph', () => {
  it('gives the outputs of every image', () => {
    const weights = new Map([['mix/weight', [10, 1]]]);
    expect(Array.from(runGraph({ graph: pointwise, weights }, images))).toEqual([13, 24, 57, 68]);
  });

  it('names the parameter without its values', () => {
    expect(() => runGraph({ graph: pointwise, weights: new Map() }, images)).toThrow(
      'mix/weight: must have 2 values, got none',
    );
    const weights = new Map([['mix/weight', [1]]]);
    expect(() => runGraph({ graph: pointwise, weights }, images)).toThrow(
      'mix/weight: must have 2 values, got 1',
    );
  });

  it.each([0, 5])('refuses %d values as images', (length) => {
    const values = new Float64Array(length);
    expect(() => runGraph({ graph: pointwise, weights: new Map() }, values)).toThrow(
      `images: must be whole images of 2×1×2, got ${length} values`,
    );
  });

  it('refuses batch norms', () => {
    const graph = graphOf([1, 2, 2], (builder, x) => builder.add('bn', { kind: 'batchNorm' }, x));
    expect(() => runGraph({ graph, weights: new Map() }, new Float64Array(4))).toThrow(
      'bn: a graph run here has no batch norms',
    );
  });
});
