/** Graph → plan: steps (draft-steps.ts), gradients' order, parameters' and tensors' places. */
import { internalError, usageError } from '../core/errors.ts';
import type { Graph } from '../spec/graph.ts';
import { chainSteps } from './chain-steps.ts';
import { type Draft, draftSteps } from './draft-steps.ts';
import { type LogicalTensor, placeTensors } from './memory.ts';
import { layOutParameters, type ParameterLayout } from './parameters.ts';
import {
  type ActivationStorage,
  activationStorages,
  type InputGradient,
  type Plan,
  type Step,
} from './plan.ts';
import { cutIntoTiles, wholeImages } from './tiles.ts';

/** What a plan is for. */
export interface PlanOptions {
  readonly batch: number;
  /** Parts of the batch with statistics of their own; default 1. */
  readonly replicas?: number;
  /** Images side by side in a vector: the kernel set's; default 1. */
  readonly lanes?: number;
  readonly training: boolean;
  /** Label smoothing of the loss; default 0. */
  readonly smoothing?: number;
  /** Batch-norm ε; default 2e-5. @source authors' code */
  readonly epsilon?: number;
  /** How activations of training are stored, float32 unless told; those of inference are float32. */
  readonly storage?: ActivationStorage;
  /** Fold permutations, batch norms and ReLUs; default true. */
  readonly fuse?: boolean;
  /** Fold on where `fuse` does: a block's convolutions in one step (kernel sets with `chains`); default false. */
  readonly chains?: boolean;
  /** In inference, cut the images of a batch that leaves half of the lanes free into tiles; default true. */
  readonly tiles?: boolean;
  /** Keep the gradient of the network's input (tests, saliency); default false. */
  readonly inputGradient?: boolean;
  /** Elements left free between tensors, a multiple of `lanes`, for tests of overruns; default 0. */
  readonly guard?: number;
  /** Give every tensor and gradient a place of its own, so that all can be read afterwards; default false. */
  readonly keepAll?: boolean;
}

/** Plans the memory and the steps of a graph. Throws usage errors for batches that do not fit. */
export function makePlan(graph: Graph, options: PlanOptions): Plan {
  const { batch, training, replicas = 1, lanes = 1, epsilon = 2e-5 } = options;
  const { storage = 'float32' } = options;
  checkBatch(batch, replicas);
  checkStorage(storage);
  const layout = layOutParameters(graph, epsilon);
  const { fuse = true, smoothing = 0 } = options;
  const images = batch / replicas;
  const folded = draftSteps(graph, layout, { fuse, smoothing });
  const cut = options.tiles ?? true;
  const { grid, ...tiled } =
    training || !cut ? { ...folded, grid: wholeImages } : cutIntoTiles(folded, { images, lanes });
  const draft = fuse && options.chains ? chainSteps(tiled, { training, grid }) : tiled;
  if (training) checkStatistics(draft, layout, images);
  const inputTensor = 0;
  const steps = training
    ? withInputGradients(draft, inputTensor, options.inputGradient ?? false)
    : draft.steps;
  const last = steps.at(-1);
  if (!last) throw internalError('a plan needs at least one step');
  const output = last.output;
  const blocksPerReplica = Math.ceil((images * grid.rows * grid.columns) / lanes);
  const places = placeTensors(draft.tensors, steps, {
    elementsPerPosition: replicas * blocksPerReplica * lanes,
    lanes,
    training,
    keepAll: options.keepAll ?? false,
    guard: options.guard ?? 0,
    storage: training ? storage : 'float32',
    keep: [inputTensor, output],
  });
  return {
    training,
    batch,
    replicas,
    lanes,
    grid,
    blocksPerReplica,
    ...places,
    parameters: layout.parameters,
    batchNorms: layout.batchNorms,
    steps,
    input: inputTensor,
    output,
    parameterSize: layout.parameterSize,
    stateSize: layout.stateSize,
  };
}

function checkBatch(batch: number, replicas: number): void {
  if (!(Number.isInteger(batch) && batch >= 1)) {
    throw usageError({ path: 'batch', rule: 'must be a positive integer', got: `${batch}` });
  }
  if (!(Number.isInteger(replicas) && replicas >= 1 && batch % replicas === 0)) {
    throw usageError({
      path: 'replicas',
      rule: 'must divide the batch',
      got: `batch=${batch} replicas=${replicas}`,
    });
  }
}

function checkStorage(storage: ActivationStorage): void {
  if (activationStorages.includes(storage)) return;
  throw usageError({
    path: 'storage',
    rule: `must be one of ${activationStorages.join(', ')}`,
    got: JSON.stringify(storage),
  });
}

/** The variance of one value is nothing to train on. */
function checkStatistics(draft: Draft, layout: ParameterLayout, images: number): void {
  const check = (bn: number, tensor: LogicalTensor) => {
    if (bn < 0 || images * tensor.height * tensor.width > 1) return;
    throw usageError({
      path: layout.batchNorms[bn]!.path,
      rule: 'batch norm needs more than one value per channel in training',
      got: `${images} image per replica of ${tensor.height}×${tensor.width}`,
      hint: 'use a larger batch or fewer replicas',
    });
  };
  for (const tensor of draft.tensors) check(tensor.read.bn, tensor);
  for (const step of draft.steps) {
    if (step.kind === 'batchNorm') check(step.bn, draft.tensors[step.output]!);
  }
}

/** Backward visits the steps in reverse, so the first to write a gradient is the tensor's last reader. */
function withInputGradients(draft: Draft, input: number, inputGradient: boolean): readonly Step[] {
  const written = new Set<number>();
  const firstReader = new Map<number, Step>();
  for (const step of draft.steps) {
    for (const id of step.inputs) if (!firstReader.has(id)) firstReader.set(id, step);
  }
  const reversed = draft.steps.toReversed().map((step) => {
    const inputGradients = step.inputs.map((id, k): InputGradient => {
      if (id === input && !inputGradient) return { mode: 'none', complete: false };
      const mode = written.has(id) ? 'add' : 'write';
      written.add(id);
      const complete = firstReader.get(id) === step && step.inputs.lastIndexOf(id) === k;
      return { mode, complete };
    });
    return { ...step, inputGradients };
  });
  return reversed.toReversed();
}
