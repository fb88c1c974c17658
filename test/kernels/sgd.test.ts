/** The optimizer's update on every kernel set, against its formula. */
import { describe, expect, test } from 'vitest';
import { stream } from '../../src/core/random.ts';
import type { ModelArrays, SgdOptions } from '../../src/kernels/contract.ts';
import { tolerances } from '../tolerances.ts';
import { kernelSets } from './kernel-sets.ts';
import { convert, nmse } from './trial.ts';

/** Odd, so that no vector width divides it or the spans. */
const size = 1003;
const decay = [
  { offset: 0, size: 501, factor: 1e-2 },
  { offset: 501, size: 1, factor: 0 },
  { offset: 502, size: 501, factor: 1e-1 },
];

describe.each(kernelSets.map((kernels) => [kernels.name, kernels] as const))('%s', (_, kernels) => {
  test.each([true, false])('updates by the formula, Nesterov %s', (nesterov) => {
    const random = stream(1, `sgd/${nesterov}`);
    const draw = () => Float64Array.from({ length: size }, () => Math.fround(random.normal()));
    const [w, g, m] = [draw(), draw(), draw()];
    const model: ModelArrays = {
      parameters: convert(kernels, w),
      gradients: convert(kernels, g),
      momentum: convert(kernels, m),
      state: kernels.newArray(0),
    };
    const options: SgdOptions = { learningRate: 0.25, momentum: 0.875, nesterov, decay };
    kernels.updateSgd(model, options);

    const lambda = (i: number) => decay.find((d) => i < d.offset + d.size)!.factor;
    const decayed = g.map((value, i) => value + lambda(i) * w[i]!);
    const velocity = m.map((value, i) => 0.875 * value + decayed[i]!);
    const updated = w.map((value, i) => {
      const direction = nesterov ? decayed[i]! + 0.875 * velocity[i]! : velocity[i]!;
      return value - 0.25 * direction;
    });
    const tolerance =
      kernels.arithmetic === 'float64'
        ? tolerances.conformanceFloat64
        : tolerances.conformanceFloat32;
    expect(nmse(model.momentum, velocity)).toBeLessThanOrEqual(tolerance);
    expect(nmse(model.parameters, updated)).toBeLessThanOrEqual(tolerance);
    expect(Array.from(model.gradients)).toEqual(Array.from(g));
  });
});
