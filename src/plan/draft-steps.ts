/**
 * Graph nodes → steps over tensors that have no place yet. With `fuse`, permutations fold into the convolutions
 * beside them, batch norms and ReLUs into the views of the tensors they read; without, every node is a step of
 * its own: slower, and the proof that folding changes nothing.
 */
import { internalError } from '../core/errors.ts';
import { type ChannelMap, composeMaps, identityMap, invertMap } from '../core/permutation.ts';
import type { ConvOp, Graph, GraphNode, OpKind, OpOf } from '../spec/graph.ts';
import type { LogicalTensor } from './memory.ts';
import type { ParameterLayout } from './parameters.ts';
import { type Convolution, plainView, type Step, type TensorView } from './plan.ts';

export interface Draft {
  readonly tensors: LogicalTensor[];
  readonly steps: Step[];
}

export interface DraftOptions {
  readonly fuse: boolean;
  readonly smoothing: number;
}

/** Which tensor holds a node's value, seen through its view and, where given, through a channel map. */
interface Source {
  readonly tensor: number;
  readonly map?: ChannelMap;
}

/** The draft so far, and what the rules ask about the graph. */
interface Drafting extends Draft {
  readonly nodes: readonly GraphNode[];
  readonly layout: ParameterLayout;
  readonly options: DraftOptions;
  /** By node index. */
  readonly sources: Source[];
  readonly readers: readonly (readonly GraphNode[])[];
  /** Its value is what the caller asks for: stored as it is, never only seen through a view. */
  readonly outputNode: number;
}

export function draftSteps(graph: Graph, layout: ParameterLayout, options: DraftOptions): Draft {
  const { nodes } = graph;
  const readers = nodes.map((): GraphNode[] => []);
  for (const node of nodes) for (const i of new Set(node.inputs)) readers[i]!.push(node);
  const outputNode = nodes.length - (nodes.at(-1)?.op.kind === 'softmaxCrossEntropy' ? 2 : 1);
  const drafting: Drafting = {
    nodes,
    layout,
    options,
    readers,
    outputNode,
    sources: [],
    tensors: [],
    steps: [],
  };
  for (const [i, node] of nodes.entries()) {
    const rule = options.fuse && i !== outputNode ? foldRules[node.op.kind] : undefined;
    drafting.sources.push(rule?.(drafting, i) ?? emit(drafting, i));
  }
  return { tensors: drafting.tensors, steps: drafting.steps };
}

/** How a node disappears into what is already there: its source, or undefined when it cannot. */
type FoldRule = (drafting: Drafting, index: number) => Source | undefined;

const foldRules: { readonly [K in OpKind]?: FoldRule } = {
  permute: (d, i) => foldPermuteIntoProducer(d, i) ?? foldPermuteIntoReaders(d, i),
  batchNorm(d, i) {
    const producer = soleProducer(d, i);
    if (producer?.kind !== 'conv' || viewOf(d, producer.output) !== plainView) return undefined;
    return seeThrough(d, producer.output, { bn: d.layout.batchNormOf.get(i)!, relu: false });
  },
  relu(d, i) {
    const producer = soleProducer(d, i);
    if (producer?.kind === 'add' && !producer.relu) {
      d.steps[d.steps.length - 1] = { ...producer, relu: true };
      return { tensor: producer.output };
    }
    if (producer?.kind !== 'conv' && producer?.kind !== 'batchNorm') return undefined;
    const view = viewOf(d, producer.output);
    return view.relu ? undefined : seeThrough(d, producer.output, { ...view, relu: true });
  },
};

/** The latest step, if node i is the only reader of just what that step stores. */
function soleProducer(d: Drafting, i: number): Step | undefined {
  const input = d.nodes[i]!.inputs[0]!;
  const source = d.sources[input]!;
  const producer = d.steps.at(-1);
  const sole = d.readers[input]!.length === 1 && source.map === undefined;
  return sole && producer?.output === source.tensor ? producer : undefined;
}

function viewOf(d: Drafting, tensor: number): TensorView {
  return d.tensors[tensor]!.read;
}

function seeThrough(d: Drafting, tensor: number, read: TensorView): Source {
  d.tensors[tensor] = { ...d.tensors[tensor]!, read };
  return { tensor };
}

/** The convolution stores its channel o where the permuted result has it. */
function foldPermuteIntoProducer(d: Drafting, i: number): Source | undefined {
  const { map } = d.nodes[i]!.op as OpOf<'permute'>;
  const producer = soleProducer(d, i);
  const inverse = invertMap(map);
  if (producer?.kind !== 'conv' || !inverse) return undefined;
  if (viewOf(d, producer.output) !== plainView) return undefined;
  d.steps[d.steps.length - 1] = { ...producer, outMap: composeMaps(inverse, producer.outMap) };
  return { tensor: producer.output };
}

