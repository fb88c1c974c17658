/**
 * What `npm run bench` measures: a row per kind of work, with the goals that it is to reach. Plain data; how rows are
 * measured is table.ts's business.
 */
import { type KernelChoice, kernelChoices } from '../kernels/choose.ts';
import type { Work } from '../train/repeatable-step.ts';
import type { PeerName } from './peer.ts';
import type { NetworkChoice } from './step.ts';

/** A bound on one figure of a row. */
export type Goal =
  /** Ours by the peer's best images per second; `layout` leaves the others out. */
  | {
      readonly figure: 'ratio';
      readonly peer: PeerName;
      readonly layout?: string;
      readonly atLeast: number;
    }
  /** Floating-point operations a second by the FMA peak. */
  | { readonly figure: 'shareOfPeak'; readonly atLeast: number }
  /** Step time by that of another network of ours. */
  | { readonly figure: 'timeRatio'; readonly atMost: number }
  /** Two threads against one, by what the FMA peak gains. */
  | { readonly figure: 'scaling'; readonly atLeast: number }
  /** Peak resident memory by the smallest of PyTorch's. */
  | { readonly figure: 'memoryShare'; readonly atMost: number };

interface RowBase {
  /** Short and without blanks, for --only. */
  readonly id: string;
  readonly title: string;
  readonly network: NetworkChoice;
  readonly batch: number;
  readonly goals: readonly Goal[];
}

/** Ours beside peers. */
export interface StepRow extends RowBase {
  readonly kind: 'step';
  readonly work: Work;
  readonly peers: readonly PeerName[];
  /** Default: the best there are; undefined with a `missing` that says which are not there. */
  readonly kernels?: KernelChoice;
  /** Default: the table's. */
  readonly threads?: number;
  /** Why this version cannot run the row. */
  readonly missing?: string;
}

/** A training step beside that of another network of ours. */
export interface OwnRow extends RowBase {
  readonly kind: 'own';
  readonly beside: NetworkChoice;
}

export interface ScalingRow extends RowBase {
  readonly kind: 'scaling';
}

export interface MemoryRow extends RowBase {
  readonly kind: 'memory';
}

export type Row = StepRow | OwnRow | ScalingRow | MemoryRow;

const cifar = (net: string, depth: number): NetworkChoice => ({
  net,
  depth,
  family: 'cifar',
  classes: 10,
  imgSize: 32,
});
const flat8 = (net: string): NetworkChoice => ({ net, family: 'flat8', classes: 10, imgSize: 32 });
const imagenet: NetworkChoice = {
  net: 'IGC-L100M2+Ident',
  family: 'imagenet18',
  double: 'L',
  classes: 1000,
  imgSize: 224,
};

const faster = (peer: PeerName, atLeast: number, layout?: string): Goal => ({
  figure: 'ratio',
  peer,
  atLeast,
  ...(layout !== undefined && { layout }),
});
const peak = (atLeast: number): Goal => ({ figure: 'shareOfPeak', atLeast });

function training(id: string, network: NetworkChoice, batch: number, ...goals: Goal[]): StepRow {
  const depth = network.depth === undefined ? '' : ` D=${network.depth}`;
  const title = `training step, ${network.net}${depth}, batch ${batch}`;
  return { kind: 'step', work: 'train', id, title, network, batch, peers: ['torch'], goals };
}

function inference(
  id: string,
  network: NetworkChoice,
  batch: number,
  peers: readonly PeerName[],
  ...goals: Goal[]
): StepRow {
  const depth = network.depth === undefined ? '' : ` D=${network.depth}`;
  const size = network.imgSize === 32 ? '' : ` at ${network.imgSize}×${network.imgSize}`;
  const title = `inference, ${network.net}${depth}${size}, batch ${batch}`;
  return { kind: 'step', work: 'inference', id, title, network, batch, peers, goals };
}

/** One thread of WebAssembly on both sides. */
function onWasm(row: StepRow, peer: PeerName): StepRow {
  const kernels = kernelChoices.find((name) => name.startsWith('wasm'));
  return {
    ...row,
    title: `${row.title}, wasm, 1 thread`,
    peers: [peer],
    threads: 1,
    ...(kernels ? { kernels } : { missing: 'this version has no wasm kernels' }),
  };
}

const deepIgc = cifar('IGC-L24M2', 20);
const engines: readonly PeerName[] = ['onnxruntime-node', 'torch', 'openvino', 'litert'];

/** In the order of the table. */
export const tableRows: readonly Row[] = [
  training('train-L24M2', deepIgc, 64, faster('torch', 8), peak(0.45)),
  training('train-L4M8', cifar('IGC-L4M8', 20), 64, faster('torch', 2), peak(0.45)),
  training('train-RegConv-W16', cifar('RegConv-W16', 20), 64, faster('torch', 0.8)),
  training('train-L40M2', flat8('IGC-L40M2'), 64, faster('torch', 3)),
  training('train-L12M6', flat8('IGC-L12M6'), 64, faster('torch', 2)),
  training('train-L64M1', flat8('IGC-L64M1'), 64, faster('torch', 2)),
  training('train-L3M13', flat8('IGC-L3M13'), 64, faster('torch', 1.5)),
  training('train-L32M26', cifar('IGC-L32M26', 20), 16, faster('torch', 1.2)),
  {
    kind: 'own',
    id: 'train-by-RegConv-W18',
    title: 'step time, IGC-L24M2 D=20 by RegConv-W18 D=20, batch 64',
    network: deepIgc,
    beside: cifar('RegConv-W18', 20),
    batch: 64,
    goals: [{ figure: 'timeRatio', atMost: 0.75 }],
  },
  inference(
    'infer-L24M2',
    deepIgc,
    64,
    engines,
    faster('onnxruntime-node', 8),
    faster('torch', 5, 'compiled'),
    peak(0.55),
  ),
  inference('latency-L24M2', deepIgc, 1, engines, faster('onnxruntime-node', 5)),
  inference('infer-imagenet-1', imagenet, 1, engines, faster('onnxruntime-node', 3)),
  inference('infer-imagenet-8', imagenet, 8, engines, faster('onnxruntime-node', 3)),
  onWasm(
    inference('wasm-infer-L24M2', deepIgc, 64, [], faster('onnxruntime-web', 3)),
    'onnxruntime-web',
  ),
  onWasm(training('wasm-train-L24M2', deepIgc, 64, faster('jax-js', 8)), 'jax-js'),
  {
    kind: 'scaling',
    id: 'scaling-L24M2',
    title: 'training step, IGC-L24M2 D=20, batch 64: all threads against one',
    network: deepIgc,
    batch: 64,
    goals: [{ figure: 'scaling', atLeast: 0.9 }],
  },
  {
    kind: 'memory',
    id: 'memory-L24M2',
    title: 'peak memory, training IGC-L24M2 D=98, batch 64',
    network: cifar('IGC-L24M2', 98),
    batch: 64,
    goals: [{ figure: 'memoryShare', atMost: 0.5 }],
  },
];
