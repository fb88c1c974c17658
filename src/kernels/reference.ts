/**
 * The reference kernels: plain loops that define what every step means, against which fast kernels
 * are proved; in float32 they are also what runs where nothing faster does. One image per block
 * (lanes = 1), one thread.
 */
import { internalError } from '../core/errors.ts';
import {
  activationStorages,
  type ConvStep,
  type Plan,
  type Step,
  type StepKind,
  type StepOf,
  type Tensor,
} from '../plan/plan.ts';
import { roundToBfloat16 } from './bfloat16.ts';
import type {
  Executor,
  InstantiateOptions,
  KernelSet,
  ModelArrays,
  RealArray,
  SgdOptions,
} from './contract.ts';
import { newStatistics, useRunningAverages } from './reference-batch-norm.ts';
import type { Run } from './reference-run.ts';
import { type Convolution, planConvolution } from './reference-scratch.ts';
import { stepRules } from './reference-steps.ts';

/** The kernel set that stores numbers in that arithmetic; sums are float64 in both. */
export function referenceKernels(arithmetic: 'float64' | 'float32'): KernelSet {
  const newArray = (length: number): RealArray =>
    arithmetic === 'float64' ? new Float64Array(length) : new Float32Array(length);
  return {
    name: `reference-${arithmetic}`,
    arithmetic,
    lanes: 1,
    threads: 1,
    chains: false,
    storages: activationStorages,
    newArray,
    instantiate: (plan, model, options = {}) => executor(newRun(plan, model, newArray, options)),
    updateSgd,
  };
}

function newRun(
  plan: Plan,
  model: ModelArrays,
  newArray: (length: number) => RealArray,
  { poison = false }: InstantiateOptions,
): Run {
  const { tensors, batch } = plan;
  const arena = (length: number) => (poison ? newArray(length).fill(Number.NaN) : newArray(length));
  // Logits of one image use a plane too, one class per element.
  const planeSizes = tensors.map((t) => Math.max(t.height * t.width, t.channels));
  const largestPlane = planeSizes.reduce((a, b) => Math.max(a, b), 0);
  const convolutions = new Map<ConvStep, Convolution>();
  for (const step of plan.steps) {
    if (step.kind !== 'conv') continue;
    if (step.before.length > 0 || step.after.bn >= 0 || step.after.relu) {
      throw internalError(`${step.path}: the reference kernels take plans without chains`);
    }
    const [input, output] = [tensors[step.inputs[0]!]!, tensors[step.output]!];
    convolutions.set(step, planConvolution(step, input, output));
  }
  return {
    plan,
    model,
    activations: arena(plan.activationSize),
    gradients: arena(plan.gradientSize),
    statistics: plan.batchNorms.map((bn) => newStatistics(bn.channels, plan.replicas)),
    convolutions,
    plane: new Float64Array(largestPlane),
    dPlane: new Float64Array(largestPlane),
    labels: new Int32Array(batch),
    partners: new Int32Array(batch),
    weights: new Float64Array(batch),
    losses: new Float64Array(batch),
    images: batch,
    oldWeight: 0,
  };
}

function executor(run: Run): Executor {
  const { plan, activations, gradients, labels, partners, weights, losses } = run;
  const sliceOf = (arena: RealArray, offset: number, size: number) =>
    arena.slice(offset, offset + size);
  const tensor = (id: number): Tensor => plan.tensors[id]!;
  const perImage = (id: number) => tensor(id).size / plan.batch;
  let count = plan.batch;
  return {
    plan,
    setBatch(images, newLabels, newCount, mix) {
      const { offset, size, storage } = tensor(plan.input);
      count = newCount;
      run.images = plan.training ? plan.batch : count;
      activations.fill(0, offset, offset + size);
      activations.set(images.subarray(0, count * perImage(plan.input)), offset);
      if (storage === 'bfloat16') roundToBfloat16(activations, offset, size);
      labels.fill(0);
      labels.set(newLabels.subarray(0, count));
      partners.set(labels);
      weights.fill(1);
      if (mix) {
        partners.set(mix.partners.subarray(0, count));
        weights.set(mix.weights.subarray(0, count));
      }
    },
    takeParameters() {},
    forward({ oldWeight }) {
      run.oldWeight = oldWeight;
      if (!plan.training) useRunningAverages(run);
      for (const step of plan.steps) ruleOf(step).forward(run, step);
    },
    backward(from = plan.steps.length, to = 0) {
      for (let i = from - 1; i >= to; i--) {
        const step = plan.steps[i]!;
        ruleOf(step).backward(run, step);
      }
    },
    loss() {
      let sum = 0;
      for (let i = 0; i < count; i++) sum += losses[i]!;
      return sum / count;
    },
    losses: () => losses.subarray(0, count),
    output() {
      const { offset } = tensor(plan.output);
      return activations.subarray(offset, offset + count * perImage(plan.output));
    },
    readTensor: (id) => sliceOf(activations, tensor(id).offset, tensor(id).size),
    readGradient: (id) => sliceOf(gradients, tensor(id).gradientOffset, tensor(id).size),
    writeGradient: (id, values) => gradients.set(values, tensor(id).gradientOffset),
    readArena: (which) => (which === 'activations' ? activations : gradients).slice(),
    dispose() {},
  };
}

/** The rule of a step, with the kind forgotten. */
function ruleOf(step: Step) {
  return stepRules[step.kind] as {
    forward(run: Run, step: StepOf<StepKind>): void;
    backward(run: Run, step: StepOf<StepKind>): void;
  };
}

function updateSgd(model: ModelArrays, options: SgdOptions): void {
  const { parameters, gradients, momentum } = model;
  const { learningRate, momentum: mu, nesterov, decay } = options;
  for (const { offset, size, factor } of decay) {
    for (let i = offset; i < offset + size; i++) {
      const gradient = gradients[i]! + factor * parameters[i]!;
      const velocity = mu * momentum[i]! + gradient;
      momentum[i] = velocity;
      parameters[i]! -= learningRate * (nesterov ? gradient + mu * velocity : velocity);
    }
  }
}
