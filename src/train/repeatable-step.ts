/** One step on made-up images, as the trainer and the classifier do it, to be repeated and timed. */
import { stream } from '../core/random.ts';
import type { Executor, KernelSet } from '../kernels/contract.ts';
import { initializeModel, makeModel, planModel } from '../model/model.ts';
import type { ActivationStorage } from '../plan/plan.ts';
import type { NetSpec } from '../spec/network.ts';

/** What is measured: a training step, or a forward pass alone. */
export const works = ['train', 'inference'] as const;
export type Work = (typeof works)[number];

export interface RepeatableStep {
  readonly executor: Executor;
  /** One step: batch in, loss and new weights, or logits. */
  step(): void;
}

/** A network as drawn, its plan in memory, and how it is updated. */
export function beginSteps(
  spec: NetSpec,
  kernels: KernelSet,
  options: {
    readonly batch: number;
    readonly training: boolean;
    readonly storage?: ActivationStorage;
  },
) {
  const model = makeModel(spec, kernels);
  initializeModel(model, 0);
  const executor = kernels.instantiate(planModel(model, options), model);
  const decay = [{ offset: 0, size: model.parameters.length, factor: 1e-4 }];
  return { model, executor, sgd: { learningRate: 0.001, momentum: 0.9, nesterov: true, decay } };
}

export function makeStep(
  spec: NetSpec,
  kernels: KernelSet,
  batch: number,
  work: Work,
  storage: ActivationStorage = 'float32',
): RepeatableStep {
  const training = work === 'train';
  const { model, executor, sgd } = beginSteps(spec, kernels, { batch, training, storage });
  const { images, labels } = randomBatch(spec, kernels, batch);
  return {
    executor,
    step() {
      executor.setBatch(images, labels, batch);
      executor.forward({ oldWeight: 0.9 });
      if (training) {
        executor.backward();
        kernels.updateSgd(model, sgd);
      } else {
        executor.output();
      }
    },
  };
}

/** Images and labels that say nothing. */
export function randomBatch(spec: NetSpec, kernels: KernelSet, batch: number) {
  const { channels, height, width } = spec.input;
  const random = stream(0, 'made-up images');
  const images = kernels.newArray(batch * channels * height * width);
  for (let i = 0; i < images.length; i++) images[i] = random.normal();
  const labels = Int32Array.from({ length: batch }, () => random.integer(spec.classes));
  return { images, labels };
}
