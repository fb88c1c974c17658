/**
 * Scratch memory of the reference convolutions, laid out once per step.
 *
 * The inputs of a group are copied through their view into zero-padded planes, split into s·s
 * phases for stride s (pixel (y, x) goes to phase (y mod s, x mod s)), so that tap (ky, kx) of
 * every output pixel lies at one fixed distance, whatever the stride. A row is `pitch` long, and
 * its zeros on the left serve the row above as zeros on the right. Output planes have the same
 * pitch; the columns past the output's width are never used.
 * Letters: I, O channels in and out of a group; K taps per input channel.
 */
import type { ConvStep, Tensor } from '../plan/plan.ts';

/** Sizes in elements. */
interface Layout {
  readonly pitch: number;
  readonly phaseSize: number;
  /** One input channel, all its phases. */
  readonly inputPlane: number;
  /** One output channel, zeros around. */
  readonly outputPlane: number;
  /** Zeros before an output plane: the farthest tap. */
  readonly margin: number;
}

/** Where everything lies, and the scratch memory. */
export interface Convolution extends Layout {
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

/** Allocates the scratch memory of a convolution; all that is padding stays zero for ever. */
export function planConvolution(step: ConvStep, input: Tensor, output: Tensor): Convolution {
  const { kernelH, kernelW, padH, padW, groups } = step;
  const I = step.inChannels / groups;
  const O = step.outChannels / groups;
  const K = kernelH * kernelW;
  const layout = layOut(step, input, output);
  const { pitch, inputPlane, outputPlane } = layout;
  const phases = planPhases(step, input, layout);
  const inOrder = phases.flatMap((phase) => phase.weights);
  return {
    ...layout,
    pixels: Int32Array.from({ length: input.height * input.width }, (_, i) =>
      place(step, layout, Math.floor(i / input.width) + padH, (i % input.width) + padW),
    ),
    run: (output.height - 1) * pitch + output.width,
    taps: Int32Array.from({ length: I * K }, (_, t) => {
      const k = t % K;
      return (
        Math.floor(t / K) * inputPlane + place(step, layout, Math.floor(k / kernelW), k % kernelW)
      );
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

function layOut(step: ConvStep, input: Tensor, output: Tensor): Layout {
  const { kernelH, kernelW, stride, padH, padW } = step;
  const pitch = Math.max(Math.ceil((input.width + padW) / stride), output.width);
  const phaseSize = Math.ceil((input.height + 2 * padH) / stride) * pitch + kernelW;
  const margin = distance(step, pitch, kernelH - 1, kernelW - 1);
  const inputPlane = stride * stride * phaseSize;
  return { pitch, phaseSize, inputPlane, outputPlane: margin + phaseSize, margin };
}

/** From the start of its phase to padded pixel (y, x). */
function distance({ stride }: ConvStep, pitch: number, y: number, x: number): number {
  return Math.floor(y / stride) * pitch + Math.floor(x / stride);
}

function phaseOf({ stride }: ConvStep, y: number, x: number): number {
  return (y % stride) * stride + (x % stride);
}

/** Position of padded pixel (y, x) in an input plane. */
function place(step: ConvStep, { pitch, phaseSize }: Layout, y: number, x: number): number {
  return phaseOf(step, y, x) * phaseSize + distance(step, pitch, y, x);
}

function planPhases(step: ConvStep, input: Tensor, layout: Layout): Phase[] {
  const { kernelH, kernelW, stride, padH, groups } = step;
  const { pitch, margin, outputPlane } = layout;
  const K = kernelH * kernelW;
  const I = step.inChannels / groups;
  let firstTap = 0;
  return Array.from({ length: stride * stride }, (_, phase) => {
    const taps: number[] = [];
    const weights: number[] = [];
    for (let o = 0; o < step.outChannels / groups; o++) {
      for (let k = 0; k < K; k++) {
        const [ky, kx] = [Math.floor(k / kernelW), k % kernelW];
        if (phaseOf(step, ky, kx) !== phase) continue;
        taps.push(o * outputPlane + margin - distance(step, pitch, ky, kx));
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
}
