/** Backward in parts: the same bits as at once, and of each part what `gradientParts` says is final stays as it is. */
import { describe, expect, test } from 'vitest';
import { gradientParts } from '../../src/plan/gradient-parts.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { cases } from './cases.ts';
import { kernelSets } from './kernel-sets.ts';
import { convert, drawInputs, type Inputs, oldWeight, planOf, start } from './trial.ts';

const table = cases.map((trial) => [trial.name, trial] as const);
const variant = { training: true, fuse: true };

describe.each(kernelSets.map((kernels) => [kernels.name, kernels] as const))('%s', (_, kernels) => {
  const begin = (plan: Plan, inputs: Inputs) => {
    const { model, executor } = start(plan, kernels, inputs, plan.batch);
    executor.forward({ oldWeight });
    if (plan.steps.at(-1)!.kind !== 'loss') {
      executor.writeGradient(plan.output, convert(kernels, inputs.dOutput));
    }
    return { model, executor };
  };

  test.each(table)('runs %s backwards in parts', (_name, trial) => {
    const inputs = drawInputs(trial, true);
    const plan = planOf(trial, kernels, variant);
    const whole = begin(plan, inputs);
    whole.executor.backward();
    const want = whole.model.gradients.slice();
    for (const leastSize of [1, Math.ceil(plan.parameterSize / 3), plan.parameterSize + 1]) {
      const { model, executor } = begin(plan, inputs);
      for (const { from, to, offset, size } of gradientParts(plan, leastSize)) {
        executor.backward(from, to);
        const final = model.gradients.slice(offset, offset + size);
        expect([...final], `steps ${from} to ${to}`).toEqual([
          ...want.subarray(offset, offset + size),
        ]);
      }
      expect([...model.gradients]).toEqual([...want]);
      executor.dispose();
    }
    whole.executor.dispose();
  });
});

describe('the parts', () => {
  const plans = cases.map((trial) => planOf(trial, kernelSets[0]!, variant));

  test('have every step and every gradient once, the last ones first', () => {
    for (const plan of plans) {
      let [step, end] = [plan.steps.length, plan.parameterSize];
      for (const { from, to, offset, size } of gradientParts(plan, 7)) {
        expect([from, offset + size]).toEqual([step, end]);
        expect(to).toBeLessThan(from);
        [step, end] = [to, offset];
      }
      expect([step, end]).toEqual([0, 0]);
    }
  });

  test('are several where there are many gradients, and at least as large as wanted', () => {
    const counts = plans.map((plan) => {
      const parts = gradientParts(plan, 20);
      for (const { size } of parts.slice(0, -1)) expect(size).toBeGreaterThanOrEqual(20);
      return parts.length;
    });
    expect(Math.max(...counts)).toBeGreaterThan(2);
  });
});
