/**
 * What the reference kernels share while a plan runs: its arenas, its scratch memory, and how one
 * channel of one image is read through a view and how its gradient is added. Plain
 * [image][channel][y][x] (lanes = 1); sums are float64 whatever the arenas store.
 */
import type { ConvStep, Plan, Tensor, TensorView } from '../plan/plan.ts';
import { roundToBfloat16 } from './bfloat16.ts';
import type { ModelArrays, RealArray } from './contract.ts';
import type { Convolution } from './reference-scratch.ts';

/** Numbers of one batch norm, each [replica][channel]. */
export interface BatchStatistics {
  readonly mean: Float64Array;
  /** 1/√(variance + ε), variance biased. */
  readonly inverseDeviation: Float64Array;
  /** What a view multiplies by and adds: γ·inverseDeviation and β − mean·scale. */
  readonly scale: Float64Array;
  readonly shift: Float64Array;
  /** Σ dy and Σ dy·x̂ of backward. */
  readonly sumD: Float64Array;
  readonly sumDX: Float64Array;
}

/** One plan in memory. */
export interface Run {
  readonly plan: Plan;
  readonly model: ModelArrays;
  readonly activations: RealArray;
  readonly gradients: RealArray;
  /** One per batch norm of the plan. */
  readonly statistics: readonly BatchStatistics[];
  readonly convolutions: ReadonlyMap<ConvStep, Convolution>;
  /** Scratch for one channel of one image, and for its gradient. */
  readonly plane: Float64Array;
  readonly dPlane: Float64Array;
  readonly labels: Int32Array;
  /** The other class of each image, and what the label weighs: 1 for images that are not mixed. */
  readonly partners: Int32Array;
  readonly weights: Float64Array;
  readonly losses: Float64Array;
  /** Images that are run: the whole batch in training, the `count` of `setBatch` in inference. */
  images: number;
  oldWeight: number;
}

/** The stored values, without any view. */
export const rawView: TensorView = { bn: -1, relu: false };

/** Elements of one channel of one image. */
export function planeSize({ height, width }: Tensor): number {
  return height * width;
}

/** Where channel `channel` of image `image` begins, from the tensor's start. */
export function planeStart(tensor: Tensor, image: number, channel: number): number {
  return (image * tensor.channels + channel) * planeSize(tensor);
}

/** The part of the batch whose statistics an image belongs to. */
export function replicaOf(run: Run, image: number): number {
  return Math.floor(image / run.plan.blocksPerReplica);
}

/** target ← relu?(scale·x + shift), x one channel of one image. */
export function readPlane(
  run: Run,
  tensor: Tensor,
  view: TensorView,
  image: number,
  channel: number,
  target: Float64Array,
): void {
  const { activations } = run;
  const from = tensor.offset + planeStart(tensor, image, channel);
  const size = planeSize(tensor);
  const scale = viewScale(run, tensor, view, image, channel);
  const shift = viewShift(run, tensor, view, image, channel);
  if (view.relu) {
    for (let i = 0; i < size; i++) {
      const value = scale * activations[from + i]! + shift;
      target[i] = Math.max(value, 0);
    }
  } else {
    for (let i = 0; i < size; i++) target[i] = scale * activations[from + i]! + shift;
  }
}

/** Stores `run.plane` as one channel of one image. */
export function writePlane(run: Run, tensor: Tensor, image: number, channel: number): void {
  const { activations, plane } = run;
  const to = tensor.offset + planeStart(tensor, image, channel);
  const size = planeSize(tensor);
  for (let i = 0; i < size; i++) activations[to + i] = plane[i]!;
  finishPlane(run, tensor, image, channel);
}

/** Rounds one channel of one image, which was written just now, to what the tensor stores. */
export function finishPlane(run: Run, tensor: Tensor, image: number, channel: number): void {
  if (tensor.storage === 'float32') return;
  const from = tensor.offset + planeStart(tensor, image, channel);
  roundToBfloat16(run.activations, from, planeSize(tensor));
}

/** `run.dPlane` ← the gradient slot of one channel of one image. */
export function readGradientPlane(run: Run, tensor: Tensor, image: number, channel: number): void {
  const { gradients, dPlane } = run;
  const from = tensor.gradientOffset + planeStart(tensor, image, channel);
  const size = planeSize(tensor);
  for (let i = 0; i < size; i++) dPlane[i] = gradients[from + i]!;
}

/**
 * Makes a slot ready for `addGradientPlane`: zeros, unless earlier contributions are to be kept.
 */
export function openGradient(run: Run, tensor: Tensor, mode: 'none' | 'write' | 'add'): void {
  if (mode !== 'write') return;
  run.gradients.fill(0, tensor.gradientOffset, tensor.gradientOffset + tensor.size);
}

/** Adds `run.dPlane`, masked where the view's ReLU is closed, to one channel of one image. */
export function addGradientPlane(run: Run, tensor: Tensor, image: number, channel: number): void {
  const { activations, gradients, dPlane } = run;
  const start = planeStart(tensor, image, channel);
  const to = tensor.gradientOffset + start;
  const size = planeSize(tensor);
  if (!tensor.read.relu) {
    for (let i = 0; i < size; i++) gradients[to + i]! += dPlane[i]!;
    return;
  }
  const from = tensor.offset + start;
  const scale = viewScale(run, tensor, tensor.read, image, channel);
  const shift = viewShift(run, tensor, tensor.read, image, channel);
  for (let i = 0; i < size; i++) {
    if (scale * activations[from + i]! + shift > 0) gradients[to + i]! += dPlane[i]!;
  }
}

function viewScale(
  run: Run,
  tensor: Tensor,
  { bn }: TensorView,
  image: number,
  channel: number,
): number {
  if (bn < 0) return 1;
  return run.statistics[bn]!.scale[replicaOf(run, image) * tensor.channels + channel]!;
}

function viewShift(
  run: Run,
  tensor: Tensor,
  { bn }: TensorView,
  image: number,
  channel: number,
): number {
  if (bn < 0) return 0;
  return run.statistics[bn]!.shift[replicaOf(run, image) * tensor.channels + channel]!;
}
