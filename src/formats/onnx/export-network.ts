/**
 * A network and its numbers as an ONNX model for inference: images in, logits out. One row per op says which
 * operators it becomes; permutations stay operators of their own (other engines fold them or do not).
 * Letters: C channels; a permutation of C = a·b channels may be the transpose of an a×b matrix.
 */
import { internalError, usageError } from '../../core/errors.ts';
import type { ChannelMap } from '../../core/permutation.ts';
import {
  type Graph,
  type GraphNode,
  type OpKind,
  type OpOf,
  ruleOf,
  type Shape,
} from '../../spec/graph.ts';
import { exportedName } from '../exported-names.ts';
import type { TensorData } from '../safetensors.ts';
import { storeWeights, type WeightStorage } from '../weight-storage.ts';
import {
  encodeOnnx,
  type OnnxAttribute,
  type OnnxNode,
  type OnnxTensor,
  onnxTypes,
} from './model.ts';

/** How the file is made. */
export interface OnnxOptions {
  /** Images in a batch; default `any`. */
  readonly batch?: number | 'any';
  /** Gather on the channels (default), or reshape → transpose → reshape where the permutation is one. */
  readonly permutations?: 'gather' | 'transpose';
  /** How weights are stored; they are computed with as float32. Default `float32`. */
  readonly weights?: WeightStorage;
  /** Texts by name that the file carries. */
  readonly metadata?: ReadonlyMap<string, string>;
}

/** A network with the values of its parameters and running averages by path. */
export interface NetworkWithValues {
  readonly name: string;
  readonly graph: Graph;
  /** Batch-norm ε. */
  readonly epsilon: number;
  readonly values: ReadonlyMap<string, ArrayLike<number>>;
}

/** Names of what goes in, [batch][C][H][W], and of what comes out, [batch][classes]. */
export const onnxNames = { images: 'images', logits: 'logits' } as const;

/**
 * The bytes of an ONNX file (opset 17) that computes a network's logits; batch norms use their running averages.
 *
 * Tensors are called by our paths with `.` for `/`.
 * Throws a usage error naming a parameter that has not its number of values.
 * @example writeFileSync('net.onnx', exportOnnx({ name, graph, epsilon, values: namedValues(model) }))
 */
export function exportOnnx(network: NetworkWithValues, options: OnnxOptions = {}): Uint8Array {
  const { nodes } = network.graph;
  const output = nodes.length - (nodes.at(-1)?.op.kind === 'softmaxCrossEntropy' ? 2 : 1);
  const writing: Writing = {
    network,
    transposes: options.permutations === 'transpose',
    weights: options.weights ?? 'float32',
    names: [],
    nodes: [],
    constants: [],
  };
  for (const [i, node] of nodes.entries()) {
    if (i > output) break;
    writing.names.push(writeNode(writing, node, i === output));
  }
  const batch = options.batch === undefined || options.batch === 'any' ? 'batch' : options.batch;
  const { channels, height, width } = nodes[0]!.shape;
  return encodeOnnx({
    name: network.name,
    producer: 'igcnet',
    nodes: writing.nodes,
    constants: writing.constants,
    inputs: [{ name: onnxNames.images, shape: [batch, channels, height, width] }],
    outputs: [{ name: onnxNames.logits, shape: [batch, ...outputShape(nodes[output]!)] }],
    ...(options.metadata && { metadata: options.metadata }),
  });
}

/** The model so far. */
interface Writing {
  readonly network: NetworkWithValues;
  readonly transposes: boolean;
  readonly weights: WeightStorage;
  /** Name of every graph node's value. */
  readonly names: string[];
  readonly nodes: OnnxNode[];
  readonly constants: OnnxTensor[];
}

/** What a row of the table is given. */
interface Place {
  readonly writing: Writing;
  readonly path: string;
  /** Names of the values that it reads. */
  readonly inputs: readonly string[];
  /** Of its first input. */
  readonly input: Shape;
  /** The name of its result. */
  readonly result: string;
}

type Row<K extends OpKind> = (op: OpOf<K>, place: Place) => void;

const int = (value: number): OnnxAttribute => ({ kind: 'int', value });
const ints = (...value: number[]): OnnxAttribute => ({ kind: 'ints', value });
const float = (value: number): OnnxAttribute => ({ kind: 'float', value });

const rows: { readonly [K in Exclude<OpKind, 'input' | 'softmaxCrossEntropy'>]: Row<K> } = {
  conv(op, place) {
    const attributes = { ...window(op), group: int(op.groups) };
    add(place, 'Conv', [...place.inputs, parameter(place, op, 'weight')], attributes);
  },
  permute(op, place) {
    if (op.map.every((source, c) => source === c)) return add(place, 'Identity', place.inputs);
    const factor = place.writing.transposes ? transposeFactor(op.map) : undefined;
    if (factor === undefined) gather(place, op.map);
    else transpose(place, factor);
  },
  batchNorm(op, place) {
    const average = (name: string) =>
      constant(place, `${place.path}/${name}`, [place.input.channels]);
    const parameters = [
      parameter(place, op, 'gamma'),
      parameter(place, op, 'beta'),
      average('runningMean'),
      average('runningVariance'),
    ];
    const attributes = { epsilon: float(place.writing.network.epsilon) };
    add(place, 'BatchNormalization', [...place.inputs, ...parameters], attributes);
  },
  relu: (_op, place) => add(place, 'Relu', place.inputs),
  add: (_op, place) => add(place, place.inputs.length === 2 ? 'Add' : 'Sum', place.inputs),
  averagePool({ kernel, stride }, place) {
    const { height, width } = place.input;
    if (kernel[0] === height && kernel[1] === width) add(place, 'GlobalAveragePool', place.inputs);
    else add(place, 'AveragePool', place.inputs, window({ kernel, stride, pad: [0, 0] }));
  },
  maxPool: (op, place) => add(place, 'MaxPool', place.inputs, window(op)),
  linear(op, place) {
    const flat = `${place.result}.flat`;
    const inputs = [flat, parameter(place, op, 'weight'), parameter(place, op, 'bias')];
    add({ ...place, result: flat }, 'Flatten', place.inputs, { axis: int(1) });
    add(place, 'Gemm', inputs, { transB: int(1) });
  },
};

