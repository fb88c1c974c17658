/** `bench step`: one network's training step and inference, ours and the peers', interleaved round by round. */

import { setTimeout as sleep } from 'node:timers/promises';
import { stream } from '../core/random.ts';
import { chooseKernels, type KernelChoice } from '../kernels/choose.ts';
import type { KernelSet } from '../kernels/contract.ts';
import { type NamedNetwork, namedNetwork } from '../spec/named-networks.ts';
import type { NetSpec } from '../spec/network.ts';
import { countCost } from '../theory/cost.ts';
import { initializeModel, makeModel, planModel } from '../train/model.ts';
import { median, type Rate, rateOf } from './timing.ts';
import { startTorch, type TorchPeer } from './torch-peer.ts';

export interface StepBenchOptions
  extends Pick<NamedNetwork, 'net' | 'depth' | 'family' | 'double' | 'variant'> {
  readonly batch: number;
  readonly classes: number;
  readonly imgSize: number;
  readonly threads: number;
  readonly kernels: KernelChoice;
  readonly peers: readonly 'torch'[];
  readonly rounds: number;
}

/** Images per second, and ours divided by each peer's. */
export interface Comparison {
  readonly ours: number;
  readonly peers: Readonly<Record<string, number>>;
  readonly ratios: Readonly<Record<string, number>>;
  readonly gflops: number;
  readonly spread: Readonly<Record<string, Rate>>;
}

export interface StepBenchReport {
  readonly net: string;
  readonly depth: number;
  readonly batch: number;
  readonly threads: number;
  readonly rounds: number;
  readonly kernels: string;
  readonly peers: Readonly<Record<string, string>>;
  readonly train: Comparison;
  readonly inference: Comparison;
}

type Work = 'train' | 'inference';

export async function benchStep(options: StepBenchOptions): Promise<StepBenchReport> {
  const { batch, imgSize, ...network } = options;
  const input = { channels: 3, height: imgSize, width: imgSize };
  const spec = namedNetwork({ ...network, input });
  const { kernels } = chooseKernels(options);
  const ours = {
    train: ourWork(spec, kernels, batch, true),
    inference: ourWork(spec, kernels, batch, false),
  };
  const torch = options.peers.includes('torch')
    ? await startTorch(spec, batch, kernels.threads)
    : undefined;
  const times = await interleave(ours, torch, options.rounds);
  torch?.close();
  const macs = countCost(spec, 'all').macs;
  const compare = (work: Work) => comparison(times[work], batch, macs * (work === 'train' ? 3 : 1));
  return {
    net: spec.name,
    depth: spec.depth,
    batch,
    threads: kernels.threads,
    rounds: options.rounds,
    kernels: kernels.name,
    peers: options.peers.includes('torch') ? { torch: torch?.version ?? 'absent' } : {},
    train: compare('train'),
    inference: compare('inference'),
  };
}

/** OpenMP's idle threads spin for a while; nobody is measured beside the other's. */
const settleMs = 300;

/** Milliseconds per step and round: `ours`, and `torch/<layout>`. */
type Times = Record<Work, Record<string, number[]>>;

async function interleave(
  ours: Record<Work, () => number>,
  torch: TorchPeer | undefined,
  rounds: number,
): Promise<Times> {
  const times: Times = { train: {}, inference: {} };
  const record = (work: Work, who: string, ms: number) => {
    times[work][who] ??= [];
    times[work][who].push(ms);
  };
  for (let round = -1; round < rounds; round++) {
    for (const work of ['train', 'inference'] as const) {
      await sleep(settleMs);
      const steps = work === 'train' ? 3 : 6;
      const own = median(Array.from({ length: 2 * steps }, () => ours[work]()));
      if (round >= 0) record(work, 'ours', own);
      for (const layout of torch?.layouts ?? []) {
        await sleep(settleMs);
        const ms = median(await torch!.time(work, layout, steps));
        if (round >= 0) record(work, `torch/${layout}`, ms); // round -1 warms up
      }
    }
  }
  return times;
}

function comparison(times: Record<string, number[]>, batch: number, macs: number): Comparison {
  const spread = Object.fromEntries(
    Object.entries(times).map(([who, ms]) => [who, rateOf(ms, batch)]),
  );
  const ours = spread.ours!.median;
  const peers: Record<string, number> = {};
  for (const [who, rate] of Object.entries(spread)) {
    const peer = who.split('/')[0]!;
    if (peer !== 'ours') peers[peer] = Math.max(peers[peer] ?? 0, rate.median); // its best layout
  }
  const ratios = Object.fromEntries(Object.entries(peers).map(([who, rate]) => [who, ours / rate]));
  return { ours, peers, ratios, gflops: (ours * macs * 2) / 1e9, spread };
}

/** A function that runs one step and gives its milliseconds. */
function ourWork(
  spec: NetSpec,
  kernels: KernelSet,
  batch: number,
  training: boolean,
): () => number {
  const model = makeModel(spec, kernels);
  initializeModel(model, 0);
  const executor = kernels.instantiate(planModel(model, { batch, training }), model);
  const { images, labels } = randomBatch(spec, kernels, batch);
  const decay = [{ offset: 0, size: model.parameters.length, factor: 1e-4 }];
  const sgd = { learningRate: 0.001, momentum: 0.9, nesterov: true, decay };
  return () => {
    const start = performance.now();
    executor.setBatch(images, labels, batch);
    executor.forward({ oldWeight: 0.9 });
    if (training) {
      executor.backward();
      kernels.updateSgd(model, sgd);
    } else {
      executor.output();
    }
    return performance.now() - start;
  };
}

function randomBatch(spec: NetSpec, kernels: KernelSet, batch: number) {
  const { channels, height, width } = spec.input;
  const random = stream(0, 'bench/images');
  const images = kernels.newArray(batch * channels * height * width);
  for (let i = 0; i < images.length; i++) images[i] = random.normal();
  const labels = Int32Array.from({ length: batch }, () => random.integer(spec.classes));
  return { images, labels };
}
