/**
 * Does a few training steps of ours, alone in a process, and says how much memory was resident at most.
 * Its only argument is a JSON object: { spec, batch, kernels, threads, steps }.
 */
import { chooseKernels, type KernelChoice } from '../kernels/choose.ts';
import type { NetSpec } from '../spec/network.ts';
import { makeStep } from '../train/repeatable-step.ts';

/** What to do. */
export interface MemoryRequest {
  readonly spec: NetSpec;
  readonly batch: number;
  readonly kernels: KernelChoice;
  readonly threads: number;
  readonly steps: number;
}

const residentBytes = () => process.resourceUsage().maxRSS * 1024;

const request = JSON.parse(process.argv[2]!) as MemoryRequest;
const startBytes = residentBytes();
const { kernels } = chooseKernels(request);
const { step } = makeStep(request.spec, kernels, request.batch, 'train');
for (let i = 0; i < request.steps; i++) step();
process.stdout.write(
  JSON.stringify({ peakBytes: residentBytes(), startBytes, kernels: kernels.name }),
);
