/** What the definition must satisfy, whatever the network: laws from the paper and of batches. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { interleave, restore } from '../../src/core/permutation.ts';
import type { GraphBuilder } from '../../src/spec/graph.ts';
import { tolerances } from '../tolerances.ts';
import { cases, conv, graphOf } from './cases.ts';
import { definition } from './kernel-sets.ts';
import { drawInputs, type Inputs, nmse, runTrial } from './trial.ts';

const inference = { training: false, fuse: true } as const;

/** primary → interleave → secondary → restore, as a graph's only nodes. */
function addBlock(graph: GraphBuilder, x: number, L: number, M: number): void {
  const primary = graph.add('primary', conv(L * M, { groups: L }), x);
  const mixed = graph.add('interleave', { kind: 'permute', map: interleave(L, M) }, primary);
  const secondary = graph.add('secondary', conv(L * M, { groups: M, kernel: [1, 1] }), mixed);
  graph.add('restore', { kind: 'permute', map: restore(L, M) }, secondary);
}

/**
 * The dense kernel W = P Wˢ Pᵀ Wᵖ, [out][in][tap]: channel l′·M + m of the result sees channel l·M
 * + i of the input through primary output l·M + m and entry (l′, l) of secondary partition m.
 */
function composedKernel(parameters: Float64Array, L: number, M: number): Float64Array {
  const taps = 9;
  const G = L * M;
  const secondary = parameters.subarray(G * M * taps);
  const composed = new Float64Array(G * G * taps);
  for (let m = 0; m < M; m++) {
    for (let out = 0; out < L; out++) {
      for (let l = 0; l < L; l++) {
        const factor = secondary[(m * L + out) * L + l]!;
        for (let i = 0; i < M; i++) {
          for (let tap = 0; tap < taps; tap++) {
            const primary = parameters[((l * M + m) * M + i) * taps + tap]!;
            composed[((out * M + m) * G + l * M + i) * taps + tap]! += factor * primary;
          }
        }
      }
    }
  }
  return composed;
}

test('an IGC block is one dense convolution with the composed kernel, eqs. (5) and (6)', () => {
  const upTo = (most: number) => fc.integer({ min: 1, max: most });
  fc.assert(
    fc.property(upTo(6), upTo(6), upTo(3), (L, M, batch) => {
      const size = [L * M, 4, 5] as const;
      const block = graphOf(size, (graph, x) => addBlock(graph, x, L, M));
      const dense = graphOf(size, (graph, x) => graph.add('dense', conv(L * M), x));
      const name = `composed ${L} ${M} ${batch}`;
      const inputs = drawInputs({ name, graph: block, batch }, false);
      const composed = { ...inputs, parameters: composedKernel(inputs.parameters, L, M) };
      const run = (graph: typeof block, from: Inputs) =>
        runTrial({ name, graph, batch }, definition, inference, from).get('output')!;
      const error = nmse(run(block, inputs), run(dense, composed));
      expect(error).toBeLessThanOrEqual(tolerances.conformanceFloat64);
    }),
    { seed: 1, numRuns: 40 },
  );
});

describe('a batch in inference', () => {
  const networks = cases.filter(({ name }) => name.includes('network'));

  test.each(networks.map((trial) => [trial.name, trial] as const))(
    'gives %s what its images give one by one',
    (_, trial) => {
      const inputs = drawInputs(trial, false);
      const whole = runTrial(trial, definition, inference, inputs).get('output')!;
      const size = inputs.images.length / trial.batch;
      const single = { ...trial, batch: 1, replicas: 1 };
      const parts = Array.from({ length: trial.batch }, (_, n) => {
        const images = inputs.images.slice(n * size, (n + 1) * size);
        const labels = inputs.labels.slice(n, n + 1);
        return runTrial(single, definition, inference, { ...inputs, images, labels }).get(
          'output',
        )!;
      });
      expect(Array.from(whole)).toEqual(parts.flatMap((part) => Array.from(part)));
    },
  );
});

describe('replicas in training', () => {
  const trial = cases.find(({ name }) => name === 'a network of igc blocks')!;

  test('give the average of what each part gives alone', () => {
    const both = { ...trial, name: 'replicas averaged', batch: 6, replicas: 2 };
    const training = { training: true, fuse: true } as const;
    const inputs = drawInputs(both, true);
    const whole = runTrial(both, definition, training, inputs);
    const size = inputs.images.length / 2;
    const parts = [0, 1].map((half) => {
      const images = inputs.images.slice(half * size, (half + 1) * size);
      const labels = inputs.labels.slice(half * 3, half * 3 + 3);
      const alone = { ...both, batch: 3, replicas: 1 };
      return runTrial(alone, definition, training, { ...inputs, images, labels });
    });
    const averaged = [...whole.keys()].filter((name) =>
      /^d .*(weight|bias|gamma|beta)$|running|^loss$/.test(name),
    );
    expect(averaged.length).toBeGreaterThan(10);
    for (const name of averaged) {
      const [first, second] = parts.map((part) => part.get(name)!);
      const mean = Array.from(first!, (value, i) => (value + second![i]!) / 2);
      expect(nmse(whole.get(name)!, mean), name).toBeLessThanOrEqual(tolerances.conformanceFloat64);
    }
  });
});
