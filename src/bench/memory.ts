/** `bench memory`: what training takes at most, of ours and of PyTorch, each alone in a process. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { formatBytes, textTable } from '../draw/text-table.ts';
import { chooseKernels, type KernelChoice } from '../kernels/choose.ts';
import { describeNetwork, type MemoryDescription } from '../plan/describe.ts';
import type { NetSpec } from '../spec/network.ts';
import type { MemoryRequest } from './memory-process.ts';
import type { Absence, PeerSetting } from './peer.ts';
import { chosenNetwork, type NetworkChoice } from './step.ts';
import { findTorchPythons, startTorch } from './torch-peer.ts';

export interface MemoryOptions extends NetworkChoice {
  readonly batch: number;
  readonly threads: number;
  readonly kernels: KernelChoice;
  /** Also PyTorch's, of every python that has it. */
  readonly withTorch: boolean;
}

/** Resident bytes of a process: before there was a network, and at most. */
export interface ProcessMemory {
  readonly startBytes: number;
  readonly peakBytes: number;
}

export interface MemoryReport {
  readonly net: string;
  readonly depth: number;
  readonly batch: number;
  readonly threads: number;
  readonly kernels: string;
  /** By `ours` and `torch/<version>/<layout>`. */
  readonly processes: Readonly<Record<string, ProcessMemory>>;
  /** Our plan's arenas in bytes. */
  readonly plan: MemoryDescription;
  /** Our peak by the smallest of PyTorch's; null without one. */
  readonly share: number | null;
  readonly absent: readonly Absence[];
}

/** The first may be special. */
const steps = 2;

export async function benchMemory(options: MemoryOptions): Promise<MemoryReport> {
  const { batch } = options;
  const spec = chosenNetwork(options);
  const { kernels } = chooseKernels(options);
  const processes: Record<string, ProcessMemory> = { ours: ownMemory(spec, options) };
  const setting = { spec, batch, threads: kernels.threads };
  const torch = options.withTorch ? await torchMemory(setting) : { processes: {}, absent: [] };
  Object.assign(processes, torch.processes);
  const peaks = Object.values(torch.processes).map(({ peakBytes }) => peakBytes);
  return {
    net: spec.name,
    depth: spec.depth,
    batch,
    threads: kernels.threads,
    kernels: kernels.name,
    processes,
    plan: describeNetwork(spec, { batch, lanes: kernels.lanes }).memory.training,
    share: peaks.length === 0 ? null : processes.ours!.peakBytes / Math.min(...peaks),
    absent: torch.absent,
  };
}

function ownMemory(spec: NetSpec, { batch, kernels, threads }: MemoryOptions): ProcessMemory {
  const script = fileURLToPath(new URL('./memory-process.js', import.meta.url));
  const request: MemoryRequest = { spec, batch, kernels, threads, steps };
  const written = execFileSync(process.execPath, [script, JSON.stringify(request)]);
  return JSON.parse(written.toString()) as ProcessMemory;
}

/** A process for every version and layout: what one has freed, the next would reuse. */
async function torchMemory(setting: PeerSetting) {
  const processes: Record<string, ProcessMemory> = {};
  const absent: Absence[] = [];
  const pythons = findTorchPythons();
  if (pythons.length === 0) absent.push({ name: 'torch', reason: 'no python3 with torch' });
  for (const python of pythons) {
    for (const layout of ['contiguous', 'channels_last']) {
      const peer = await startTorch(python, setting);
      if ('reason' in peer) {
        absent.push(peer);
        continue;
      }
      await peer.time('train', layout, steps);
      const { peakBytes, startBytes } = await peer.process.ask({ do: 'memory' });
      processes[`torch/${peer.version}/${layout}`] = {
        peakBytes: peakBytes as number,
        startBytes: startBytes as number,
      };
      await peer.close();
    }
  }
  return { processes, absent };
}

/** A table of processes, and the plan. */
export function memoryText(report: MemoryReport, machine: string): string {
  const { net, depth, batch, threads, kernels, processes, plan, share } = report;
  const rows = Object.entries(processes).map(([who, { peakBytes, startBytes }]) => [
    who,
    formatBytes(peakBytes),
    formatBytes(startBytes),
    formatBytes(peakBytes - startBytes),
  ]);
  const titles = ['at most', 'before the network', 'difference'];
  const arenas = `activations ${formatBytes(plan.activations)}, their gradients ${formatBytes(plan.activationGradients)}, ${formatBytes(plan.total)} in all`;
  return [
    `${net} D=${depth}, training, batch ${batch}, ${threads} threads, ${kernels}, ${machine}; resident bytes`,
    ...textTable(
      [{ title: 'process' }, ...titles.map((title) => ({ title, align: 'right' }) as const)],
      rows,
    ),
    `our plan: ${arenas}`,
    ...(share === null ? [] : [`ours is ${share.toFixed(2)} of PyTorch's smallest`]),
    ...report.absent.map(({ name, reason }) => `${name}: absent (${reason})`),
  ].join('\n');
}
