/**
 * The kernel sets under test: the reference in both arithmetics and every native and wasm set that
 * runs on this machine; what does not run is named with its reason.
 */
import type { KernelSet } from '../../src/kernels/contract.ts';
import { nativeKernelSets } from '../../src/kernels/native.ts';
import { referenceKernels } from '../../src/kernels/reference.ts';
import { wasmKernelSets } from '../../src/kernels/wasm.ts';

/** What everything is compared with. */
export const definition: KernelSet = referenceKernels('float64');

const native = nativeKernelSets({ threads: 2 });

export const nativeSets: readonly KernelSet[] = native.available;

const wasm = wasmKernelSets({ threads: 1 });

export const wasmSets: readonly KernelSet[] = wasm.available;

export const skippedSets = [...native.skipped, ...wasm.skipped];

export const kernelSets: readonly KernelSet[] = [
  definition,
  referenceKernels('float32'),
  ...nativeSets,
  ...wasmSets,
];
