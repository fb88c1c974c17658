/** Same inputs, same kernel set, any number of threads: the same bits. */
import { describe, expect, test } from 'vitest';
import type { KernelSet } from '../../src/kernels/contract.ts';
import { type InstructionSet, loadNativeKernels } from '../../src/kernels/native.ts';
import { loadWasmKernels } from '../../src/kernels/wasm.ts';
import type { WasmVariant } from '../../src/kernels/wasm-variants.ts';
import { cases } from './cases.ts';
import { nativeSets, skippedSets, wasmSets } from './kernel-sets.ts';
import { drawInputs, expectSame, runTrial, type Variant } from './trial.ts';

const table = cases.map((trial) => [trial.name, trial] as const);

/** A kernel set by its name, on so many threads. */
function kernelsOf(name: string, threads: number): KernelSet {
  const variant = name.slice(name.indexOf('-') + 1);
  const load = name.startsWith('native')
    ? loadNativeKernels({ isa: variant as InstructionSet, threads })
    : loadWasmKernels({ variant: variant as WasmVariant, threads });
  if ('reason' in load) throw new Error(load.reason);
  return load.kernels;
}

const sets = [...nativeSets, ...wasmSets];

describe.each(sets.map(({ name }) => [name] as const))('%s', (name) => {
  const threaded = [1, 2, 3].map((threads) => kernelsOf(name, threads));

  test('has sets of 1, 2 and 3 threads', () => {
    expect(threaded.map((kernels) => kernels.threads)).toEqual([1, 2, 3]);
  });

  test.each(table)('computes the same bits with 1, 2 and 3 threads for %s', (_, trial) => {
    for (const training of [true, false]) {
      const variant: Variant = { training, fuse: true };
      const inputs = drawInputs(trial, training);
      const [one, ...more] = threaded.map((kernels) => runTrial(trial, kernels, variant, inputs));
      for (const other of more) expectSame(other, one!);
    }
  });
});

for (const { name, reason } of skippedSets) {
  test.skip(`${name} is left out: ${reason}`, () => {});
}
