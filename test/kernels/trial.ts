/**
 * Runs a small graph on a kernel set with inputs drawn from its name, and compares what comes out.
 */
import { expect } from 'vitest';
import { type RandomStream, stream } from '../../src/core/random.ts';
import type { BatchMix, KernelSet, ModelArrays, RealArray } from '../../src/kernels/contract.ts';
import { makePlan } from '../../src/plan/make-plan.ts';
import type { ActivationStorage, MaxPoolStep, Plan, Tensor } from '../../src/plan/plan.ts';
import type { Graph, Shape } from '../../src/spec/graph.ts';
import { tolerances } from '../tolerances.ts';
import { definition } from './kernel-sets.ts';

/** A graph to try, and for which batch. */
export interface Case {
  readonly name: string;
  readonly graph: Graph;
  readonly batch: number;
  readonly replicas?: number;
  readonly smoothing?: number;
  /** Every image has a second class. */
  readonly mixed?: boolean;
  /** Batch-norm ε; larger where scale invariance would make a gradient vanish. */
  readonly epsilon?: number;
}

export interface Variant {
  readonly training: boolean;
  readonly fuse: boolean;
  /** Images set; the batch unless told. */
  readonly count?: number;
  readonly keepAll?: boolean;
  readonly guard?: number;
  readonly storage?: ActivationStorage;
}

/** Numbers that a run starts from: float32 values in float64 arrays. */
export interface Inputs {
  readonly parameters: Float64Array;
  readonly state: Float64Array;
  readonly images: Float64Array;
  readonly labels: Int32Array;
  readonly mix?: BatchMix;
  /** Gradient of the output, used where the graph has no loss. */
  readonly dOutput: Float64Array;
}

/**
 * Everything that comes out, by name: `output`, `loss`, `running averages`, `d input`, `d
 * conv/weight`, …
 */
export type Results = ReadonlyMap<string, ArrayLike<number>>;

export const oldWeight = 0.8;

const elements = ({ channels, height, width }: Shape) => channels * height * width;

/** Draws inputs until every ReLU's input keeps its distance from 0, and every maximum its lead (the float64 reference tells). */
export function drawInputs(trial: Case, training: boolean): Inputs {
  const attempts = 400;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const inputs = drawOnce(trial, stream(attempt, `test/${trial.name}`));
    if (kinkDistance(trial, training, inputs) >= tolerances.reluMargin) return inputs;
  }
  throw new Error(
    `${trial.name}: no draw of ${attempts} keeps its ReLUs away from 0 and its maxima apart; shrink the case`,
  );
}

function drawOnce(trial: Case, random: RandomStream): Inputs {
  const { graph, batch } = trial;
  const plan = planOf(trial, definition, { training: false, fuse: false });
  // Rounded to float32, so that every kernel set starts from the same numbers.
  const number = () => Math.fround(random.normal());
  const normal = (length: number) => Float64Array.from({ length }, number);
  const parameters = new Float64Array(plan.parameterSize);
  for (const { role, init, offset, size } of plan.parameters) {
    const deviation = init.kind === 'constant' ? 0.3 : Math.sqrt(2 / init.fanIn);
    for (let i = offset; i < offset + size; i++) {
      parameters[i] = Math.fround((role === 'gamma' ? 1 : 0) + deviation * random.normal());
    }
  }
  const state = new Float64Array(plan.stateSize);
  for (const { channels, runningMean, runningVariance } of plan.batchNorms) {
    for (let c = 0; c < channels; c++) {
      state[runningMean + c] = Math.fround(0.2 * random.normal());
      state[runningVariance + c] = Math.fround(0.5 + random.uniform());
    }
  }
  const output = plan.tensors[plan.output]!;
  return {
    parameters,
    state,
    images: normal(batch * elements(graph.nodes[0]!.shape)),
    labels: Int32Array.from({ length: batch }, () => random.integer(output.channels)),
    dOutput: normal(batch * elements(output)),
    ...(trial.mixed && { mix: drawMix(batch, output.channels, random) }),
  };
}

