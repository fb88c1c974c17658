/**
 * Grouped convolution of the reference kernels, forward and backward. It sums over all taps of one output channel,
 * in the order of the weights, along runs of contiguous pixels: fast enough in plain JavaScript to train with.
 *
 * The inputs of a group are copied through their view into zero-padded scratch planes, split into s·s phases for
 * stride s (pixel (y, x) goes to phase (y mod s, x mod s)), so that tap (ky, kx) of every output pixel lies at one
 * fixed distance, whatever the stride. A row is `pitch` long, and its zeros on the left serve the row above as
 * zeros on the right. Output planes have the same pitch; the columns past the output's width are never used.
 * Letters: I, O channels in and out of a group; K taps per input channel.
 */
import type { ConvStep, Tensor } from '../plan/plan.ts';
import {
  readInputGradientPlane,
  takeGradientSums,
  takeStatistics,
} from './reference-batch-norm.ts';
import {
  addGradientPlane,
  openGradient,
  planeStart,
  type Run,
  rawView,
  readPlane,
} from './reference-run.ts';

/** Where things lie in the scratch planes of one convolution, and the planes. */
export interface Convolution {
  readonly pitch: number;
  /** Elements of one phase, of one input plane (all phases), and of one output plane with zeros around. */
  readonly phaseSize: number;
  readonly inputPlane: number;
  readonly outputPlane: number;
  /** Zeros before an output plane: the farthest tap. */
  readonly margin: number;
  /** Scratch position of each input pixel within its plane. */
  readonly pixels: Int32Array;
  /** Length of the run from the first to the last output pixel. */
  readonly run: number;
  /** Distance of each tap of an output channel: [I][K]. */
  readonly taps: Int32Array;
  readonly phases: readonly Phase[];
  readonly input: Float64Array;
  readonly dOut: Float64Array;
  readonly sum: Float64Array;
  /** One group's weights: [O][I][K] forward, in the order of `backwardWeights` backward. */
  readonly weights: Float64Array;
  /** Where [I][phase][taps of the phase] find their weights within the group's. */
  readonly backwardWeights: Int32Array;
  readonly dWeights: Float64Array;
}

/** The taps that reach one phase of the input, seen from there: [O][taps of the phase]. */
interface Phase {
  readonly start: number;
  readonly length: number;
  /** Distances into `dOut`. */
  readonly taps: Int32Array;
  /** Their weights relative to those of the group's first input channel, o·I·K + k. */
  readonly weights: readonly number[];
  /** Taps of the phases before. */
  readonly firstTap: number;
}

export function planConvolution(step: ConvStep, input: Tensor, output: Tensor): Convolution {
  const { kernelH, kernelW, stride, padH, padW, groups } = step;
  const I = step.inChannels / groups;
  const O = step.outChannels / groups;
  const K = kernelH * kernelW;
  const pitch = Math.max(Math.ceil((input.width + padW) / stride), output.width);
  const rows = Math.ceil((input.height + 2 * padH) / stride);
  const phaseSize = rows * pitch + kernelW;
  const inputPlane = stride * stride * phaseSize;
  const distance = (y: number, x: number) =>
    Math.floor(y / stride) * pitch + Math.floor(x / stride);
  const phaseOf = (y: number, x: number) => (y % stride) * stride + (x % stride);
  const tapAt = (k: number) => [Math.floor(k / kernelW), k % kernelW] as const;
  const place = (y: number, x: number) => phaseOf(y, x) * phaseSize + distance(y, x);
  const margin = distance(kernelH - 1, kernelW - 1);
  const outputPlane = margin + phaseSize;

  let firstTap = 0;
  const phases = Array.from({ length: stride * stride }, (_, phase): Phase => {
    const taps: number[] = [];
    const weights: number[] = [];
    for (let o = 0; o < O; o++) {
      for (let k = 0; k < K; k++) {
        const [ky, kx] = tapAt(k);
        if (phaseOf(ky, kx) !== phase) continue;
        taps.push(o * outputPlane + margin - distance(ky, kx));
        weights.push(o * I * K + k);
      }
    }
    // Rows of the phase that hold pixels of the image.
    const py = Math.floor(phase / stride);
    const firstRow = Math.max(0, Math.ceil((padH - py) / stride));
    const endRow = Math.floor((padH + input.height - 1 - py) / stride) + 1;
    const start = firstRow * pitch;
    const length = Math.max(0, endRow - firstRow) * pitch;
    const result = { start, length, taps: Int32Array.from(taps), weights, firstTap };
    firstTap += taps.length;
    return result;
  });
  const inOrder = phases.flatMap((phase) => phase.weights);
  return {
    pitch,
    phaseSize,
    inputPlane,
    outputPlane,
    margin,
    pixels: Int32Array.from({ length: input.height * input.width }, (_, i) =>
      place(Math.floor(i / input.width) + padH, (i % input.width) + padW),
    ),
    run: (output.height - 1) * pitch + output.width,
    taps: Int32Array.from({ length: I * K }, (_, t) => {
      return Math.floor(t / K) * inputPlane + place(...tapAt(t % K));
    }),
    phases,
    input: new Float64Array(I * inputPlane),
    dOut: new Float64Array(O * outputPlane),
    sum: new Float64Array(Math.max(inputPlane, (output.height + 1) * pitch)),
    weights: new Float64Array(O * I * K),
    backwardWeights: Int32Array.from({ length: O * I * K }, (_, j) => {
      return inOrder[j % (O * K)]! + Math.floor(j / (O * K)) * K;
    }),
    dWeights: new Float64Array(step.outChannels * I * K),
  };
}

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
 * Turns the output's gradient into that of its raw values where its view has a batch norm (in place), writes dWeight
 * and dBias, and writes or adds dIn.
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

