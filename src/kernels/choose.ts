/** Which kernel set runs: the one asked for, or the best that this machine has, with the reason. */
import { availableParallelism } from 'node:os';
import { suggestName, usageError } from '../core/errors.ts';
import type { KernelSet } from './contract.ts';
import { type InstructionSet, instructionSets, loadNativeKernels } from './native.ts';
import { referenceKernels } from './reference.ts';
import { loadWasmKernels } from './wasm.ts';
import { type WasmVariant, wasmVariants } from './wasm-variants.ts';

/** What `--kernels` takes. */
export const kernelChoices = [
  'auto',
  'native',
  ...instructionSets.map((isa) => `native-${isa}` as const),
  'wasm',
  ...wasmVariants.map((variant) => `wasm-${variant}` as const),
  'reference',
  'reference-float64',
] as const;
/** One of `kernelChoices`. */
export type KernelChoice = (typeof kernelChoices)[number];

/** Which kernels are wanted, on how many threads. */
export interface KernelRequest {
  readonly kernels: KernelChoice;
  /** 0 means all cores. */
  readonly threads: number;
  /** Kernels that run plans for inference alone will do; default false. */
  readonly inference?: boolean;
}

/** A kernel set and why it was chosen. */
export interface ChosenKernels {
  readonly kernels: KernelSet;
  /** Why these, in words for people. */
  readonly reason: string;
  /** Said once, when something slower than hoped for was taken. */
  readonly warnings: readonly string[];
}

/** Throws a usage error when the kernels asked for by name are not there; `auto` always finds some. */
export function chooseKernels(request: KernelRequest): ChosenKernels {
  const { kernels: choice } = request;
  if (!kernelChoices.includes(choice)) {
    throw usageError({
      path: 'kernels',
      rule: `must be one of ${kernelChoices.join(', ')}`,
      got: JSON.stringify(choice),
      hint: suggestName(choice, kernelChoices),
    });
  }
  checkThreads(request.threads);
  const threads = request.threads === 0 ? availableParallelism() : request.threads;
  if (choice === 'reference' || choice === 'reference-float64') {
    const arithmetic = choice === 'reference' ? 'float32' : 'float64';
    return { kernels: referenceKernels(arithmetic), reason: 'asked for', warnings: [] };
  }
  const { inference = false } = request;
  if (choice === 'auto') return bestKernels(threads, inference);
  const load = loadByName(choice, threads, inference);
  if ('kernels' in load) return { ...load, warnings: [] };
  throw usageError({
    path: 'kernels',
    rule: `${choice} must be available: ${load.reason}`,
    hint: 'use --kernels auto, or see igc doctor',
  });
}

function checkThreads(threads: number): void {
  if (Number.isInteger(threads) && threads >= 0 && threads <= mostThreads) return;
  const rule = `must be a whole number in 0…${mostThreads}`;
  throw usageError({ path: 'threads', rule, got: `${threads}` });
}

/** Beyond it no machine has cores, and starting them would end the process. */
const mostThreads = 1024;

type ByName = Exclude<KernelChoice, 'auto' | 'reference' | 'reference-float64'>;

function loadByName(
  choice: ByName,
  threads: number,
  inference: boolean,
): { readonly kernels: KernelSet; readonly reason: string } | { readonly reason: string } {
  const [family, variant] = [choice.split('-')[0], choice.slice(choice.indexOf('-') + 1)];
  if (family === 'native') {
    const isa = variant === choice ? {} : { isa: variant as InstructionSet };
    const load = loadNativeKernels({ threads, ...isa });
    if (!('kernels' in load)) return load;
    const best = `the best instruction set of this CPU is ${load.isa}`;
    return { kernels: load.kernels, reason: choice === 'native' ? best : 'asked for' };
  }
  const wanted = variant === choice ? {} : { variant: variant as WasmVariant };
  const load = loadWasmKernels({ threads, inference, ...wanted });
  if (!('kernels' in load)) return load;
  const best = `the best that this engine's WebAssembly has is ${load.variant}`;
  return { kernels: load.kernels, reason: choice === 'wasm' ? best : 'asked for' };
}

/** Native, else wasm, else the reference. */
function bestKernels(threads: number, inference: boolean): ChosenKernels {
  const native = loadByName('native', threads, inference);
  if ('kernels' in native) return { ...native, warnings: [] };
  const missing = `no native kernels (${native.reason})`;
  const advice = 'With a C++ compiler and python3, npx igc build-native builds them.';
  const wasm = loadByName('wasm', threads, inference);
  if ('kernels' in wasm) {
    return {
      kernels: wasm.kernels,
      reason: `no native kernels: ${native.reason}; ${wasm.reason}`,
      warnings: [`${missing}; the wasm ones are several times slower on wide CPUs. ${advice}`],
    };
  }
  return {
    kernels: referenceKernels('float32'),
    reason: `no native kernels: ${native.reason}; no wasm kernels: ${wasm.reason}`,
    warnings: [
      `${missing} and no wasm kernels (${wasm.reason}); the TypeScript ones are many times slower. ${advice}`,
    ],
  };
}