/** Adds a graph node's operators and gives the name of its value. */
function writeNode(writing: Writing, node: GraphNode, isOutput: boolean): string {
  const { op, path, inputs } = node;
  if (op.kind === 'input') return onnxNames.images;
  if (op.kind === 'softmaxCrossEntropy') throw internalError('the loss is not exported');
  const place: Place = {
    writing,
    path,
    inputs: inputs.map((i) => writing.names[i]!),
    input: writing.network.graph.nodes[inputs[0]!]!.shape,
    result: isOutput ? onnxNames.logits : exportedName(path),
  };
  const row = rows[op.kind] as Row<OpKind>;
  row(op, place);
  return place.result;
}

function outputShape({ op, shape }: GraphNode): readonly number[] {
  return op.kind === 'linear' ? [shape.channels] : [shape.channels, shape.height, shape.width];
}

function add(
  { writing, result }: Place,
  operator: string,
  inputs: readonly string[],
  attributes: OnnxNode['attributes'] = {},
): void {
  writing.nodes.push({ name: result, operator, inputs, outputs: [result], attributes });
}

interface Window {
  readonly kernel: readonly [number, number];
  readonly stride: number;
  readonly pad: readonly [number, number];
}

function window({ kernel, stride, pad }: Window): Record<string, OnnxAttribute> {
  return {
    kernel_shape: ints(...kernel),
    strides: ints(stride, stride),
    pads: ints(...pad, ...pad),
  };
}

/** The name of the constant that holds one of an op's parameters. */
function parameter(place: Place, op: GraphNode['op'], role: string): string {
  const spec = ruleOf(op)
    .parameters(op, place.input)
    .find((known) => known.role === role);
  if (!spec) throw internalError(`${op.kind} has no ${role}`);
  return constant(place, `${place.path}/${role}`, spec.shape);
}

/** The name of the constant, or of what becomes float32 of it, where it is stored in fewer bytes. */
function constant({ writing }: Place, path: string, shape: readonly number[]): string {
  const values = writing.network.values.get(path);
  const size = shape.reduce((product, n) => product * n, 1);
  if (values?.length !== size) {
    const got = values === undefined ? 'none' : `${values.length}`;
    throw usageError({ path, rule: `must have ${size} values`, got });
  }
  const name = exportedName(path);
  const whole = new Map([[name, { shape, data: Float32Array.from(values) }]]);
  const stored = storeWeights(whole, writing.weights);
  for (const [part, tensor] of stored) {
    writing.constants.push({ name: part, shape: tensor.shape, data: constantData(tensor.data) });
  }
  const { data } = stored.get(name)!;
  if (data instanceof Float32Array) return name;
  const result = `${name}.float32`;
  const place = { inputs: [...stored.keys()], outputs: [result], name: result };
  writing.nodes.push(
    data instanceof Uint16Array
      ? { ...place, operator: 'Cast', attributes: { to: int(onnxTypes.float32) } }
      : { ...place, operator: 'DequantizeLinear', attributes: { axis: int(0) } },
  );
  return result;
}

function constantData(data: TensorData): OnnxTensor['data'] {
  if (data instanceof Float64Array) throw internalError('weights are exported as float32');
  return data;
}

function integers({ writing }: Place, name: string, values: readonly number[]): string {
  const data = BigInt64Array.from(values, BigInt);
  writing.constants.push({ name, shape: [values.length], data });
  return name;
}

function gather(place: Place, map: ChannelMap): void {
  const indices = integers(place, `${place.result}.channels`, map);
  add(place, 'Gather', [...place.inputs, indices], { axis: int(1) });
}

/** a where out[j·a + i] = in[i·b + j], the transpose of an a×b matrix of channels; undefined where it is none. */
function transposeFactor(map: ChannelMap): number | undefined {
  const b = map.length > 1 ? map[1]! : 1;
  const a = map.length / b;
  if (!Number.isInteger(a)) return undefined;
  return map.every((source, c) => source === (c % a) * b + Math.floor(c / a)) ? a : undefined;
}

function transpose(place: Place, a: number): void {
  const { channels, height, width } = place.input;
  const [matrix, turned] = [`${place.result}.matrix`, `${place.result}.turned`];
  const shape = [0, a, channels / a, height, width]; // 0 keeps the batch
  const matrixShape = integers(place, `${matrix}.shape`, shape);
  const resultShape = integers(place, `${turned}.shape`, [0, channels, height, width]);
  add({ ...place, result: matrix }, 'Reshape', [...place.inputs, matrixShape]);
  add({ ...place, result: turned }, 'Transpose', [matrix], { perm: ints(0, 2, 1, 3, 4) });
  add(place, 'Reshape', [turned, resultShape]);
}
