/** What this machine reaches at most, measured in the same run: multiply-adds in registers, streams of memory. */
import { cpus } from 'node:os';
import type { KernelSet } from '../kernels/contract.ts';
import { type InstructionSet, machineMeter } from '../kernels/native.ts';
import { median } from './timing.ts';

/** Larger than any L3 that one process gets. */
const bufferMib = 256;
const fmaMs = 50;

/** 10⁹ operations and bytes a second, medians over the rounds. */
export interface MachinePeaks {
  readonly threads: number;
  /** Two per multiply-add, in the registers of the kernels' instruction set. */
  readonly fmaGflops: number;
  /** Of single measurements: a virtual machine may lose and regain a core meanwhile. */
  readonly fmaSlowest: number;
  readonly fmaFastest: number;
  readonly readGbytes: number;
  /** Read and written bytes. */
  readonly copyGbytes: number;
}

export interface PeakMeter {
  /** Measures multiply-adds once more, and gives the rate: 10⁹ operations a second. */
  fma(): number;
  /** Measures memory once more. */
  streams(): void;
  /** Throws before the first measurements. */
  peaks(): MachinePeaks;
}

/** Measures with the instruction set of the kernels; undefined where they are not native. */
export function peakMeter({ name, threads }: KernelSet): PeakMeter | undefined {
  if (!name.startsWith('native-')) return undefined;
  const meter = machineMeter({ isa: name.slice('native-'.length) as InstructionSet, threads });
  if (!meter) return undefined;
  const samples = { fma: [] as number[], read: [] as number[], copy: [] as number[] };
  return {
    fma() {
      const { fmaGflops } = meter(fmaMs, 0);
      samples.fma.push(fmaGflops);
      return fmaGflops;
    },
    streams() {
      const { readGbytes, copyGbytes } = meter(0, bufferMib);
      samples.read.push(readGbytes);
      samples.copy.push(copyGbytes);
    },
    peaks: () => ({
      threads,
      fmaGflops: median(samples.fma),
      fmaSlowest: Math.min(...samples.fma),
      fmaFastest: Math.max(...samples.fma),
      readGbytes: median(samples.read),
      copyGbytes: median(samples.copy),
    }),
  };
}

/** One line for people. */
export function peaksText(peaks: MachinePeaks): string {
  const { threads, fmaGflops, fmaSlowest, fmaFastest, readGbytes, copyGbytes } = peaks;
  const fma = `${fmaGflops.toFixed(0)} GFLOP/s (${fmaSlowest.toFixed(0)} to ${fmaFastest.toFixed(0)})`;
  const memory = `${readGbytes.toFixed(0)} GB/s read, ${copyGbytes.toFixed(0)} GB/s copied`;
  return `peak of ${threads === 1 ? '1 thread' : `${threads} threads`}: ${fma} in registers, ${memory}`;
}

/** The CPU's name and how many of them there are. */
export function machineName(): { readonly machine: string; readonly cores: number } {
  const all = cpus();
  return { machine: all[0]?.model.trim() ?? 'unknown CPU', cores: all.length };
}