/** Weights from 0 to 1, both included, and partners that are the label itself now and then. */
function drawMix(batch: number, classes: number, random: RandomStream): BatchMix {
  return {
    partners: Int32Array.from({ length: batch }, () => random.integer(classes)),
    weights: Float32Array.from({ length: batch }, (_, i) => (i < 2 ? i : random.uniform())),
  };
}

/** How far a run is from its kinks: the smallest |input| of any ReLU, and the smallest lead of a window's largest value. */
export function kinkDistance(trial: Case, training: boolean, inputs: Inputs): number {
  const plan = planOf(trial, definition, { training, fuse: false, keepAll: true });
  const { executor } = start(plan, definition, inputs, trial.batch);
  executor.forward({ oldWeight });
  let distance = Number.POSITIVE_INFINITY;
  for (const step of plan.steps) {
    if (step.kind === 'maxPool') {
      const input = executor.readTensor(step.inputs[0]!);
      distance = Math.min(distance, smallestLead(step, plan.tensors[step.inputs[0]!]!, input));
    }
    if (step.kind !== 'relu') continue;
    for (const value of executor.readTensor(step.inputs[0]!)) {
      distance = Math.min(distance, Math.abs(value));
    }
  }
  return distance;
}

/** Between the two largest values of any window; zeros, which closed ReLUs leave, may be equal. */
function smallestLead(step: MaxPoolStep, input: Tensor, values: ArrayLike<number>): number {
  const { kernelH, kernelW, stride, padH, padW } = step;
  const { height, width } = input;
  let lead = Number.POSITIVE_INFINITY;
  for (let plane = 0; plane < values.length; plane += height * width) {
    for (let top = -padH; top + kernelH <= height + padH; top += stride) {
      for (let left = -padW; left + kernelW <= width + padW; left += stride) {
        const seen: number[] = [];
        for (let y = Math.max(0, top); y < Math.min(height, top + kernelH); y++) {
          for (let x = Math.max(0, left); x < Math.min(width, left + kernelW); x++) {
            seen.push(values[plane + y * width + x]!);
          }
        }
        const [first, second = Number.NEGATIVE_INFINITY] = seen.sort((a, b) => b - a);
        if (first !== 0 || second !== 0) lead = Math.min(lead, first! - second);
      }
    }
  }
  return lead;
}

/** The case's plan for a kernel set, with the gradient of its input in training. */
export function planOf(trial: Case, kernels: KernelSet, variant: Variant): Plan {
  const { graph, batch, replicas = 1, smoothing = 0, epsilon = 2e-5 } = trial;
  const { training, fuse, keepAll = false, guard = 0, storage = 'float32' } = variant;
  return makePlan(graph, {
    batch,
    replicas,
    lanes: kernels.lanes,
    training,
    smoothing,
    epsilon,
    fuse,
    chains: kernels.chains,
    inputGradient: training,
    keepAll,
    guard,
    storage,
  });
}

/** A model in the kernel set's arithmetic, and an executor with its batch set. */
export function start(plan: Plan, kernels: KernelSet, inputs: Inputs, count: number) {
  const model: ModelArrays = {
    parameters: convert(kernels, inputs.parameters),
    gradients: kernels.newArray(plan.parameterSize).fill(Number.NaN),
    momentum: kernels.newArray(plan.parameterSize),
    state: convert(kernels, inputs.state),
  };
  const executor = kernels.instantiate(plan, model, { poison: true });
  const perImage = inputs.images.length / plan.batch;
  const images = convert(kernels, inputs.images.subarray(0, count * perImage));
  executor.setBatch(images, inputs.labels.subarray(0, count), count, inputs.mix);
  return { model, executor };
}

