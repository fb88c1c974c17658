/**
 * A plan: everything a kernel set needs to run a network, decided once, as plain data. Tensors have places in
 * an arena, parameters have places in another, and steps say what to compute in which order; backward is the
 * steps read backwards. Nothing here knows how a kernel works.
 *
 * Layout. A tensor of an activation arena is [block][channel][y][x][lane]: `lanes` images side by side. Each of
 * the `replicas` parts of the batch has its own blocks (`blocksPerReplica`), so batch-norm statistics never
 * share a block; image i of replica r lies in block r·blocksPerReplica + ⌊i/lanes⌋, lane i mod lanes. With
 * lanes = 1 this is plain NCHW; with more, some positions stay free between the maps of channels (`plane`).
 * In inference a small batch lies in a `grid` of T = rows·columns tiles instead: tile (ty, tx) of image i in lane
 * (i mod lanes/T)·T + ty·columns + tx, pixel (y, x) of it the image's (ty·tile.height + y, tx·tile.width + x).
 *
 * Views. A tensor is stored raw and *read* through its view: relu?(scale·x + shift), where scale and shift come
 * from batch norm `read.bn`. Its gradient slot holds the gradient of the batch norm's output (after the ReLU's
 * mask) when a batch norm is in the view, else that of the raw values.
 */
import type { ChannelMap } from '../core/permutation.ts';
import type { Initialization, ParameterRole, Shape } from '../spec/graph.ts';

/** How a value is read or finished: relu?(batch norm?(x)). */
export interface TensorView {
  /** Index into `Plan.batchNorms`, or −1. */
  readonly bn: number;
  readonly relu: boolean;
}

/**
 * How activations are stored: float32 as they were computed (float64 in the float64 reference), or rounded to bfloat16,
 * the upper half of a float32, to nearest and halves to even. They are computed with in full.
 */
export const activationStorages = ['float32', 'bfloat16'] as const;
/** One of `activationStorages`. */
export type ActivationStorage = (typeof activationStorages)[number];

export interface MapSize {
  readonly height: number;
  readonly width: number;
}

/** Into how many tiles, one a lane, each image is cut; both powers of two. */
export interface Grid {
  readonly rows: number;
  readonly columns: number;
  /** Path of the step that keeps the images of a small batch whole. */
  readonly obstacle?: string;
}

/** A stored activation: its shape for one image and its place in the arena. */
export interface Tensor extends Shape {
  readonly id: number;
  /** What a lane holds of a map: all of it, or a tile, which may reach beyond the image. */
  readonly tile: MapSize;
  /** Path of the graph node whose output it stores. */
  readonly path: string;
  /** Positions from the start of a channel's map to the next one's: at least those of a tile. */
  readonly plane: number;
  /** Elements, lanes, padding images and free places between maps included. */
  readonly size: number;
  /** Elements from the start of the activation arena. */
  readonly offset: number;
  /** Elements from the start of the gradient arena, or −1 when no gradient is kept. */
  readonly gradientOffset: number;
  readonly read: TensorView;
  /** The same for all tensors of a plan that `makePlan` made. */
  readonly storage: ActivationStorage;
}

/** A trainable tensor; `path` is `stage1/block1/primary/weight`. */
export interface Parameter {
  readonly path: string;
  readonly role: ParameterRole;
  readonly shape: readonly number[];
  readonly init: Initialization;
  /** Elements from the start of the parameter, gradient and momentum arenas. */
  readonly offset: number;
  readonly size: number;
}

export interface BatchNorm {
  /** `stage1/block1/bn` */
  readonly path: string;
  readonly channels: number;
  readonly epsilon: number;
  /** Offsets into the parameter arena. */
  readonly gamma: number;
  readonly beta: number;
  /** Offsets of the running averages into the state arena. */
  readonly runningMean: number;
  readonly runningVariance: number;
}

/** What a step's backward does with the gradient of one of its inputs. */
export interface InputGradient {
  readonly mode: 'none' | 'write' | 'add';
  /** The last contribution to this gradient: sums over it may be taken now. */
  readonly complete: boolean;
}

interface StepBase {
  readonly path: string;
  /** Tensor ids. */
  readonly inputs: readonly number[];
  readonly output: number;
  /** One per input. */
  readonly inputGradients: readonly InputGradient[];
}

