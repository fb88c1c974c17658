/** Max pooling where values are equal, padded or NaN: what the conformance cases, drawn apart from ties, leave open. */
import { describe, expect, test } from 'vitest';
import type { Graph } from '../../src/spec/graph.ts';
import { graphOf } from './cases.ts';
import { kernelSets } from './kernel-sets.ts';
import { type Case, type Inputs, planOf, start } from './trial.ts';

const [height, width] = [5, 4];
const graph: Graph = graphOf([1, height, width], (graph, x) => {
  graph.add('pool', { kind: 'maxPool', kernel: [3, 3], stride: 2, pad: [1, 1] }, x);
});
const trial: Case = { name: 'ties', graph, batch: 2 };

/** Forward, then backward with gradients 1, 2, 3, … of the output: its values, and the input's gradient. */
function pool(kernels: (typeof kernelSets)[number], image: readonly number[]) {
  const plan = planOf(trial, kernels, { training: true, fuse: true });
  const images = Float64Array.from([...image, ...image.map((value) => value - 1)]);
  const none = new Float64Array(0);
  const labels = new Int32Array(2);
  const inputs: Inputs = { parameters: none, state: none, images, labels, dOutput: none };
  const { executor } = start(plan, kernels, inputs, 2);
  executor.forward({ oldWeight: 0.9 });
  const gradient = kernels.newArray(12).map((_, i) => i + 1);
  executor.writeGradient(plan.output, gradient);
  executor.backward();
  const result = {
    output: Array.from(executor.output()).slice(0, 6),
    dInput: Array.from(executor.readGradient(plan.input)).slice(0, 20),
  };
  executor.dispose();
  return result;
}

describe.each(kernelSets.map((kernels) => [kernels.name, kernels] as const))('%s', (_, kernels) => {
  test('gives the gradient of equal values to the first, row by row, as torch does', () => {
    const { output, dInput } = pool(kernels, new Array<number>(20).fill(7));
    expect(output).toEqual([7, 7, 7, 7, 7, 7]);
    // Windows begin at rows −1, 1, 3 and columns −1, 1; their first pixels inside are these.
    const want = new Array<number>(20).fill(0);
    for (const [i, at] of [0, 1, 4, 5, 12, 13].entries()) want[at] = i + 1;
    expect(dInput).toEqual(want);
  });

  test('never lets padding win', () => {
    const { output } = pool(kernels, new Array<number>(20).fill(-3));
    expect(output).toEqual([-3, -3, -3, -3, -3, -3]);
  });

  test('lets a NaN through', () => {
    const image = new Array<number>(20).fill(1);
    image[5] = Number.NaN;
    const isLost = pool(kernels, image).output.map((value) => !Number.isNaN(value));
    expect(isLost).toEqual([false, false, false, false, true, true]);
  });
});
