/**
 * A NaN anywhere reaches the loss and the gradients on every kernel set, so that a diverged run is
 * noticed.
 */
import { describe, expect, test } from 'vitest';
import { block, conv, graphOf, networkOf } from './cases.ts';
import { kernelSets } from './kernel-sets.ts';
import { type Case, drawInputs, runTrial } from './trial.ts';

const image = { channels: 3, height: 4, width: 4 };
const normalized: Case = {
  name: 'a NaN before batch norms',
  graph: networkOf(image, [block('regular', 'stem'), block('igc', 'b1')]),
  batch: 3,
};
const rectified: Case = {
  name: 'a NaN before ReLUs',
  graph: graphOf([3, 4, 4], (graph, x) => {
    const relu = { kind: 'relu' } as const;
    const y = graph.add('relu', relu, graph.add('first', conv(4), x));
    const sum = graph.add('sum', { kind: 'add' }, graph.add('second', conv(4), y), y);
    const z = graph.add('fc', { kind: 'linear', outputs: 3 }, graph.add('relu2', relu, sum));
    graph.add('loss', { kind: 'softmaxCrossEntropy' }, z);
  }),
  batch: 3,
};

describe.each(kernelSets.map((kernels) => [kernels.name, kernels] as const))('%s', (_, kernels) => {
  test.each([
    [normalized.name, normalized],
    [rectified.name, rectified],
  ] as const)('passes on %s', (_, trial) => {
    const inputs = drawInputs(trial, true);
    for (const [which, position] of [
      ['parameters', 5],
      ['images', 20],
    ] as const) {
      const values = inputs[which].slice();
      values[position] = Number.NaN;
      for (const storage of kernels.storages) {
        const variant = { training: true, fuse: true, storage } as const;
        const results = runTrial(trial, kernels, variant, { ...inputs, [which]: values });
        const after = `after a NaN in the ${which}, ${storage}`;
        expect(results.get('loss')![0], `loss ${after}`).toBeNaN();
        const gradient = Array.from(results.get('d head/fc/weight') ?? results.get('d fc/weight')!);
        expect(gradient.some(Number.isNaN), `gradient ${after}`).toBe(true);
      }
    }
  });
});