/** The same numbers in the kernel set's arithmetic. */
export function convert(kernels: KernelSet, values: Float64Array): RealArray {
  const result = kernels.newArray(values.length);
  result.set(values);
  return result;
}

/**
 * One forward and, in training, one backward; with `guard`, also that nothing was written beside a
 * tensor.
 */
export function runTrial(
  trial: Case,
  kernels: KernelSet,
  variant: Variant,
  inputs: Inputs,
): Results {
  return runPlan(planOf(trial, kernels, variant), kernels, variant, inputs);
}

/** `runTrial` of a plan that was made before. */
export function runPlan(plan: Plan, kernels: KernelSet, variant: Variant, inputs: Inputs): Results {
  const { model, executor } = start(plan, kernels, inputs, variant.count ?? plan.batch);
  executor.forward({ oldWeight });
  const results = new Map<string, ArrayLike<number>>([['output', executor.output()]]);
  const hasLoss = plan.steps.at(-1)!.kind === 'loss';
  if (hasLoss) {
    results.set('loss', [executor.loss()]);
    results.set('losses', executor.losses());
  }
  if (variant.training) {
    if (!hasLoss) executor.writeGradient(plan.output, convert(kernels, inputs.dOutput));
    executor.backward();
    results.set('d input', executor.readGradient(plan.input));
    for (const { path, offset, size } of plan.parameters) {
      results.set(`d ${path}`, model.gradients.slice(offset, offset + size));
    }
  }
  for (const { path, channels, runningMean } of plan.batchNorms) {
    results.set(`${path}/running`, model.state.slice(runningMean, runningMean + 2 * channels));
  }
  if (variant.guard) {
    expectFreePlaces(plan, 'activations', executor.readArena('activations'));
    expectFreePlaces(plan, 'gradients', executor.readArena('gradients'));
  }
  executor.dispose();
  return results;
}

/** Every element outside the tensors must still be the NaN it was filled with. */
function expectFreePlaces(plan: Plan, which: 'activations' | 'gradients', arena: RealArray): void {
  const taken = new Uint8Array(arena.length);
  for (const { offset, gradientOffset, size } of plan.tensors) {
    const from = which === 'activations' ? offset : gradientOffset;
    if (from >= 0) taken.fill(1, from, from + size);
  }
  const overwritten = [...arena.keys()].filter((i) => !taken[i] && !Number.isNaN(arena[i]!));
  expect(overwritten, `guard words of the ${which} that were overwritten`).toEqual([]);
}

/**
 * Σ(got − want)² / Σ want²; NaN where either has a NaN, infinite for a difference from nothing but
 * zeros.
 */
export function nmse(got: ArrayLike<number>, want: ArrayLike<number>): number {
  expect(got.length).toBe(want.length);
  let error = 0;
  let power = 0;
  for (let i = 0; i < want.length; i++) {
    error += (got[i]! - want[i]!) ** 2;
    power += want[i]! ** 2;
  }
  return error === 0 ? 0 : error / power;
}

/** The largest NMSE of all results. */
export function worstNmse(got: Results, want: Results): number {
  return Math.max(...[...want].map(([name, values]) => nmse(got.get(name)!, values)));
}

/** Every result within the tolerance; the message lists all that are not. */
export function expectClose(got: Results, want: Results, tolerance: number, of = ''): void {
  expect([...got.keys()]).toEqual([...want.keys()]);
  const wrong = [...want].flatMap(([name, values]) => {
    const error = nmse(got.get(name)!, values);
    return error <= tolerance ? [] : [`${name}: NMSE ${error.toExponential(1)}`];
  });
  expect(wrong, `results with an NMSE above ${tolerance} ${of}`.trim()).toEqual([]);
}

/** The same bits. */
export function expectSame(got: Results, want: Results): void {
  for (const [name, values] of want) {
    expect(Array.from(got.get(name)!), name).toEqual(Array.from(values));
  }
}
