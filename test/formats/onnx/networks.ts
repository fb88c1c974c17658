/** Networks with values of their own everywhere, and what the float64 definition makes of some images. */
import { stream } from '../../../src/core/random.ts';
import type { NetworkWithValues } from '../../../src/formats/onnx/export-network.ts';
import {
  initializeModel,
  type Model,
  makeModel,
  namedValues,
  planModel,
} from '../../../src/model/model.ts';
import { type NetVariant, namedNetwork } from '../../../src/spec/named-networks.ts';
import type { NetSpec } from '../../../src/spec/network.ts';
import { readOwnNetwork, requestNetwork } from '../../../src/spec/own-network.ts';
import { definition } from '../../kernels/kernel-sets.ts';

const input = { channels: 3, height: 32, width: 32 };
const cifar = (net: string, variant: NetVariant = {}, depth = 8) =>
  namedNetwork({ net, depth, variant, input, classes: 10 });

export const networks: readonly (readonly [name: string, spec: NetSpec])[] = [
  ['IGC-L24M2', cifar('IGC-L24M2')],
  ['RegConv-W16', cifar('RegConv-W16')],
  ['SumFusion', cifar('SumFusion', {}, 5)],
  ['IGC-L4M8+Ident', cifar('IGC-L4M8+Ident')],
  ['a network of one primary partition', cifar('IGC-L1M8', {}, 5)],
  ['pre-activated residual blocks', cifar('IGC-L4M4+Ident', { bn: 'before' })],
  [
    'many variants at once',
    cifar('IGC-L4M8', { bottleneck: 2, split: true, between: 'relu', bn: 'both' }, 5),
  ],
  ['the quirk', cifar('IGC-L4M4+Ident', { quirk: 'resnet_igc' })],
  ['pools of every kind', ownNetwork()],
  [
    'IGC-L4M2+Ident of family imagenet18',
    namedNetwork({ net: 'IGC-L4M2+Ident', family: 'imagenet18', double: 'L', input, classes: 10 }),
  ],
];

function ownNetwork(): NetSpec {
  const blocks = [
    { kind: 'regular', outChannels: 8, kernel: 5, bn: 'none' },
    { kind: 'maxPool' },
    { kind: 'igc', L: 2, M: 4, stride: 2 },
  ];
  return requestNetwork({ net: readOwnNetwork({ name: 'own', blocks }), input, classes: 10 });
}

/** A model of the definition whose batch norms do something; every value is a float32. */
export function drawModel(spec: NetSpec): Model {
  const model = makeModel(spec, definition);
  initializeModel(model, 1);
  const random = stream(1, `onnx/${spec.name}`);
  for (const { role, offset, size } of model.layout.parameters) {
    const deviation = role === 'weight' ? 0 : 0.3;
    for (let i = offset; i < offset + size; i++) {
      model.parameters[i] = Math.fround(model.parameters[i]! + deviation * random.normal());
    }
  }
  for (const { runningMean, runningVariance, channels } of model.layout.batchNorms) {
    for (let c = 0; c < channels; c++) {
      model.state[runningMean + c] = Math.fround(0.2 * random.normal());
      model.state[runningVariance + c] = Math.fround(0.5 + random.uniform());
    }
  }
  return model;
}

/** What the exporter takes. */
export function withValues(model: Model): NetworkWithValues {
  const { spec, graph } = model;
  return { name: spec.name, graph, epsilon: spec.batchNorm.epsilon, values: namedValues(model) };
}

/** [batch][C][H][W] of float32 values. */
export function drawImages({ name, input }: NetSpec, batch: number): Float64Array {
  const random = stream(1, `onnx/${name}/images`);
  const length = batch * input.channels * input.height * input.width;
  return Float64Array.from({ length }, () => Math.fround(random.normal()));
}

/** Logits [batch][classes] by the definition. */
export function classify(model: Model, images: Float64Array, batch: number): ArrayLike<number> {
  const plan = planModel(model, { batch, training: false });
  const executor = definition.instantiate(plan, model);
  executor.setBatch(images, new Int32Array(batch), batch);
  executor.forward({ oldWeight: 0 });
  return executor.output();
}
