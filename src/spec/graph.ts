/**
 * A network as a list of operations: what the maths says, before anybody thinks about memory or speed.
 * Each op kind has one row in `opRules` (shape, parameters, cost); a missing row does not compile.
 * Letters: C channels, H height, W width; shapes are per image.
 */

import { internalError, usageError } from '../core/errors.ts';
import type { ChannelMap } from '../core/permutation.ts';

/** Shape of one image's feature maps. */
export interface Shape {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** The closed set of operations. */
export type Op =
  | { readonly kind: 'input' }
  | ConvOp
  | { readonly kind: 'permute'; readonly map: ChannelMap }
  | { readonly kind: 'batchNorm' }
  | { readonly kind: 'relu' }
  | { readonly kind: 'add' }
  | {
      readonly kind: 'averagePool';
      readonly kernel: readonly [number, number];
      readonly stride: number;
    }
  | MaxPoolOp
  | { readonly kind: 'linear'; readonly outputs: number }
  | { readonly kind: 'softmaxCrossEntropy' };

/** Convolution of `groups` partitions, zero padding, no bias. Weight [out][in/groups][kernelH][kernelW]. */
export interface ConvOp {
  readonly kind: 'conv';
  readonly outChannels: number;
  readonly groups: number;
  readonly kernel: readonly [number, number];
  readonly stride: number;
  readonly pad: readonly [number, number];
  /** Inputs of one output unit for He initialisation, where it is not in/groups · kernel. */
  readonly fanIn?: number;
}

/** Largest value of each window; padding is −∞, so it never wins. Of equal values the first, row by row, counts. */
export interface MaxPoolOp {
  readonly kind: 'maxPool';
  readonly kernel: readonly [number, number];
  readonly stride: number;
  readonly pad: readonly [number, number];
}

export type OpKind = Op['kind'];
export type OpOf<K extends OpKind> = Extract<Op, { kind: K }>;

/** One operation at its path, with the nodes that it reads. */
export interface GraphNode {
  /** `stage2/block1/primary`; names parameters, log rows, errors and exported tensors alike. */
  readonly path: string;
  readonly op: Op;
  /** Indices of earlier nodes. */
  readonly inputs: readonly number[];
  readonly shape: Shape;
}

/** Nodes in order of computation; the last one is the output. */
export interface Graph {
  readonly nodes: readonly GraphNode[];
}

/** How a parameter starts: N(0, √(2/fanIn)), U(±1/√fanIn), or a constant. */
export type Initialization =
  | { readonly kind: 'he'; readonly fanIn: number }
  | { readonly kind: 'uniform'; readonly fanIn: number }
  | { readonly kind: 'constant'; readonly value: number };

/** What a parameter is to weight decay and to the counting conventions. */
export type ParameterRole = 'weight' | 'bias' | 'gamma' | 'beta';

export interface ParameterSpec {
  readonly role: ParameterRole;
  readonly shape: readonly number[];
  readonly init: Initialization;
}

interface OpRule<K extends OpKind> {
  /** Shape of the result; throws a usage error naming `path` when the inputs do not fit. */
  shape(op: OpOf<K>, inputs: readonly Shape[], path: string): Shape;
  parameters(op: OpOf<K>, input: Shape): readonly ParameterSpec[];
  /** Multiply-adds per image, the paper's convention: convolutions and fc only. */
  macs(op: OpOf<K>, input: Shape, output: Shape): number;
}

const same = (inputs: readonly Shape[]): Shape => inputs[0]!;
const none = (): readonly ParameterSpec[] => [];
const free = (): number => 0;

/** One row per op kind. */
export const opRules: { readonly [K in OpKind]: OpRule<K> } = {
  input: {
    shape: () => {
      throw internalError('an input node gets its shape from the builder');
    },
    parameters: none,
    macs: free,
  },
  conv: { shape: convShape, parameters: convParameters, macs: convMacs },
  permute: {
    shape: (op, inputs) => ({ ...same(inputs), channels: op.map.length }),
    parameters: none,
    macs: free,
  },
  batchNorm: {
    shape: (_op, inputs) => same(inputs),
    parameters: (_op, input) => [
      { role: 'gamma', shape: [input.channels], init: { kind: 'constant', value: 1 } },
      { role: 'beta', shape: [input.channels], init: { kind: 'constant', value: 0 } },
    ],
    macs: free,
  },
  relu: { shape: (_op, inputs) => same(inputs), parameters: none, macs: free },
  add: { shape: addShape, parameters: none, macs: free },
  averagePool: { shape: averagePoolShape, parameters: none, macs: free },
  maxPool: { shape: maxPoolShape, parameters: none, macs: free },
  linear: {
    shape: (op) => ({ channels: op.outputs, height: 1, width: 1 }),
    parameters: (op, input) => {
      const fanIn = input.channels * input.height * input.width;
      return [
        { role: 'weight', shape: [op.outputs, fanIn], init: { kind: 'uniform', fanIn } },
        { role: 'bias', shape: [op.outputs], init: { kind: 'constant', value: 0 } },
      ];
    },
    macs: (op, input) => op.outputs * input.channels * input.height * input.width,
  },
  softmaxCrossEntropy: { shape: (_op, inputs) => same(inputs), parameters: none, macs: free },
};

/** The rule of a node's op, with the kind forgotten. */
export function ruleOf(op: Op): OpRule<OpKind> {
  return opRules[op.kind] as unknown as OpRule<OpKind>;
}

/** Collects nodes, propagating shapes as they are added. */
export interface GraphBuilder {
  input(shape: Shape): number;
  /** Adds a node and returns its index. */
  add(path: string, op: Op, ...inputs: readonly number[]): number;
  shape(node: number): Shape;
  build(): Graph;
}

export function graphBuilder(): GraphBuilder {
  const nodes: GraphNode[] = [];
  return {
    input(shape) {
      nodes.push({ path: 'input', op: { kind: 'input' }, inputs: [], shape });
      return nodes.length - 1;
    },
    add(path, op, ...inputs) {
      const shapes = inputs.map((i) => nodes[i]!.shape);
      nodes.push({ path, op, inputs, shape: ruleOf(op).shape(op, shapes, path) });
      return nodes.length - 1;
    },
    shape: (node) => nodes[node]!.shape,
    build: () => ({ nodes }),
  };
}

/** Wider layers would fill the memory with channel maps before anything is planned. */
const mostChannels = 65_536;

function convShape(op: ConvOp, inputs: readonly Shape[], path: string): Shape {
  const { channels, height, width } = inputs[0]!;
  if (op.outChannels > mostChannels) {
    throw usageError({
      path,
      rule: `must have at most ${mostChannels} channels`,
      got: `${op.outChannels}`,
    });
  }
  for (const [name, value] of [
    ['channels', channels],
    ['outChannels', op.outChannels],
  ] as const) {
    if (value % op.groups !== 0) {
      const below = value - (value % op.groups);
      throw usageError({
        path,
        rule: `${name} must be divisible by groups`,
        got: `${name}=${value} groups=${op.groups}`,
        hint: `nearest are ${below > 0 ? `${below} and ` : ''}${below + op.groups}`,
      });
    }
  }
  const [kernelH, kernelW] = op.kernel;
  const output = windowsOf({ height, width }, op);
  if (output.height < 1 || output.width < 1) {
    throw usageError({
      path,
      rule: `a ${kernelH}×${kernelW} kernel must fit its padded input`,
      got: `${height}×${width}`,
      hint: 'use larger images or fewer stages',
    });
  }
  return { channels: op.outChannels, ...output };
}

function convParameters(op: ConvOp, input: Shape): readonly ParameterSpec[] {
  const perGroup = input.channels / op.groups;
  const fanIn = op.fanIn ?? perGroup * op.kernel[0] * op.kernel[1];
  const shape = [op.outChannels, perGroup, ...op.kernel];
  return [{ role: 'weight', shape, init: { kind: 'he', fanIn } }];
}

function convMacs(op: ConvOp, input: Shape, output: Shape): number {
  const perOutput = (input.channels / op.groups) * op.kernel[0] * op.kernel[1];
  return output.channels * output.height * output.width * perOutput;
}

function addShape(_op: OpOf<'add'>, inputs: readonly Shape[], path: string): Shape {
  const text = ({ channels, height, width }: Shape) => `${channels}×${height}×${width}`;
  const first = inputs[0]!;
  for (const other of inputs) {
    if (text(other) !== text(first)) {
      throw usageError({
        path,
        rule: 'summands must have one shape',
        got: `${text(first)} and ${text(other)}`,
        hint: 'use a projection where width or size changes',
      });
    }
  }
  return first;
}

function averagePoolShape(op: OpOf<'averagePool'>, inputs: readonly Shape[], path: string): Shape {
  const { channels, height, width } = inputs[0]!;
  const [kernelH, kernelW] = op.kernel;
  if (height < kernelH || width < kernelW) {
    throw usageError({
      path,
      rule: `a ${kernelH}×${kernelW} window must fit its input`,
      got: `${height}×${width}`,
    });
  }
  return { channels, ...windowsOf({ height, width }, { ...op, pad: [0, 0] }) };
}

function maxPoolShape(op: MaxPoolOp, inputs: readonly Shape[], path: string): Shape {
  const { channels, height, width } = inputs[0]!;
  const [kernelH, kernelW] = op.kernel;
  const [padH, padW] = op.pad;
  if (2 * padH > kernelH || 2 * padW > kernelW) {
    throw usageError({
      path,
      rule: `the padding of a ${kernelH}×${kernelW} window must be at most half of it`,
      got: `${padH}×${padW}`,
    });
  }
  if (height + 2 * padH < kernelH || width + 2 * padW < kernelW) {
    throw usageError({
      path,
      rule: `a ${kernelH}×${kernelW} window must fit its padded input`,
      got: `${height}×${width}`,
    });
  }
  return { channels, ...windowsOf({ height, width }, op) };
}

/** How many windows fit, from top to bottom and from left to right. */
function windowsOf(
  { height, width }: Omit<Shape, 'channels'>,
  { kernel, stride, pad }: Pick<ConvOp, 'kernel' | 'stride' | 'pad'>,
): Omit<Shape, 'channels'> {
  const count = (size: number, k: 0 | 1) =>
    Math.floor((size + 2 * pad[k] - kernel[k]) / stride) + 1;
  return { height: count(height, 0), width: count(width, 1) };
}
