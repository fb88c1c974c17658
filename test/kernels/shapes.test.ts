/**
 * Laws for shapes that nobody typed: random convolutions on every kernel set, and the float64
 * reference itself against the formula of a convolution written out.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ConvOp, type Graph, ruleOf } from '../../src/spec/graph.ts';
import { tolerances } from '../tolerances.ts';
import { graphOf } from './cases.ts';
import { definition, kernelSets } from './kernel-sets.ts';
import { type Case, drawInputs, expectClose, type Inputs, nmse, runTrial } from './trial.ts';

const upTo = (most: number) => fc.integer({ min: 1, max: most });

/** A convolution that fits its input, and a batch for it. */
const convolutions: fc.Arbitrary<Case> = fc
  .record({
    groups: upTo(5),
    inPerGroup: upTo(6),
    outPerGroup: upTo(6),
    kernel: fc.tuple(upTo(5), upTo(5)),
    stride: upTo(3),
    pad: fc.tuple(fc.nat(3), fc.nat(3)),
    height: upTo(9),
    width: upTo(18),
    batch: upTo(18),
  })
  .filter(({ kernel, pad, height, width }) => {
    return height + 2 * pad[0] >= kernel[0] && width + 2 * pad[1] >= kernel[1];
  })
  .map(({ groups, inPerGroup, outPerGroup, kernel, stride, pad, height, width, batch }) => {
    const outChannels = groups * outPerGroup;
    const op: ConvOp = { kind: 'conv', outChannels, groups, kernel, stride, pad };
    const size = [groups * inPerGroup, height, width] as const;
    const name = `[${size}] batch ${batch} ${JSON.stringify(op)}`;
    return { name, batch, graph: graphOf(size, (graph, x) => graph.add('conv', op, x)) };
  });

describe.each(kernelSets.map((kernels) => [kernels.name, kernels] as const))('%s', (_, kernels) => {
  const tolerance =
    kernels.arithmetic === 'float64'
      ? tolerances.conformanceFloat64
      : tolerances.conformanceFloat32;

  test('convolves any shape as the definition does, forward and backward', () => {
    fc.assert(
      fc.property(convolutions, (trial) => {
        const inputs = drawInputs(trial, true);
        const want = runTrial(trial, definition, { training: true, fuse: false }, inputs);
        const variant = { training: true, fuse: true, keepAll: true, guard: kernels.lanes };
        expectClose(runTrial(trial, kernels, variant, inputs), want, tolerance);
      }),
      { seed: 1, numRuns: 120 },
    );
  });
});

test('the definition of a convolution is the formula', () => {
  fc.assert(
    fc.property(convolutions, (trial) => {
      const inputs = drawInputs(trial, false);
      const got = runTrial(trial, definition, { training: false, fuse: true }, inputs);
      const want = convolve(trial.graph, trial.batch, inputs);
      expect(nmse(got.get('output')!, want)).toBeLessThanOrEqual(tolerances.conformanceFloat64);
    }),
    { seed: 2, numRuns: 120 },
  );
});

/** out[n, o, y, x] = Σ w[o, i, ky, kx] · in[n, g·I + i, y·s + ky − padH, x·s + kx − padW] */
function convolve(graph: Graph, batch: number, { images, parameters }: Inputs): Float64Array {
  const [{ shape: input }, { op, shape: output }] = graph.nodes as [
    Graph['nodes'][number],
    Graph['nodes'][number],
  ];
  const { groups, kernel, stride, pad } = op as ConvOp;
  const [weight] = ruleOf(op).parameters(op, input);
  const I = weight!.shape[1]!;
  const perGroup = output.channels / groups;
  const result = new Float64Array(batch * output.channels * output.height * output.width);
  let at = 0;
  for (let n = 0; n < batch; n++) {
    for (let o = 0; o < output.channels; o++) {
      for (let y = 0; y < output.height; y++) {
        for (let x = 0; x < output.width; x++, at++) {
          for (let tap = 0; tap < I * kernel[0] * kernel[1]; tap++) {
            const i = Math.floor(tap / (kernel[0] * kernel[1]));
            const inY = y * stride + (Math.floor(tap / kernel[1]) % kernel[0]) - pad[0];
            const inX = x * stride + (tap % kernel[1]) - pad[1];
            if (inY < 0 || inY >= input.height || inX < 0 || inX >= input.width) continue;
            const channel = n * input.channels + Math.floor(o / perGroup) * I + i;
            const value = images[(channel * input.height + inY) * input.width + inX]!;
            result[at]! += value * parameters[o * I * kernel[0] * kernel[1] + tap]!;
          }
        }
      }
    }
  }
  return result;
}
