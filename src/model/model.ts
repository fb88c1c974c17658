/**
 * A network with its numbers: the specification, its graph and one array each of parameters, gradients,
 * momentum and running averages, for one kernel set. Plans over it are made with `planModel`.
 */
import { usageError } from '../core/errors.ts';
import { stream } from '../core/random.ts';
import type { KernelSet, ModelArrays, RealArray } from '../kernels/contract.ts';
import { makePlan, type PlanOptions } from '../plan/make-plan.ts';
import { layOutParameters, type ParameterLayout } from '../plan/parameters.ts';
import type { Parameter, Plan } from '../plan/plan.ts';
import type { Graph } from '../spec/graph.ts';
import { buildGraph, type NetSpec } from '../spec/network.ts';

/** A network with its numbers, for one kernel set. */
export interface Model extends ModelArrays {
  readonly spec: NetSpec;
  readonly graph: Graph;
  readonly layout: ParameterLayout;
  readonly kernels: KernelSet;
}

/** A piece of a model's arrays with the path that names it in checkpoints and errors. */
export interface NamedSlice {
  /** `stage1/block1/primary/weight`, `stage1/block1/bn/runningMean` */
  readonly path: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly size: number;
}

/**
 * A model whose values are all zero; one for inference has no place for gradients and momentum.
 *
 * Throws a usage error for an impossible network.
 */
export function makeModel(spec: NetSpec, kernels: KernelSet, { inference = false } = {}): Model {
  const graph = buildGraph(spec);
  const layout = layOutParameters(graph, spec.batchNorm.epsilon);
  const { parameterSize, stateSize } = layout;
  return {
    spec,
    graph,
    layout,
    kernels,
    parameters: kernels.newArray(parameterSize),
    gradients: kernels.newArray(inference ? 0 : parameterSize),
    momentum: kernels.newArray(inference ? 0 : parameterSize),
    state: kernels.newArray(stateSize),
  };
}

/**
 * Sets parameters to their first values, running means to 0 and running variances to 1.
 *
 * he: N(0, √(2/fanIn)); uniform: U(−1/√fanIn, 1/√fanIn); each from `stream(seed, 'init/<path>')`.
 * @source authors' code. Differs: their running variances start at 0.
 */
export function initializeModel(model: Model, seed: number): void {
  for (const parameter of model.layout.parameters) initialize(model.parameters, parameter, seed);
  for (const { runningMean, runningVariance, channels } of model.layout.batchNorms) {
    model.state.fill(0, runningMean, runningMean + channels);
    model.state.fill(1, runningVariance, runningVariance + channels);
  }
  model.momentum.fill(0);
}

/** What a plan over a model is for; the rest is the model's. */
export interface ModelPlanOptions
  extends Pick<PlanOptions, 'batch' | 'training' | 'replicas' | 'smoothing' | 'storage'> {
  /** Inference: with the loss of labelled images behind the logits; default true. */
  readonly loss?: boolean;
}

/**
 * Plan and memory to run the model for training or inference.
 *
 * Throws a usage error for a storage that the model's kernels do not have.
 */
export function planModel({ graph, spec, kernels }: Model, options: ModelPlanOptions): Plan {
  const { lanes, chains, storages, name } = kernels;
  const { storage = 'float32', loss = true } = options;
  if (!storages.includes(storage)) {
    throw usageError({
      path: 'storage',
      rule: `must be ${storages.join(' or ')} with ${name} kernels`,
      got: JSON.stringify(storage),
    });
  }
  const nodes = loss ? graph.nodes : graph.nodes.slice(0, -1);
  return makePlan({ nodes }, { ...options, lanes, chains, epsilon: spec.batchNorm.epsilon });
}

/** Where each parameter lies in the arrays of parameters, gradients and momentum. */
export function parameterSlices({ layout }: Pick<Model, 'layout'>): readonly NamedSlice[] {
  return layout.parameters;
}

/** Where each running average lies in the state array. */
export function stateSlices({ layout }: Pick<Model, 'layout'>): readonly NamedSlice[] {
  return layout.batchNorms.flatMap(({ path, channels, runningMean, runningVariance }) => [
    { path: `${path}/runningMean`, shape: [channels], offset: runningMean, size: channels },
    { path: `${path}/runningVariance`, shape: [channels], offset: runningVariance, size: channels },
  ]);
}

/** Every parameter and running average by path; the arrays are the model's own. */
export function namedValues(model: Model): ReadonlyMap<string, RealArray> {
  const entry = ({ path, offset, size }: NamedSlice, values: RealArray) =>
    [path, values.subarray(offset, offset + size)] as const;
  return new Map([
    ...parameterSlices(model).map((slice) => entry(slice, model.parameters)),
    ...stateSlices(model).map((slice) => entry(slice, model.state)),
  ]);
}

/** The path of the first slice that holds a NaN or an infinity, or undefined. */
export function firstNonFinite(
  values: RealArray,
  slices: readonly NamedSlice[],
): string | undefined {
  return slices.find(({ offset, size }) => {
    for (let i = offset; i < offset + size; i++) if (!Number.isFinite(values[i]!)) return true;
    return false;
  })?.path;
}

function initialize(values: RealArray, { path, init, offset, size }: Parameter, seed: number) {
  if (init.kind === 'constant') {
    values.fill(init.value, offset, offset + size);
    return;
  }
  const random = stream(seed, `init/${path}`);
  if (init.kind === 'he') {
    const deviation = Math.sqrt(2 / init.fanIn);
    for (let i = offset; i < offset + size; i++) values[i] = deviation * random.normal();
    return;
  }
  const bound = 1 / Math.sqrt(init.fanIn);
  for (let i = offset; i < offset + size; i++) values[i] = bound * (2 * random.uniform() - 1);
}
