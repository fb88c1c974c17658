/**
 * What every step kind means, forward and backward: one row each, a missing row does not compile.
 * Convolution and batch norm have files of their own. Letters: s label smoothing.
 */
import type { LossStep, StepKind, StepOf, Tensor } from '../plan/plan.ts';
import {
  readInputGradientPlane,
  takeGradientSums,
  takeStatistics,
} from './reference-batch-norm.ts';
import { convolveBackward, convolveForward } from './reference-convolution.ts';
import {
  addGradientPlane,
  finishPlane,
  openGradient,
  planeSize,
  planeStart,
  type Run,
  readGradientPlane,
  readPlane,
  replicaOf,
  writePlane,
} from './reference-run.ts';

interface StepRule<K extends StepKind> {
  forward(run: Run, step: StepOf<K>): void;
  /** Writes the gradients of the step's parameters; writes or adds those of its inputs. */
  backward(run: Run, step: StepOf<K>): void;
}

/** One row per step kind. */
export const stepRules: { readonly [K in StepKind]: StepRule<K> } = {
  conv: { forward: convolveForward, backward: convolveBackward },
  permute: { forward: permuteForward, backward: permuteBackward },
  batchNorm: { forward: batchNormForward, backward: batchNormBackward },
  relu: { forward: reluForward, backward: reluBackward },
  add: { forward: addForward, backward: addBackward },
  averagePool: { forward: averagePoolForward, backward: averagePoolBackward },
  maxPool: { forward: maxPoolForward, backward: maxPoolBackward },
  loss: { forward: lossForward, backward: lossBackward },
};

const inputOf = (run: Run, step: { readonly inputs: readonly number[] }, k = 0): Tensor =>
  run.plan.tensors[step.inputs[k]!]!;
const outputOf = (run: Run, step: { readonly output: number }): Tensor =>
  run.plan.tensors[step.output]!;

function permuteForward(run: Run, step: StepOf<'permute'>): void {
  const input = inputOf(run, step);
  const output = outputOf(run, step);
  for (let image = 0; image < run.images; image++) {
    for (let c = 0; c < output.channels; c++) {
      readPlane(run, input, input.read, image, step.map[c]!, run.plane);
      writePlane(run, output, image, c);
    }
  }
}

function permuteBackward(run: Run, step: StepOf<'permute'>): void {
  const input = inputOf(run, step);
  const output = outputOf(run, step);
  const { mode } = step.inputGradients[0]!;
  if (mode === 'none') return;
  openGradient(run, input, mode);
  for (let image = 0; image < run.images; image++) {
    for (let c = 0; c < output.channels; c++) {
      readGradientPlane(run, output, image, c);
      addGradientPlane(run, input, image, step.map[c]!);
    }
  }
}

function batchNormForward(run: Run, step: StepOf<'batchNorm'>): void {
  const input = inputOf(run, step);
  const output = outputOf(run, step);
  const { plane } = run;
  const { scale, shift } = run.statistics[step.bn]!;
  const size = planeSize(input);
  if (run.plan.training) takeStatistics(run, step.bn, input, input.read);
  for (let image = 0; image < run.images; image++) {
    for (let c = 0; c < input.channels; c++) {
      const at = replicaOf(run, image) * input.channels + c;
      readPlane(run, input, input.read, image, c, plane);
      for (let i = 0; i < size; i++) plane[i] = scale[at]! * plane[i]! + shift[at]!;
      writePlane(run, output, image, c);
    }
  }
}

function batchNormBackward(run: Run, step: StepOf<'batchNorm'>): void {
  const input = inputOf(run, step);
  const output = outputOf(run, step);
  const { mode } = step.inputGradients[0]!;
  takeGradientSums(run, step.bn, input, input.read, output);
  if (mode === 'none') return;
  openGradient(run, input, mode);
  for (let image = 0; image < run.images; image++) {
    for (let c = 0; c < input.channels; c++) {
      readInputGradientPlane(run, step.bn, input, input.read, output, image, c);
      addGradientPlane(run, input, image, c);
    }
  }
}

function reluForward(run: Run, step: StepOf<'relu'>): void {
  const input = inputOf(run, step);
  const output = outputOf(run, step);
  const { plane } = run;
  const size = planeSize(input);
  for (let image = 0; image < run.images; image++) {
    for (let c = 0; c < input.channels; c++) {
      readPlane(run, input, input.read, image, c, plane);
      for (let i = 0; i < size; i++) if (plane[i]! < 0) plane[i] = 0;
      writePlane(run, output, image, c);
    }
  }
}

