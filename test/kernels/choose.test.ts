import { expect, it } from 'vitest';
import { chooseKernels, type KernelChoice } from '../../src/kernels/choose.ts';

it('refuses kernels that nobody knows, with the nearest that are', () => {
  expect(() => chooseKernels({ kernels: 'native-avx' as KernelChoice, threads: 1 })).toThrow(
    'kernels: must be one of auto, native, native-avx512, native-avx2, native-neon, native-baseline, wasm, wasm-relaxed-simd, wasm-simd128, reference, reference-float64, got "native-avx"; did you mean "native-avx2"?',
  );
});
