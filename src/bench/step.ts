/** `bench step`: one network's training step and inference, ours and the peers', interleaved round by round. */

import { chooseKernels, type KernelChoice } from '../kernels/choose.ts';
import { type NamedNetwork, namedNetwork } from '../spec/named-networks.ts';
import type { NetSpec } from '../spec/network.ts';
import { countCost } from '../theory/cost.ts';
import { makeStep, type Work, works } from '../train/repeatable-step.ts';
import { type MachinePeaks, type PeakMeter, peakMeter } from './machine.ts';
import type { Absence, PeerName } from './peer.ts';
import { startPeers } from './peers.ts';
import { type Contender, type Measured, measureRounds } from './rounds.ts';
import { median, type Rate, rateOf, timeOf } from './timing.ts';

/** A network as the commands name it. */
export interface NetworkChoice
  extends Pick<NamedNetwork, 'net' | 'depth' | 'family' | 'double' | 'variant'> {
  readonly classes: number;
  readonly imgSize: number;
}

export interface StepBenchOptions extends NetworkChoice {
  readonly batch: number;
  readonly threads: number;
  readonly kernels: KernelChoice;
  readonly peers: readonly PeerName[];
  readonly rounds: number;
  /** Default: both. */
  readonly works?: readonly Work[];
}

/** Images per second, and ours divided by each peer's. */
export interface Comparison {
  readonly ours: number;
  /** The best layout and version of each peer. */
  readonly peers: Readonly<Record<string, number>>;
  readonly ratios: Readonly<Record<string, number>>;
  /** Ours: 10⁹ floating-point operations a second, two per MAC. */
  readonly gflops: number;
  /** Of the FMA peak just before or after, the median of the rounds; null where kernels are not native. */
  readonly shareOfPeak: number | null;
  /** By `ours` and `<peer>/<version>/<layout>`. */
  readonly spread: Readonly<Record<string, Rate>>;
  /** Milliseconds of a step: at batch 1, the latency. */
  readonly stepMs: Readonly<Record<string, number>>;
  /** Layouts that cannot run, and why. */
  readonly failed: Readonly<Record<string, string>>;
}

export interface StepBenchReport {
  readonly net: string;
  readonly depth: number;
  readonly batch: number;
  readonly threads: number;
  readonly rounds: number;
  readonly kernels: string;
  readonly peers: Readonly<Record<string, string>>;
  readonly absent: readonly Absence[];
  readonly peaks: MachinePeaks | null;
  readonly train?: Comparison;
  readonly inference?: Comparison;
}

/** Milliseconds that each contender may take of a round. */
const budgetMs = 1000;

/** The network that a command names. */
export function chosenNetwork({ imgSize, ...network }: NetworkChoice): NetSpec {
  return namedNetwork({ ...network, input: { channels: 3, height: imgSize, width: imgSize } });
}

export async function benchStep(options: StepBenchOptions): Promise<StepBenchReport> {
  const { batch, rounds } = options;
  const spec = chosenNetwork(options);
  const { kernels } = chooseKernels(options);
  const meter = peakMeter(kernels);
  const wanted = options.works ?? works;
  const own = wanted.map((work) => [work, makeStep(spec, kernels, batch, work)] as const);
  const started = await startPeers(options.peers, { spec, batch, threads: kernels.threads });
  const reports: Partial<Record<Work, Comparison>> = {};
  const macs = countCost(spec, 'all').macs;
  try {
    for (const [work, { step }] of own) {
      const contenders = [ownContender(step, meter), ...peerContenders(started.peers, work)];
      const between = () => meter?.streams();
      const measured = await measureRounds(contenders, { rounds, budgetMs, between });
      const operations = 2 * macs * (work === 'train' ? 3 : 1);
      reports[work] = compare(measured, batch, operations);
    }
  } finally {
    await started.close();
    for (const [, { executor }] of own) executor.dispose();
  }
  return {
    net: spec.name,
    depth: spec.depth,
    batch,
    threads: kernels.threads,
    rounds,
    kernels: kernels.name,
    peers: started.versions,
    absent: started.absent,
    peaks: meter?.peaks() ?? null,
    ...reports,
  };
}

/** Us, by a function that does one step, with the machine's peak beside it. */
export function ownContender(
  step: () => void,
  meter: PeakMeter | undefined,
  who = 'ours',
): Contender {
  return {
    who,
    ...(meter && { peak: meter.fma }),
    time: (steps) => Array.from({ length: steps }, () => timeOf(step)),
  };
}

function peerContenders(
  peers: Awaited<ReturnType<typeof startPeers>>['peers'],
  work: Work,
): readonly Contender[] {
  return peers.flatMap((peer) =>
    peer.layouts[work].map((layout) => ({
      who: `${peer.name}/${peer.version}/${layout}`,
      time: (steps: number) => peer.time(work, layout, steps),
    })),
  );
}

/** `operations`: floating-point operations of one image. */
function compare(
  { times, peaks, failed }: Measured,
  batch: number,
  operations: number,
): Comparison {
  const entries = Object.entries(times);
  const spread = Object.fromEntries(entries.map(([who, ms]) => [who, rateOf(ms, batch)]));
  const ours = spread.ours!.median;
  const rates: Record<string, number> = {};
  for (const [who, rate] of Object.entries(spread)) {
    const peer = who.split('/')[0]!;
    if (peer !== 'ours') rates[peer] = Math.max(rates[peer] ?? 0, rate.median);
  }
  const ratios = Object.fromEntries(Object.entries(rates).map(([who, rate]) => [who, ours / rate]));
  const gflopsOf = (ms: number) => (batch * operations) / ms / 1e6;
  const shares = (peaks.ours ?? []).map((peak, round) => gflopsOf(times.ours![round]!) / peak);
  const stepMs = Object.fromEntries(entries.map(([who, ms]) => [who, median(ms)]));
  return {
    ours,
    peers: rates,
    ratios,
    gflops: gflopsOf(stepMs.ours!),
    shareOfPeak: shares.length === 0 ? null : median(shares),
    spread,
    stepMs,
    failed,
  };
}
