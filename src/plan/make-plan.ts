/**
 * Graph → plan: folds permutations into the convolutions beside them, batch norms and ReLUs into the views of
 * the tensors they read (when `fuse`), and gives everything its place. `fuse: false` keeps one step per node:
 * slower, and the proof that folding changes nothing.
 */
import { internalError, usageError } from '../core/errors.ts';
import { composeMaps, identityMap, invertMap } from '../core/permutation.ts';
import { type Graph, type GraphNode, ruleOf } from '../spec/graph.ts';
import { type LogicalTensor, placeTensors } from './memory.ts';
import { layOutParameters, type ParameterLayout } from './parameters.ts';
import type { ConvStep, InputGradient, Plan, Step, TensorView } from './plan.ts';

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
  /** Fold permutations, batch norms and ReLUs; default true. */
  readonly fuse?: boolean;
  /** Keep the gradient of the network's input (tests, saliency); default false. */
  readonly inputGradient?: boolean;
  /** Elements left free between tensors, a multiple of `lanes`, for tests of overruns; default 0. */
  readonly guard?: number;
  /** Give every tensor and gradient a place of its own, so that all can be read afterwards; default false. */
  readonly keepAll?: boolean;
}

/** Steps and tensors while they are being made: everything but places and gradients. */
interface Draft {
  readonly tensors: LogicalTensor[];
  readonly steps: Step[];
}

