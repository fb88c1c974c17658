/** Memory is taken when a plan is instantiated; a training step takes none. */
import { describe, expect, test } from 'vitest';
import { nativeMemory } from '../../src/kernels/native.ts';
import { wasmMemory } from '../../src/kernels/wasm-kernels.ts';
import { cases } from './cases.ts';
import { kernelSets } from './kernel-sets.ts';
import { drawInputs, oldWeight, planOf, start } from './trial.ts';

const trial = cases.find((c) => c.name === 'a residual network of igc blocks in two replicas')!;

/** What kernels of all kinds have taken so far. */
function kernelMemory() {
  const [native, wasm] = [nativeMemory(), wasmMemory()];
  return {
    allocations: native.allocations + wasm.allocations,
    bytes: native.bytes + wasm.bytes,
  };
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
    const { allocations } = kernelMemory();
    for (let i = 0; i < 100; i++) step();
    expect(kernelMemory().allocations).toBe(allocations);
    expect(process.memoryUsage().arrayBuffers).toBeLessThanOrEqual(arrays);
    executor.dispose();
  });

  test('gives the memory of a disposed plan back', () => {
    const inputs = drawInputs(trial, true);
    const plan = planOf(trial, kernels, { training: true, fuse: true });
    const { bytes } = kernelMemory();
    for (let i = 0; i < 3; i++) start(plan, kernels, inputs, plan.batch).executor.dispose();
    expect(kernelMemory().bytes).toBe(bytes);
  });
});
