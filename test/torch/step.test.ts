/**
 * Does PyTorch agree? One whole training step (forward, backward, Nesterov SGD with decay on everything) of the paper's
 * networks, and of one network with every variant, from the same weights, momenta, running averages and batch.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stream } from '../../src/core/random.ts';
import type { KernelSet, ModelArrays } from '../../src/kernels/contract.ts';
import { makePlan } from '../../src/plan/make-plan.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { type NetVariant, namedNetwork } from '../../src/spec/named-networks.ts';
import { buildGraph, type NetSpec } from '../../src/spec/network.ts';
import { readOwnNetwork, requestNetwork } from '../../src/spec/own-network.ts';
import { definition, nativeSets, skippedSets } from '../kernels/kernel-sets.ts';
import { convert, nmse } from '../kernels/trial.ts';
import { tolerances } from '../tolerances.ts';
import { type Peer, type PeerTensor, pythonWithTorch, startPeer } from './torch-peer.ts';

const nets = ['IGC-L24M2', 'RegConv-W16', 'IGC-L4M8+Ident'] as const;
const imageOf = (side: number) => ({ channels: 3, height: side, width: side });
const cifar = (net: string, variant: NetVariant = {}) =>
  namedNetwork({ net, depth: 8, variant, input: imageOf(32), classes: 10 });
const sgd = { learningRate: 0.1, momentum: 0.9, weightDecay: 1e-4 } as const;
const smoothing = 0.1;

interface Setting {
  readonly spec: NetSpec;
  readonly batch: number;
  readonly replicas: number;
}

/** What a step starts from, float32 values in float64 arrays, in the plan's order. */
interface Start {
  readonly spec: NetSpec;
  readonly parameters: Float64Array;
  readonly momentum: Float64Array;
  readonly state: Float64Array;
  readonly images: Float64Array;
  readonly labels: Int32Array;
}

type Numbers = ReadonlyMap<string, ArrayLike<number>>;

function planFor(spec: NetSpec, { batch, replicas }: Setting, lanes: number): Plan {
  const { epsilon } = spec.batchNorm;
  const graph = buildGraph(spec);
  return makePlan(graph, { batch, replicas, lanes, training: true, smoothing, epsilon });
}

function drawStart(setting: Setting): Start {
  const { spec, batch } = setting;
  const plan = planFor(spec, setting, 1);
  const random = stream(1, `torch/${spec.name}`);
  const draw = (length: number, deviation: number, mean = 0) =>
    Float64Array.from({ length }, () => Math.fround(mean + deviation * random.normal()));
  const parameters = new Float64Array(plan.parameterSize);
  for (const { role, init, size, offset } of plan.parameters) {
    const deviation = init.kind === 'constant' ? 0.1 : Math.sqrt(2 / init.fanIn);
    parameters.set(draw(size, deviation, role === 'gamma' ? 1 : 0), offset);
  }
  const state = new Float64Array(plan.stateSize);
  for (const { channels, runningMean, runningVariance } of plan.batchNorms) {
    state.set(draw(channels, 0.5), runningMean);
    state.set(draw(channels, 0.1, 1), runningVariance);
  }
  const momentum = draw(plan.parameterSize, 0.01);
  const { input } = spec;
  const images = draw(batch * input.channels * input.height * input.width, 1);
  const labels = Int32Array.from({ length: batch }, () => random.integer(10));
  return { spec, parameters, momentum, state, images, labels };
}

/** Parameters, momenta, … by the names that peer.py uses. */
function named(plan: Plan, section: string, values: PeerTensor['values']): [string, PeerTensor][] {
  return plan.parameters.map(({ path, shape, offset, size }) => [
    `${section}:${path}`,
    { shape, values: values.subarray(offset, offset + size) },
  ]);
}

function namedState(plan: Plan, state: PeerTensor['values']): [string, PeerTensor][] {
  return plan.batchNorms.flatMap(({ path, channels, runningMean, runningVariance }) => {
    const part = (offset: number) => state.subarray(offset, offset + channels);
    return [
      [`running:${path}/mean`, { shape: [channels], values: part(runningMean) }],
      [`running:${path}/variance`, { shape: [channels], values: part(runningVariance) }],
    ] as [string, PeerTensor][];
  });
}

function stepInTorch(setting: Setting, begin: Start, like: KernelSet): Promise<Numbers> {
  const { spec, labels } = begin;
  const plan = planFor(spec, setting, 1);
  const { height, width, channels } = spec.input;
  const { replicas, batch } = setting;
  const tensors = new Map<string, PeerTensor>([
    ...named(plan, 'parameter', convert(like, begin.parameters)),
    ...named(plan, 'momentum', convert(like, begin.momentum)),
    ...namedState(plan, convert(like, begin.state)),
    ['images', { shape: [batch, channels, height, width], values: convert(like, begin.images) }],
    ['labels', { shape: [batch], values: labels }],
  ]);
  const options = { ...spec.batchNorm, ...sgd, replicas, smoothing };
  return peer.ask({ blocks: spec.blocks, options }, tensors);
}

