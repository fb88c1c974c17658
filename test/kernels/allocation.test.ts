/** Memory is taken when a plan is instantiated; a training step takes none. */
import { describe, expect, test } from 'vitest';
import type { KernelSet } from '../../src/kernels/contract.ts';
import { nativeMemory } from '../../src/kernels/native.ts';
import { wasmUse } from '../../src/kernels/wasm-kernels.ts';
import { cases } from './cases.ts';
import { kernelSets } from './kernel-sets.ts';
import { drawInputs, oldWeight, planOf, start } from './trial.ts';

const trial = cases.find((c) => c.name === 'a residual network of igc blocks in two replicas')!;

/** What kernels have taken so far. */
function memoryOf(kernels: KernelSet) {
  const { allocations, bytes } = kernels.name.startsWith('wasm')
    ? wasmUse(kernels)
    : nativeMemory();
  return { allocations, bytes };
}

describe.each(kernelSets.map((kernels) => [kernels.name, kernels] as const))('%s', (_, kernels) => {
  test('allocates nothing in a training step', () => {
    const inputs = drawInputs(trial, true);
    const plan = planOf(trial, kernels, { training: true, fuse: true });
    const { model, executor } = start(plan, kernels, inputs, plan.batch);
    const decay = [{ offset: 0, size: plan.parameterSize, factor: 1e-4 }];
    const step = () => {
      executor.forward({ oldWeight });
      executor.backward();
      kernels.updateSgd(model, { learningRate: 0.1, momentum: 0.9, nesterov: true, decay });
    };
    step();
    const arrays = process.memoryUsage().arrayBuffers;
    const { allocations } = memoryOf(kernels);
    for (let i = 0; i < 100; i++) step();
    expect(memoryOf(kernels).allocations).toBe(allocations);
    expect(process.memoryUsage().arrayBuffers).toBeLessThanOrEqual(arrays);
    executor.dispose();
  });

  test('gives the memory of a disposed plan back', () => {
    const inputs = drawInputs(trial, true);
    const plan = planOf(trial, kernels, { training: true, fuse: true });
    const { bytes } = memoryOf(kernels);
    for (let i = 0; i < 3; i++) start(plan, kernels, inputs, plan.batch).executor.dispose();
    expect(memoryOf(kernels).bytes).toBe(bytes);
  });
});