/**
 * out[outMap[o]] = after(Σ_i w[o, i] ∗ in[inMap[g·I + i]] (+ bias)), g the group of o, I = in/groups, with zero
 * padding.
 */
export interface Convolution {
  /** Offset of [out][in/groups][kernelH][kernelW] in the parameter arena. */
  readonly weight: number;
  /** Offset of [out], or −1. */
  readonly bias: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly groups: number;
  readonly kernelH: number;
  readonly kernelW: number;
  readonly stride: number;
  readonly padH: number;
  readonly padW: number;
  /** Length inChannels; may repeat tensor channels (summation fusion). */
  readonly inMap: ChannelMap;
  /** Length outChannels; a bijection. */
  readonly outMap: ChannelMap;
  /** What is done to the result at once: in inference plans a batch norm by running averages, and a ReLU. */
  readonly after: TensorView;
}

/** A convolution whose result lives only while its step runs, a strip at a time, and is computed again in backward. */
export interface FleetingConvolution extends Convolution {
  readonly path: string;
  /** Of its result, as a lane holds it. */
  readonly height: number;
  readonly width: number;
}

/**
 * The convolutions `before`, the first of which reads view(in), and then the step's own; only the last result is
 * stored. If the output's view has a batch norm, its batch statistics are taken and finished here in
 * training; backward first turns the output's gradient into that of the raw output.
 */
export interface ConvStep extends StepBase, Convolution {
  readonly kind: 'conv';
  readonly before: readonly FleetingConvolution[];
}

/** out[c] = view(in)[map[c]]; the map may repeat channels. */
export interface PermuteStep extends StepBase {
  readonly kind: 'permute';
  readonly map: ChannelMap;
}

/** Batch norm on its own: statistics of view(in), then normalisation into `output`. */
export interface BatchNormStep extends StepBase {
  readonly kind: 'batchNorm';
  readonly bn: number;
}

export interface ReluStep extends StepBase {
  readonly kind: 'relu';
}

/** out = relu?(Σ view(in_k)) */
export interface AddStep extends StepBase {
  readonly kind: 'add';
  readonly relu: boolean;
}

/** Mean over windows without padding. */
export interface AveragePoolStep extends StepBase {
  readonly kind: 'averagePool';
  readonly kernelH: number;
  readonly kernelW: number;
  readonly stride: number;
}

/** Largest of view(in) in each window; padding never wins. The gradient goes to the first largest, row by row. */
export interface MaxPoolStep extends StepBase {
  readonly kind: 'maxPool';
  readonly kernelH: number;
  readonly kernelW: number;
  readonly stride: number;
  readonly padH: number;
  readonly padW: number;
}

/**
 * loss = mean over the batch of −Σ_k t_k log softmax(in)_k, t = (1 − s)·onehot + s/classes with smoothing s.
 * `output` is the input tensor's id: the loss is a number beside the arenas.
 */
export interface LossStep extends StepBase {
  readonly kind: 'loss';
  readonly classes: number;
  readonly smoothing: number;
}

/** One pass over memory, in the order of the forward pass. */
export type Step =
  | ConvStep
  | PermuteStep
  | BatchNormStep
  | ReluStep
  | AddStep
  | AveragePoolStep
  | MaxPoolStep
  | LossStep;

export type StepKind = Step['kind'];
export type StepOf<K extends StepKind> = Extract<Step, { kind: K }>;

/** Steps, tensors and parameters with their places in memory; immutable. */
export interface Plan {
  /** Statistics of the batch and backward, or running averages and forward only. */
  readonly training: boolean;
  readonly batch: number;
  readonly replicas: number;
  readonly lanes: number;
  readonly grid: Grid;
  readonly blocksPerReplica: number;
  readonly tensors: readonly Tensor[];
  readonly parameters: readonly Parameter[];
  readonly batchNorms: readonly BatchNorm[];
  readonly steps: readonly Step[];
  /** Tensor id of the network's input and of its output (the logits, where there is a loss). */
  readonly input: number;
  readonly output: number;
  /** Arena lengths in elements. */
  readonly activationSize: number;
  readonly gradientSize: number;
  readonly parameterSize: number;
  readonly stateSize: number;
}

/** Nothing done to a value. */
export const plainView: TensorView = { bn: -1, relu: false };

/** Images in each replica's part of the batch. */
export function imagesPerReplica(plan: Pick<Plan, 'batch' | 'replicas'>): number {
  return plan.batch / plan.replicas;
}