/** Plans the memory and the steps of a graph. Throws usage errors for batches that do not fit. */
export function makePlan(graph: Graph, options: PlanOptions): Plan {
  const { batch, training, replicas = 1, lanes = 1, epsilon = 2e-5 } = options;
  checkBatch(batch, replicas);
  const layout = layOutParameters(graph, epsilon);
  const draft = draftSteps(graph, layout, options);
  if (training) checkStatistics(draft, layout, batch / replicas);
  const inputTensor = 0;
  const steps = training
    ? withInputGradients(draft, inputTensor, options.inputGradient ?? false)
    : draft.steps;
  const last = steps.at(-1);
  if (!last) throw internalError('a plan needs at least one step');
  const output = last.output;
  const blocksPerReplica = Math.ceil(batch / replicas / lanes);
  const places = placeTensors(draft.tensors, steps, {
    elementsPerPosition: replicas * blocksPerReplica * lanes,
    training,
    keepAll: options.keepAll ?? false,
    guard: options.guard ?? 0,
    keep: [inputTensor, output],
  });
  return {
    training,
    batch,
    replicas,
    lanes,
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

const plainView: TensorView = { bn: -1, relu: false };

function draftSteps(graph: Graph, layout: ParameterLayout, options: PlanOptions): Draft {
  const { nodes } = graph;
  const fuse = options.fuse ?? true;
  const readers = countReaders(nodes);
  const outputNode =
    nodes.at(-1)!.op.kind === 'softmaxCrossEntropy' ? nodes.length - 2 : nodes.length - 1;
  const tensors: LogicalTensor[] = [];
  const steps: Step[] = [];
  /** Tensor that holds a node's value (seen through its view), and the channel map it is read through. */
  const seenAs: { tensor: number; map?: readonly number[] }[] = [];
  const newTensor = (node: GraphNode): number => {
    const { path, shape } = node;
    tensors.push({ id: tensors.length, path, ...shape, read: plainView });
    return tensors.length - 1;
  };
  /** May node i be folded into its input's producer: sole reader, and not the output itself? */
  const foldable = (i: number) => fuse && i !== outputNode && readers[nodes[i]!.inputs[0]!] === 1;

  for (const [i, node] of nodes.entries()) {
    const { op, path, inputs } = node;
    if (op.kind === 'input') {
      seenAs.push({ tensor: newTensor(node) });
      continue;
    }
    const sources = inputs.map((k) => seenAs[k]!);
    const source = sources[0]!;
    const producer = steps.at(-1);
    const isLast = producer !== undefined && producer.output === source.tensor && !source.map;
    const view = tensors[source.tensor]!.read;
    const setView = (read: TensorView) => {
      tensors[source.tensor] = { ...tensors[source.tensor]!, read };
      seenAs.push({ tensor: source.tensor });
    };
    if (op.kind === 'permute' && fuse) {
      if (foldable(i) && isLast && producer.kind === 'conv' && view === plainView) {
        const inverse = invertMap(op.map);
        if (inverse) {
          steps[steps.length - 1] = foldIntoOutput(producer, inverse);
          seenAs.push({ tensor: source.tensor });
          continue;
        }
      }
      if (onlyReadByConvolutions(nodes, i) && i !== outputNode) {
        const map = source.map ? composeMaps(source.map, op.map) : op.map;
        seenAs.push({ tensor: source.tensor, map });
        continue;
      }
    }
    if (op.kind === 'batchNorm' && foldable(i) && isLast) {
      if (producer.kind === 'conv' && view === plainView) {
        setView({ bn: layout.batchNormOf.get(i)!, relu: false });
        continue;
      }
    }
    if (op.kind === 'relu' && foldable(i) && isLast && !view.relu) {
      if (producer.kind === 'add' && !producer.relu) {
        steps[steps.length - 1] = { ...producer, relu: true };
        seenAs.push({ tensor: source.tensor });
        continue;
      }
      if (producer.kind === 'conv') {
        setView({ bn: view.bn, relu: true });
        continue;
      }
    }
    if (op.kind === 'softmaxCrossEntropy') {
      steps.push({
        kind: 'loss',
        path,
        inputs: [source.tensor],
        output: source.tensor,
        inputGradients: [],
        classes: node.shape.channels,
        smoothing: options.smoothing ?? 0,
      });
      seenAs.push(source);
      continue;
    }
    const output = newTensor(node);
    steps.push(makeStep(graph, i, sources, output, layout));
    seenAs.push({ tensor: output });
  }
  return { tensors, steps };
}

function countReaders(nodes: readonly GraphNode[]): number[] {
  const readers = new Array<number>(nodes.length).fill(0);
  for (const node of nodes) for (const k of node.inputs) readers[k]!++;
  return readers;
}

function onlyReadByConvolutions(nodes: readonly GraphNode[], index: number): boolean {
  return nodes.every((node) => !node.inputs.includes(index) || node.op.kind === 'conv');
}

/** The convolution stores channel o where the permuted result has it. */
function foldIntoOutput(step: ConvStep, inverse: readonly number[]): ConvStep {
  return { ...step, outMap: composeMaps(inverse, step.outMap) };
}

function makeStep(
  graph: Graph,
  index: number,
  sources: readonly { tensor: number; map?: readonly number[] }[],
  output: number,
  layout: ParameterLayout,
): Step {
  const node = graph.nodes[index]!;
  const { op, path } = node;
  const inShape = graph.nodes[node.inputs[0]!]!.shape;
  const base = { path, inputs: sources.map((s) => s.tensor), output, inputGradients: [] };
  const offsets = layout.offsetsOf.get(index) ?? [];
  switch (op.kind) {
    case 'conv':
      return {
        kind: 'conv',
        ...base,
        weight: offsets[0]!,
        bias: -1,
        inChannels: inShape.channels,
        outChannels: op.outChannels,
        groups: op.groups,
        kernelH: op.kernel[0],
        kernelW: op.kernel[1],
        stride: op.stride,
        padH: op.pad[0],
        padW: op.pad[1],
        inMap: sources[0]!.map ?? identityMap(inShape.channels),
        outMap: identityMap(op.outChannels),
      };
    case 'linear':
      // A fully connected layer is the convolution whose kernel covers its whole input.
      return {
        kind: 'conv',
        ...base,
        weight: offsets[0]!,
        bias: offsets[1]!,
        inChannels: inShape.channels,
        outChannels: op.outputs,
        groups: 1,
        kernelH: inShape.height,
        kernelW: inShape.width,
        stride: 1,
        padH: 0,
        padW: 0,
        inMap: identityMap(inShape.channels),
        outMap: identityMap(op.outputs),
      };
    case 'permute':
      return { kind: 'permute', ...base, map: op.map };
    case 'batchNorm':
      return { kind: 'batchNorm', ...base, bn: layout.batchNormOf.get(index)! };
    case 'relu':
      return { kind: 'relu', ...base };
    case 'add':
      return { kind: 'add', ...base, relu: false };
    case 'averagePool':
      return {
        kind: 'averagePool',
        ...base,
        kernelH: op.kernel[0],
        kernelW: op.kernel[1],
        stride: op.stride,
      };
    case 'input':
    case 'softmaxCrossEntropy':
      throw internalError(`no step for a node of kind ${op.kind}`);
  }
}

/** MACs per image of a step's node, the paper's convention. */
export function nodeMacs(graph: Graph, index: number): number {
  const node = graph.nodes[index]!;
  const inputs = node.inputs.map((k) => graph.nodes[k]!.shape);
  return inputs.length === 0 ? 0 : ruleOf(node.op).macs(node.op, inputs[0]!, node.shape);
}
