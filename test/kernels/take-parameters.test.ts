/** An inference plan packs its parameters once; it must notice new ones when it is told. */
import { expect, test } from 'vitest';
import { cases } from './cases.ts';
import { kernelSets } from './kernel-sets.ts';
import { drawInputs, oldWeight, planOf, start } from './trial.ts';

const trial = cases.find((c) => c.name === 'a residual network of igc blocks in two replicas')!;

test.each(kernelSets.map((kernels) => [kernels.name, kernels] as const))(
  '%s computes with new parameters and running averages once it has taken them',
  (_, kernels) => {
    const inputs = drawInputs(trial, false);
    const variant = { training: false, fuse: true };
    const plan = planOf(trial, kernels, variant);
    const changed = {
      ...inputs,
      parameters: inputs.parameters.map((value) => 1.5 * value),
      state: inputs.state.map((value) => 2 * value),
    };
    const fresh = start(plan, kernels, changed, plan.batch).executor;
    fresh.forward({ oldWeight });
    const want = Array.from(fresh.output());
    const { model, executor } = start(plan, kernels, inputs, plan.batch);
    executor.forward({ oldWeight });
    expect(Array.from(executor.output())).not.toEqual(want);
    for (const name of ['parameters', 'state'] as const) model[name].set(changed[name]);
    executor.takeParameters();
    executor.forward({ oldWeight });
    expect(Array.from(executor.output())).toEqual(want);
  },
);
