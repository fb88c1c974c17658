/**
 * Grouped convolution of the reference kernels, forward and backward. It sums over all taps of one
 * output channel, in the order of the weights, along runs of contiguous pixels: fast enough in
 * plain JavaScript to train with.
 * Letters: I, O channels in and out of a group.
 */
import type { ConvStep, Tensor } from '../plan/plan.ts';
import {
  readInputGradientPlane,
  takeGradientSums,
  takeStatistics,
} from './reference-batch-norm.ts';
import {
  addGradientPlane,
  finishPlane,
  openGradient,
  planeStart,
  type Run,
  rawView,
  readPlane,
} from './reference-run.ts';
import type { Convolution } from './reference-scratch.ts';
import { addTaps, dotTaps } from './reference-taps.ts';

/** Writes the raw output; in training also takes the statistics of the batch norm in its view. */
export function convolveForward(run: Run, step: ConvStep): void {
  const scratch = run.convolutions.get(step)!;
  const input = run.plan.tensors[step.inputs[0]!]!;
  const output = run.plan.tensors[step.output]!;
  const { parameters } = run.model;
  const { weights, sum, taps } = scratch;
  const O = step.outChannels / step.groups;
  for (let group = 0; group < step.groups; group++) {
    const from = step.weight + group * weights.length;
    for (let j = 0; j < weights.length; j++) weights[j] = parameters[from + j]!;
    for (let image = 0; image < run.images; image++) {
      loadInputs(run, step, scratch, input, image, group);
      for (let o = 0; o < O; o++) {
        const out = group * O + o;
        sum.fill(step.bias < 0 ? 0 : parameters[step.bias + out]!, 0, scratch.run);
        addTaps(sum, 0, scratch.run, scratch.input, 0, taps, weights, o * taps.length);
        storeOutput(run, scratch, output, image, step.outMap[out]!);
      }
    }
  }
  const { bn } = output.read;
  if (run.plan.training && bn >= 0) takeStatistics(run, bn, output, rawView);
}

/**
 * Turns the output's gradient into that of its raw values where its view has a batch norm (in
 * place), writes dWeight and dBias, and writes or adds dIn.
 */
export function convolveBackward(run: Run, step: ConvStep): void {
  const scratch = run.convolutions.get(step)!;
  const input = run.plan.tensors[step.inputs[0]!]!;
  const output = run.plan.tensors[step.output]!;
  const { mode } = step.inputGradients[0]!;
  if (output.read.bn >= 0) toRawGradient(run, output);
  openGradient(run, input, mode);
  scratch.dWeights.fill(0);
  const { weights, backwardWeights } = scratch;
  for (let group = 0; group < step.groups; group++) {
    const from = step.weight + group * weights.length;
    for (let j = 0; j < weights.length; j++) {
      weights[j] = run.model.parameters[from + backwardWeights[j]!]!;
    }
    for (let image = 0; image < run.images; image++) {
      loadInputs(run, step, scratch, input, image, group);
      loadOutputGradients(run, step, scratch, output, image, group);
      addWeightGradients(step, scratch, group);
      if (mode !== 'none') addInputGradients(run, step, scratch, input, image, group);
    }
  }
  run.model.gradients.set(scratch.dWeights, step.weight);
  if (step.bias >= 0) writeBiasGradient(run, step, output);
}

function toRawGradient(run: Run, output: Tensor): void {
  const { bn } = output.read;
  const { gradients, dPlane } = run;
  const size = output.height * output.width;
  takeGradientSums(run, bn, output, rawView, output);
  for (let image = 0; image < run.images; image++) {
    for (let c = 0; c < output.channels; c++) {
      readInputGradientPlane(run, bn, output, rawView, output, image, c);
      const to = output.gradientOffset + planeStart(output, image, c);
      for (let i = 0; i < size; i++) gradients[to + i] = dPlane[i]!;
    }
  }
}

/** scratch.input ← view(in) of the group's channels; its padding stays zero. */
function loadInputs(
  run: Run,
  step: ConvStep,
  { input: target, inputPlane, pixels }: Convolution,
  input: Tensor,
  image: number,
  group: number,
): void {
  const { plane } = run;
  const I = step.inChannels / step.groups;
  for (let i = 0; i < I; i++) {
    readPlane(run, input, input.read, image, step.inMap[group * I + i]!, plane);
    const base = i * inputPlane;
    for (let p = 0; p < pixels.length; p++) target[base + pixels[p]!] = plane[p]!;
  }
}

/** scratch.dOut ← the output's gradient of the group's channels; everything around stays zero. */
function loadOutputGradients(
  run: Run,
  step: ConvStep,
  { dOut, outputPlane, margin, pitch }: Convolution,
  output: Tensor,
  image: number,
  group: number,
): void {
  const { gradients } = run;
  const { height, width } = output;
  const O = step.outChannels / step.groups;
  for (let o = 0; o < O; o++) {
    const channel = step.outMap[group * O + o]!;
    const from = output.gradientOffset + planeStart(output, image, channel);
    const to = o * outputPlane + margin;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) dOut[to + y * pitch + x] = gradients[from + y * width + x]!;
    }
  }
}

function storeOutput(
  run: Run,
  { sum, pitch }: Convolution,
  output: Tensor,
  image: number,
  channel: number,
): void {
  const { activations } = run;
  const { height, width } = output;
  const to = output.offset + planeStart(output, image, channel);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) activations[to + y * width + x] = sum[y * pitch + x]!;
  }
  finishPlane(run, output, image, channel);
}

/** dWeight[o][t] += Σ over the pixels of dOut[o] · in[tap t] */
function addWeightGradients(step: ConvStep, scratch: Convolution, group: number): void {
  const { dOut, input, taps, dWeights, outputPlane, margin, run: length } = scratch;
  const O = step.outChannels / step.groups;
  for (let o = 0; o < O; o++) {
    const at = (group * O + o) * taps.length;
    dotTaps(dWeights, at, dOut, o * outputPlane + margin, length, input, taps);
  }
}

/** dIn[i] += Σ over outputs and taps of w · dOut, phase by phase. */
function addInputGradients(
  run: Run,
  step: ConvStep,
  scratch: Convolution,
  input: Tensor,
  image: number,
  group: number,
): void {
  const { dPlane } = run;
  const { dOut, phases, phaseSize, pixels, sum, weights } = scratch;
  const I = step.inChannels / step.groups;
  const tapsPerChannel = weights.length / I;
  for (let i = 0; i < I; i++) {
    for (let phase = 0; phase < phases.length; phase++) {
      const { start, length, taps, firstTap } = phases[phase]!;
      const to = phase * phaseSize + start;
      sum.fill(0, to, to + length);
      addTaps(sum, to, length, dOut, start, taps, weights, i * tapsPerChannel + firstTap);
    }
    for (let p = 0; p < pixels.length; p++) dPlane[p] = sum[pixels[p]!]!;
    addGradientPlane(run, input, image, step.inMap[group * I + i]!);
  }
}

function writeBiasGradient(run: Run, step: ConvStep, output: Tensor): void {
  const { gradients } = run;
  const size = output.height * output.width;
  for (let o = 0; o < step.outChannels; o++) {
    let total = 0;
    for (let image = 0; image < run.images; image++) {
      const from = output.gradientOffset + planeStart(output, image, step.outMap[o]!);
      for (let i = 0; i < size; i++) total += gradients[from + i]!;
    }
    run.model.gradients[step.bias + o] = total;
  }
}
