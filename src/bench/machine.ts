/** What this machine reaches at most, measured in the same run: multiply-adds in registers, streams of memory. */
import { cpus } from 'node:os';
import type { KernelSet } from '../kernels/contract.ts';
import { type InstructionSet, machineMeter } from '../kernels/native.ts';
import { median } from './timing.ts';

/** Larger than any L3 that one process gets. */
const bufferMib = 256;
const peakMs = 100;

/** 10⁹ operations and bytes a second, medians over the rounds. */
export interface MachinePeaks {
  readonly threads: number;
  /** Two per multiply-add, in the registers of the kernels' instruction set. */
  readonly fmaGflops: number;
  readonly readGbytes: number;
  /** Read and written bytes. */
  readonly copyGbytes: number;
}

export interface PeakMeter {
  /** One measurement more. */
  measure(): void;
  /** Throws before the first measurement. */
  peaks(): MachinePeaks;
}

/** Measures with the instruction set of the kernels; undefined where they are not native. */
export function peakMeter({ name, threads }: KernelSet): PeakMeter | undefined {
  if (!name.startsWith('native-')) return undefined;
  const meter = machineMeter({ isa: name.slice('native-'.length) as InstructionSet, threads });
  if (!meter) return undefined;
  const samples: ReturnType<typeof meter>[] = [];
  return {
    measure: () => void samples.push(meter(peakMs, bufferMib)),
    peaks() {
      const middle = (key: keyof (typeof samples)[number]) => median(samples.map((s) => s[key]));
      return {
        threads,
        fmaGflops: middle('fmaGflops'),
        readGbytes: middle('readGbytes'),
        copyGbytes: middle('copyGbytes'),
      };
    },
  };
}

/** The CPU's name and how many of them there are. */
export function machineName(): { readonly machine: string; readonly cores: number } {
  const all = cpus();
  return { machine: all[0]?.model.trim() ?? 'unknown CPU', cores: all.length };
}