function stepInKernels(setting: Setting, begin: Start, kernels: KernelSet): Numbers {
  const { spec, images, labels } = begin;
  const plan = planFor(spec, setting, kernels.lanes);
  const model: ModelArrays = {
    parameters: convert(kernels, begin.parameters),
    gradients: kernels.newArray(plan.parameterSize),
    momentum: convert(kernels, begin.momentum),
    state: convert(kernels, begin.state),
  };
  const executor = kernels.instantiate(plan, model, { poison: true });
  executor.setBatch(convert(kernels, images), labels, setting.batch);
  executor.forward({ oldWeight: spec.batchNorm.oldWeight });
  executor.backward();
  const numbers = new Map<string, ArrayLike<number>>([
    ['logits', executor.output()],
    ['loss', [executor.loss()]],
  ]);
  executor.dispose();
  const { learningRate, momentum, weightDecay } = sgd;
  const decay = [{ offset: 0, size: plan.parameterSize, factor: weightDecay }];
  kernels.updateSgd(model, { learningRate, momentum, nesterov: true, decay });
  const tensors = [
    ...named(plan, 'gradient', model.gradients),
    ...named(plan, 'parameter', model.parameters),
    ...named(plan, 'momentum', model.momentum),
    ...namedState(plan, model.state),
  ];
  for (const [name, { values }] of tensors) numbers.set(name, values);
  return numbers;
}

function expectAgreement(got: Numbers, want: Numbers, toleranceOf: (name: string) => number): void {
  expect([...got.keys()].sort()).toEqual([...want.keys()].sort());
  const wrong = [...want].flatMap(([name, values]) => {
    const error = nmse(got.get(name)!, values);
    return error <= toleranceOf(name) ? [] : [`${name}: NMSE ${error.toExponential(1)}`];
  });
  expect(wrong, 'numbers that differ from torch').toEqual([]);
}

function float32Tolerance(name: string): number {
  if (/^(gradient|momentum):/.test(name)) return tolerances.torchFloat32Gradient;
  return name.startsWith('parameter:') ? tolerances.torchFloat32Update : tolerances.torchFloat32;
}

if (!pythonWithTorch) {
  console.warn('skipped: no python3 with torch and numpy (Debian: apt install python3-torch)');
}

/** The ImageNet network with L-doubling; a bottleneck; and every variant in one network. */
const others: readonly (readonly [string, NetSpec])[] = [
  [
    'IGC-L100M2+Ident at 64×64',
    namedNetwork({
      net: 'IGC-L100M2+Ident',
      family: 'imagenet18',
      double: 'L',
      input: imageOf(64),
      classes: 10,
    }),
  ],
  ['IGC-L4M8 with a bottleneck', cifar('IGC-L4M8', { bottleneck: 2 })],
  ['pre-activated residual blocks', cifar('IGC-L4M4+Ident', { bn: 'before' })],
  ['every variant', everyVariant()],
];

function everyVariant(): NetSpec {
  const igc = { kind: 'igc', L: 4 } as const;
  const net = readOwnNetwork({
    name: 'every variant',
    blocks: [
      { kind: 'regular', outChannels: 8, kernel: 5, bn: 'none' },
      { kind: 'maxPool' },
      { ...igc, M: 2, bn: 'before' },
      { ...igc, M: 4, split: true, stride: 2 },
      { ...igc, M: 4, secondary: 'full', bottleneck: 2 },
      { ...igc, M: 4, bn: 'both', between: 'relu', primaryConvolutions: 2 },
      {
        kind: 'residual',
        body: [
          { ...igc, M: 8, stride: 2, quirk: 'resnet_igc' },
          { ...igc, M: 8, bottleneck: 4 },
        ],
        projection: { groups: 4 },
      },
      { ...igc, M: 8, kernel: 1, secondaryKernel: 3, stride: 2 },
      { kind: 'igc', L: 1, M: 32, between: 'relu' },
      { kind: 'igc', L: 32, M: 1, split: true, primaryConvolutions: 2 },
    ],
  });
  return requestNetwork({ net, input: imageOf(32), classes: 10 });
}

let peer: Peer;

describe.skipIf(!pythonWithTorch)('one training step', () => {
  beforeAll(() => {
    peer = startPeer(pythonWithTorch!);
  });
  afterAll(() => peer.close());

  test.each(others)('of %s is torch.double’s in float64', async (_, spec) => {
    const setting = { spec, batch: 4, replicas: 1 };
    const begin = drawStart(setting);
    const want = await stepInTorch(setting, begin, definition);
    const got = stepInKernels(setting, begin, definition);
    expectAgreement(got, want, () => tolerances.torchFloat64);
  });

  describe.each(nets)('of %s', (net) => {
    test.each([1, 2])('is torch.double’s in float64, replicas %d', async (replicas) => {
      const setting = { spec: cifar(net), batch: 8, replicas };
      const begin = drawStart(setting);
      const want = await stepInTorch(setting, begin, definition);
      const got = stepInKernels(setting, begin, definition);
      expectAgreement(got, want, () => tolerances.torchFloat64);
    });

    test.skipIf(nativeSets.length === 0)(
      'is float32 torch’s on every native kernel set',
      async () => {
        const setting = { spec: cifar(net), batch: 64, replicas: 1 };
        const begin = drawStart(setting);
        const want = await stepInTorch(setting, begin, nativeSets[0]!);
        for (const kernels of nativeSets) {
          const got = stepInKernels(setting, begin, kernels);
          expectAgreement(got, want, float32Tolerance);
        }
      },
    );
  });
});

for (const { name, reason } of skippedSets) {
  test.skip(`${name} is left out: ${reason}`, () => {});
}