/**
 * target[at + x] += Σ_t weights[first + t] · source[from + taps[t] + x], x < length, in order of t. Six taps at a time, since
 * 3×3 kernels and the paper's group sizes have multiples of six.
 */
function addTaps(
  target: Float64Array,
  at: number,
  length: number,
  source: Float64Array,
  from: number,
  taps: Int32Array,
  weights: Float64Array,
  first: number,
): void {
  let t = 0;
  for (; t + 6 <= taps.length; t += 6) {
    const w0 = weights[first + t]!;
    const w1 = weights[first + t + 1]!;
    const w2 = weights[first + t + 2]!;
    const w3 = weights[first + t + 3]!;
    const w4 = weights[first + t + 4]!;
    const w5 = weights[first + t + 5]!;
    const s0 = from + taps[t]!;
    const s1 = from + taps[t + 1]!;
    const s2 = from + taps[t + 2]!;
    const s3 = from + taps[t + 3]!;
    const s4 = from + taps[t + 4]!;
    const s5 = from + taps[t + 5]!;
    for (let x = 0; x < length; x++) {
      target[at + x]! +=
        w0 * source[s0 + x]! +
        w1 * source[s1 + x]! +
        w2 * source[s2 + x]! +
        w3 * source[s3 + x]! +
        w4 * source[s4 + x]! +
        w5 * source[s5 + x]!;
    }
  }
  for (; t < taps.length; t++) {
    const w = weights[first + t]!;
    const s = from + taps[t]!;
    for (let x = 0; x < length; x++) target[at + x]! += w * source[s + x]!;
  }
}

/** sums[at + t] += Σ_x d[from + x] · source[taps[t] + x], x < length; six taps at a time. */
function dotTaps(
  sums: Float64Array,
  at: number,
  d: Float64Array,
  from: number,
  length: number,
  source: Float64Array,
  taps: Int32Array,
): void {
  let t = 0;
  for (; t + 6 <= taps.length; t += 6) {
    const s0 = taps[t]!;
    const s1 = taps[t + 1]!;
    const s2 = taps[t + 2]!;
    const s3 = taps[t + 3]!;
    const s4 = taps[t + 4]!;
    const s5 = taps[t + 5]!;
    let a0 = 0;
    let a1 = 0;
    let a2 = 0;
    let a3 = 0;
    let a4 = 0;
    let a5 = 0;
    for (let x = 0; x < length; x++) {
      const value = d[from + x]!;
      a0 += value * source[s0 + x]!;
      a1 += value * source[s1 + x]!;
      a2 += value * source[s2 + x]!;
      a3 += value * source[s3 + x]!;
      a4 += value * source[s4 + x]!;
      a5 += value * source[s5 + x]!;
    }
    sums[at + t]! += a0;
    sums[at + t + 1]! += a1;
    sums[at + t + 2]! += a2;
    sums[at + t + 3]! += a3;
    sums[at + t + 4]! += a4;
    sums[at + t + 5]! += a5;
  }
  for (; t < taps.length; t++) {
    const s = taps[t]!;
    let a = 0;
    for (let x = 0; x < length; x++) a += d[from + x]! * source[s + x]!;
    sums[at + t]! += a;
  }
}