function reluBackward(run: Run, step: StepOf<'relu'>): void {
  const input = inputOf(run, step);
  const output = outputOf(run, step);
  const { mode } = step.inputGradients[0]!;
  if (mode === 'none') return;
  openGradient(run, input, mode);
  for (let image = 0; image < run.images; image++) {
    for (let c = 0; c < input.channels; c++) {
      readOpenGradientPlane(run, output, image, c);
      addGradientPlane(run, input, image, c);
    }
  }
}

function addForward(run: Run, step: StepOf<'add'>): void {
  const output = outputOf(run, step);
  const { plane, dPlane: term } = run;
  const size = planeSize(output);
  for (let image = 0; image < run.images; image++) {
    for (let c = 0; c < output.channels; c++) {
      plane.fill(0, 0, size);
      for (let k = 0; k < step.inputs.length; k++) {
        const input = inputOf(run, step, k);
        readPlane(run, input, input.read, image, c, term);
        for (let i = 0; i < size; i++) plane[i]! += term[i]!;
      }
      if (step.relu) for (let i = 0; i < size; i++) if (plane[i]! < 0) plane[i] = 0;
      writePlane(run, output, image, c);
    }
  }
}

function addBackward(run: Run, step: StepOf<'add'>): void {
  const output = outputOf(run, step);
  for (let k = 0; k < step.inputs.length; k++) {
    const { mode } = step.inputGradients[k]!;
    if (mode === 'none') continue;
    const input = inputOf(run, step, k);
    openGradient(run, input, mode);
    for (let image = 0; image < run.images; image++) {
      for (let c = 0; c < output.channels; c++) {
        if (step.relu) readOpenGradientPlane(run, output, image, c);
        else readGradientPlane(run, output, image, c);
        addGradientPlane(run, input, image, c);
      }
    }
  }
}

/**
 * `run.dPlane` ← the gradient slot where the stored value, a ReLU's result, is positive, else 0.
 */
function readOpenGradientPlane(run: Run, tensor: Tensor, image: number, channel: number): void {
  const { activations, dPlane } = run;
  const from = tensor.offset + planeStart(tensor, image, channel);
  const size = planeSize(tensor);
  readGradientPlane(run, tensor, image, channel);
  for (let i = 0; i < size; i++) if (!(activations[from + i]! > 0)) dPlane[i] = 0;
}

function averagePoolForward(run: Run, step: StepOf<'averagePool'>): void {
  const input = inputOf(run, step);
  const output = outputOf(run, step);
  const { activations, plane } = run;
  const { kernelH, kernelW, stride } = step;
  for (let image = 0; image < run.images; image++) {
    for (let c = 0; c < input.channels; c++) {
      readPlane(run, input, input.read, image, c, plane);
      const to = output.offset + planeStart(output, image, c);
      for (let y = 0; y < output.height; y++) {
        for (let x = 0; x < output.width; x++) {
          let sum = 0;
          for (let ky = 0; ky < kernelH; ky++) {
            const row = (y * stride + ky) * input.width + x * stride;
            for (let kx = 0; kx < kernelW; kx++) sum += plane[row + kx]!;
          }
          activations[to + y * output.width + x] = sum / (kernelH * kernelW);
        }
      }
      finishPlane(run, output, image, c);
    }
  }
}

function averagePoolBackward(run: Run, step: StepOf<'averagePool'>): void {
  const input = inputOf(run, step);
  const output = outputOf(run, step);
  const { gradients, dPlane } = run;
  const { kernelH, kernelW, stride } = step;
  const { mode } = step.inputGradients[0]!;
  if (mode === 'none') return;
  openGradient(run, input, mode);
  for (let image = 0; image < run.images; image++) {
    for (let c = 0; c < input.channels; c++) {
      const from = output.gradientOffset + planeStart(output, image, c);
      dPlane.fill(0, 0, planeSize(input));
      for (let y = 0; y < output.height; y++) {
        for (let x = 0; x < output.width; x++) {
          const share = gradients[from + y * output.width + x]! / (kernelH * kernelW);
          for (let ky = 0; ky < kernelH; ky++) {
            const row = (y * stride + ky) * input.width + x * stride;
            for (let kx = 0; kx < kernelW; kx++) dPlane[row + kx]! += share;
          }
        }
      }
      addGradientPlane(run, input, image, c);
    }
  }
}

