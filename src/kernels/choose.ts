/** Which kernel set runs: the one asked for, or the best that this machine has, with the reason. */
import { availableParallelism } from 'node:os';
import { suggestName, usageError } from '../core/errors.ts';
import type { KernelSet } from './contract.ts';
import { type InstructionSet, instructionSets, loadNativeKernels } from './native.ts';
import { referenceKernels } from './reference.ts';

/** What `--kernels` takes. */
export const kernelChoices = [
  'auto',
  'native',
  ...instructionSets.map((isa) => `native-${isa}` as const),
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
  if (choice === 'reference' || choice === 'reference-float64') {
    const arithmetic = choice === 'reference' ? 'float32' : 'float64';
    return { kernels: referenceKernels(arithmetic), reason: 'asked for', warnings: [] };
  }
  const threads = request.threads === 0 ? availableParallelism() : request.threads;
  const isa = choice.startsWith('native-') ? (choice.slice(7) as InstructionSet) : undefined;
  const load = loadNativeKernels(isa === undefined ? { threads } : { threads, isa });
  if ('kernels' in load) {
    const reason =
      isa === undefined ? `the best instruction set of this CPU is ${load.isa}` : 'asked for';
    return { kernels: load.kernels, reason, warnings: [] };
  }
  if (choice !== 'auto') {
    throw usageError({
      path: 'kernels',
      rule: `${choice} must be available: ${load.reason}`,
      hint: 'use --kernels auto, or see igc doctor',
    });
  }
  return {
    kernels: referenceKernels('float32'),
    reason: `no native kernels: ${load.reason}`,
    warnings: [
      `no native kernels (${load.reason}); the TypeScript ones are many times slower. ` +
        'With a C++ compiler and python3, npm run build:native builds them.',
    ],
  };
}
