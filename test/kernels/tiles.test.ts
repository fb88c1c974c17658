/**
 * Small batches, whose images inference cuts into tiles: the same function as the definition, for every case of the
 * table and for maps that grids do not divide.
 */
import { describe, expect, test } from 'vitest';
import { tolerances } from '../tolerances.ts';
import { conv, graphOf, cases as ownCases } from './cases.ts';
import { definition, nativeSets, skippedSets, wasmSets } from './kernel-sets.ts';
import { type Case, drawInputs, expectClose, expectSame, planOf, runTrial } from './trial.ts';
import { variantCases } from './variant-cases.ts';

const batchNorm = { kind: 'batchNorm' } as const;
const maxPool = { kind: 'maxPool', kernel: [3, 3], stride: 2, pad: [1, 1] } as const;

/** Strides of 4 in all, a shortcut, neighbours in all directions, and a pool over the whole map. */
function networkOn(height: number, width: number): Case {
  const graph = graphOf([2, height, width], (graph, x) => {
    const stem = graph.add('stem', conv(4, { kernel: [5, 5], stride: 2 }), x);
    const normal = graph.add('bn', batchNorm, stem);
    const first = graph.add('first', conv(4, { groups: 2 }), normal);
    const sum = graph.add('sum', { kind: 'add' }, normal, first);
    const second = graph.add('second', conv(6, { stride: 2 }), sum);
    const flat = graph.add('flat', conv(6, { kernel: [1, 1], stride: 2 }), sum);
    const both = graph.add('both', { kind: 'add' }, second, flat);
    const { height: h, width: w } = graph.shape(both);
    const pool = graph.add('pool', { kind: 'averagePool', kernel: [h, w], stride: 1 }, both);
    graph.add('last', conv(3), pool);
  });
  return { name: `a network on ${height}×${width}`, graph, batch: 1 };
}

const larger: readonly Case[] = [
  ...[
    [32, 32],
    [28, 28],
    [14, 14],
    [7, 7],
    [5, 7],
    [17, 30],
    [33, 9],
  ].map(([height, width]) => networkOn(height!, width!)),
  ...[
    [14, 14],
    [9, 23],
  ].map(([height, width]) => ({
    name: `a max pool of ${height}×${width} between convolutions`,
    graph: graphOf([2, height!, width!], (graph, x) => {
      const pool = graph.add('pool', maxPool, graph.add('before', conv(2), x));
      graph.add('after', conv(3), pool);
    }),
    batch: 1,
  })),
  {
    name: 'average pools of 2×2 and of overlapping 3×2 windows',
    graph: graphOf([2, 17, 18], (graph, x) => {
      const pool = graph.add('pool', { kind: 'averagePool', kernel: [2, 2], stride: 2 }, x);
      graph.add('again', { kind: 'averagePool', kernel: [3, 2], stride: 1 }, pool);
    }),
    batch: 1,
  },
];

const cases: readonly Case[] = [...ownCases, ...variantCases, ...larger];
const table = cases.map((trial) => [trial.name, trial] as const);
const batches = [1, 2, 3];

const ofBatch = ({ replicas: _, ...trial }: Case, batch: number): Case => ({ ...trial, batch });

const sets = [...nativeSets, ...wasmSets];

describe.each(sets.map((kernels) => [kernels.name, kernels] as const))('%s', (_, kernels) => {
  test.each(table)('infers small batches of %s as the definition does', (_, trial) => {
    for (const batch of batches) {
      const small = ofBatch(trial, batch);
      const inputs = drawInputs(small, false);
      for (const count of new Set([batch, 1])) {
        const want = runTrial(small, definition, { training: false, fuse: false, count }, inputs);
        for (const fuse of [true, false]) {
          const fenced = { training: false, fuse, count, keepAll: true, guard: 3 * kernels.lanes };
          const got = runTrial(small, kernels, fenced, inputs);
          expectClose(got, want, tolerances.conformanceFloat32);
          expectSame(runTrial(small, kernels, { training: false, fuse, count }, inputs), got);
        }
      }
    }
  });

  test('cuts the images of most cases', () => {
    const cut = cases.filter((trial) => {
      const { grid } = planOf(ofBatch(trial, 1), kernels, { training: false, fuse: true });
      return grid.rows * grid.columns > 1;
    });
    expect(cut.length).toBeGreaterThan(cases.length / 2);
    for (const trial of larger) expect(cut).toContain(trial);
  });
});

for (const { name, reason } of skippedSets) {
  test.skip(`${name} is left out: ${reason}`, () => {});
}