function maxPoolForward(run: Run, step: StepOf<'maxPool'>): void {
  const input = inputOf(run, step);
  const output = outputOf(run, step);
  const { activations, plane } = run;
  for (let image = 0; image < run.images; image++) {
    for (let c = 0; c < input.channels; c++) {
      readPlane(run, input, input.read, image, c, plane);
      const to = output.offset + planeStart(output, image, c);
      for (let y = 0; y < output.height; y++) {
        for (let x = 0; x < output.width; x++) {
          activations[to + y * output.width + x] = plane[firstLargest(plane, step, input, y, x)]!;
        }
      }
      finishPlane(run, output, image, c);
    }
  }
}

function maxPoolBackward(run: Run, step: StepOf<'maxPool'>): void {
  const input = inputOf(run, step);
  const output = outputOf(run, step);
  const { gradients, plane, dPlane } = run;
  const { mode } = step.inputGradients[0]!;
  if (mode === 'none') return;
  openGradient(run, input, mode);
  for (let image = 0; image < run.images; image++) {
    for (let c = 0; c < input.channels; c++) {
      readPlane(run, input, input.read, image, c, plane);
      const from = output.gradientOffset + planeStart(output, image, c);
      dPlane.fill(0, 0, planeSize(input));
      for (let y = 0; y < output.height; y++) {
        for (let x = 0; x < output.width; x++) {
          const winner = firstLargest(plane, step, input, y, x);
          dPlane[winner]! += gradients[from + y * output.width + x]!;
        }
      }
      addGradientPlane(run, input, image, c);
    }
  }
}

/** Where window (y, x) has its largest value: the first one, row by row, or a NaN, which must not get lost. */
function firstLargest(
  plane: Float64Array,
  { kernelH, kernelW, stride, padH, padW }: StepOf<'maxPool'>,
  { height, width }: Tensor,
  y: number,
  x: number,
): number {
  const top = Math.max(0, y * stride - padH);
  const bottom = Math.min(height, y * stride - padH + kernelH);
  const left = Math.max(0, x * stride - padW);
  const right = Math.min(width, x * stride - padW + kernelW);
  let winner = top * width + left;
  for (let row = top; row < bottom; row++) {
    for (let at = row * width + left; at < row * width + right; at++) {
      if (plane[at]! > plane[winner]! || Number.isNaN(plane[at])) winner = at;
    }
  }
  return winner;
}

/** The probability that the loss wants of class k: (1 − s)·(w·onehot(label) + (1 − w)·onehot(partner)) + s/classes. */
function target(run: Run, { smoothing, classes }: LossStep, image: number, k: number): number {
  const weight = run.weights[image]!;
  const share =
    (k === run.labels[image] ? weight : 0) + (k === run.partners[image] ? 1 - weight : 0);
  return (1 - smoothing) * share + smoothing / classes;
}

/**
 * `run.plane` ← log softmax of one image's logits, less their largest first, so that nothing
 * overflows.
 */
function readLogSoftmax(run: Run, step: LossStep, image: number): void {
  const { plane } = run;
  const input = inputOf(run, step);
  let largest = -Infinity;
  for (let k = 0; k < step.classes; k++) {
    readPlane(run, input, input.read, image, k, run.dPlane);
    plane[k] = run.dPlane[0]!;
    largest = Math.max(largest, plane[k]!);
  }
  let sum = 0;
  for (let k = 0; k < step.classes; k++) sum += Math.exp(plane[k]! - largest);
  const normalizer = largest + Math.log(sum);
  for (let k = 0; k < step.classes; k++) plane[k]! -= normalizer;
}

function lossForward(run: Run, step: LossStep): void {
  const { losses, plane } = run;
  for (let image = 0; image < run.images; image++) {
    readLogSoftmax(run, step, image);
    let loss = 0;
    for (let k = 0; k < step.classes; k++) loss -= target(run, step, image, k) * plane[k]!;
    losses[image] = loss;
  }
}

function lossBackward(run: Run, step: LossStep): void {
  const input = inputOf(run, step);
  const { plane, dPlane } = run;
  openGradient(run, input, step.inputGradients[0]!.mode);
  for (let image = 0; image < run.images; image++) {
    readLogSoftmax(run, step, image);
    for (let k = 0; k < step.classes; k++) {
      dPlane[0] = (Math.exp(plane[k]!) - target(run, step, image, k)) / run.images;
      addGradientPlane(run, input, image, k);
    }
  }
}