/** The convolutions that read the result read the source through the map instead. */
function foldPermuteIntoReaders(d: Drafting, i: number): Source | undefined {
  const { op, inputs } = d.nodes[i]! as GraphNode & { op: OpOf<'permute'> };
  const { tensor } = d.sources[inputs[0]!]!;
  // Where channels repeat, two groups of one convolution could read the same one; kernels need not handle that.
  const most = invertMap(op.map) ? Number.POSITIVE_INFINITY : 1;
  const folds = d.readers[i]!.every(({ op }) => op.kind === 'conv' && op.groups <= most);
  return folds ? { tensor, map: op.map } : undefined;
}

/** A step of its own for node i, with a tensor for its result. */
function emit(d: Drafting, i: number): Source {
  const node = d.nodes[i]!;
  const { op, path, shape } = node;
  if (op.kind === 'softmaxCrossEntropy') return emitLoss(d, node);
  const output = d.tensors.length;
  const { height, width } = shape;
  d.tensors.push({ id: output, path, ...shape, tile: { height, width }, read: plainView });
  if (op.kind !== 'input') d.steps.push(makeStep(d, i, output));
  return { tensor: output };
}

function emitLoss(d: Drafting, node: GraphNode): Source {
  const { tensor } = d.sources[node.inputs[0]!]!;
  d.steps.push({
    kind: 'loss',
    path: node.path,
    inputs: [tensor],
    output: tensor,
    inputGradients: [],
    classes: node.shape.channels,
    smoothing: d.options.smoothing,
  });
  return { tensor };
}

function makeStep(d: Drafting, i: number, output: number): Step {
  const node = d.nodes[i]!;
  const { op, path } = node;
  const sources = node.inputs.map((k) => d.sources[k]!);
  const base = { path, inputs: sources.map((s) => s.tensor), output, inputGradients: [] };
  switch (op.kind) {
    case 'conv':
      return {
        kind: 'conv',
        ...base,
        before: [],
        ...convolution(d, i, op),
        inMap: sources[0]!.map ?? identityMap(inChannels(d, i)),
      };
    case 'linear':
      return { kind: 'conv', ...base, before: [], ...convolution(d, i, asConvolution(d, i, op)) };
    case 'permute':
      return { kind: 'permute', ...base, map: op.map };
    case 'batchNorm':
      return { kind: 'batchNorm', ...base, bn: d.layout.batchNormOf.get(i)! };
    case 'relu':
      return { kind: 'relu', ...base };
    case 'add':
      return { kind: 'add', ...base, relu: false };
    case 'averagePool': {
      const [kernelH, kernelW] = op.kernel;
      return { kind: 'averagePool', ...base, kernelH, kernelW, stride: op.stride };
    }
    case 'maxPool': {
      const [kernelH, kernelW] = op.kernel;
      const [padH, padW] = op.pad;
      return { kind: 'maxPool', ...base, kernelH, kernelW, stride: op.stride, padH, padW };
    }
    case 'input':
    case 'softmaxCrossEntropy':
      throw internalError(`no step for a node of kind ${op.kind}`);
  }
}

function inChannels(d: Drafting, i: number): number {
  return d.nodes[d.nodes[i]!.inputs[0]!]!.shape.channels;
}

/** A fully connected layer is the convolution whose kernel covers its whole input. */
function asConvolution(d: Drafting, i: number, op: OpOf<'linear'>): ConvOp {
  const { height, width } = d.nodes[d.nodes[i]!.inputs[0]!]!.shape;
  return {
    kind: 'conv',
    outChannels: op.outputs,
    groups: 1,
    kernel: [height, width],
    stride: 1,
    pad: [0, 0],
  };
}

function convolution(d: Drafting, i: number, op: ConvOp): Convolution {
  const [weight, bias = -1] = d.layout.offsetsOf.get(i)!;
  const channels = inChannels(d, i);
  return {
    weight: weight!,
    bias,
    inChannels: channels,
    outChannels: op.outChannels,
    groups: op.groups,
    kernelH: op.kernel[0],
    kernelW: op.kernel[1],
    stride: op.stride,
    padH: op.pad[0],
    padW: op.pad[1],
    inMap: identityMap(channels),
    outMap: identityMap(op.outChannels),
    after: plainView,
  };
}
