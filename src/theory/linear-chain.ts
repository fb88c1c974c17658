/**
 * A convolution together with its weights, and how several in a row become one: the composite kernel of §3.1.
 * Rows are kept sparse while composing, so that wide blocks of many partitions stay cheap.
 * Letters: C_in, C_out channels; kernels are [out][in/groups][kernelH][kernelW] as everywhere.
 */
import { internalError, usageError } from '../core/errors.ts';
import type { ChannelMap } from '../core/permutation.ts';
import type { ConvOp, GraphNode } from '../spec/graph.ts';

/** Values of parameters by path: `stage1/block1/primary/weight`. */
export type NamedWeights = ReadonlyMap<string, ArrayLike<number>>;

/** A convolution with weights, without bias. */
export interface WeightedConv {
  readonly op: ConvOp;
  readonly inChannels: number;
  /** [out][in/groups][kernelH][kernelW] */
  readonly weight: Float64Array;
}

/** Convolutions and permutations in a row as one dense convolution. */
export interface Composite extends WeightedConv {
  /**
   * Rows and columns of the result, from each edge, where the dense convolution differs: it sees what a later spatial
   * kernel's zero padding hides. 0 and 0 where at most one kernel is wider than a pixel in either direction.
   */
  readonly margin: readonly [number, number];
}

/** One output channel: input channel → [kernelH][kernelW]. */
type SparseRow = ReadonlyMap<number, Float64Array>;

interface Composing {
  readonly rows: readonly SparseRow[];
  readonly kernel: readonly [number, number];
  readonly stride: number;
  readonly pad: readonly [number, number];
  readonly margin: readonly [number, number];
}

/**
 * The nodes, a chain that starts from `inChannels` channels, as one dense convolution.
 *
 * W = … P Wˢ Pᵀ Wᵖ; a kernel of k₂ taps and padding p₂ after one of k₁, p₁ and stride s₁ has k₁ + s₁(k₂ − 1) taps,
 * padding p₁ + s₁p₂ and stride s₁s₂.
 * @source paper eqs. (5) and (6)
 * Throws a usage error naming the node that is no linear map, or whose weights are missing.
 */
export function composeChain(
  nodes: readonly GraphNode[],
  inChannels: number,
  weights: NamedWeights,
): Composite {
  let composing: Composing = {
    rows: Array.from({ length: inChannels }, (_, c) => new Map([[c, Float64Array.of(1)]])),
    kernel: [1, 1],
    stride: 1,
    pad: [0, 0],
    margin: [0, 0],
  };
  for (const { path, op } of nodes) {
    switch (op.kind) {
      case 'permute':
        composing = { ...composing, rows: permuteRows(composing.rows, op.map) };
        break;
      case 'conv':
        composing = convolveRows(composing, op, weightOf(weights, `${path}/weight`, op, composing));
        break;
      default:
        throw usageError({
          path,
          rule: 'a composite kernel needs nothing but convolutions and permutations in between',
          got: op.kind,
          hint: 'only then is the block one convolution, eq. (6)',
        });
    }
  }
  return densify(composing, inChannels);
}

function weightOf(
  weights: NamedWeights,
  path: string,
  op: ConvOp,
  { rows }: Composing,
): ArrayLike<number> {
  const size = (op.outChannels * rows.length * op.kernel[0] * op.kernel[1]) / op.groups;
  const weight = weights.get(path);
  if (weight?.length === size) return weight;
  throw usageError({
    path,
    rule: `must have ${size} weights`,
    got: weight === undefined ? 'none' : `${weight.length}`,
  });
}

function permuteRows(rows: readonly SparseRow[], map: ChannelMap): readonly SparseRow[] {
  return map.map((c) => rows[c]!);
}

function convolveRows(before: Composing, op: ConvOp, weight: ArrayLike<number>): Composing {
  const { kernel, stride, pad } = before;
  const size = (axis: 0 | 1) => kernel[axis] + stride * (op.kernel[axis] - 1);
  // A row beyond the edge of what came before is 0, as the padding says, unless a wider kernel reaches back over it.
  const hidden = (axis: 0 | 1) => (kernel[axis] === 1 ? 0 : op.pad[axis]);
  const margin = (axis: 0 | 1) => Math.ceil((before.margin[axis] + hidden(axis)) / op.stride);
  const perGroup = before.rows.length / op.groups;
  const outPerGroup = op.outChannels / op.groups;
  const taps = op.kernel[0] * op.kernel[1];
  const places = tapPlaces(before, op);
  const outTaps = size(0) * size(1);
  const rows = Array.from({ length: op.outChannels }, (_, out) => {
    const first = Math.floor(out / outPerGroup) * perGroup;
    const row = new Map<number, Float64Array>();
    for (let i = 0; i < perGroup; i++) {
      const start = (out * perGroup + i) * taps;
      for (const [channel, source] of before.rows[first + i]!) {
        const sum = row.get(channel) ?? new Float64Array(outTaps);
        row.set(channel, sum);
        addTaps(sum, source, places, (tap) => weight[start + tap]!);
      }
    }
    return row;
  });
  return {
    rows,
    kernel: [size(0), size(1)],
    stride: stride * op.stride,
    pad: [pad[0] + stride * op.pad[0], pad[1] + stride * op.pad[1]],
    margin: [margin(0), margin(1)],
  };
}

/** Where tap t of a row so far, seen by tap u of the next kernel, lies in the composed one: [u][t]. */
function tapPlaces({ kernel, stride }: Composing, op: ConvOp): readonly Int32Array[] {
  const [height, width] = kernel;
  const outWidth = width + stride * (op.kernel[1] - 1);
  return Array.from({ length: op.kernel[0] * op.kernel[1] }, (_, u) => {
    const [y, x] = [Math.floor(u / op.kernel[1]), u % op.kernel[1]];
    return Int32Array.from({ length: height * width }, (_, t) => {
      return (stride * y + Math.floor(t / width)) * outWidth + stride * x + (t % width);
    });
  });
}

function addTaps(
  sum: Float64Array,
  source: Float64Array,
  places: readonly Int32Array[],
  factorOf: (tap: number) => number,
): void {
  for (const [u, at] of places.entries()) {
    const factor = factorOf(u);
    for (let t = 0; t < at.length; t++) sum[at[t]!]! += factor * source[t]!;
  }
}

function densify({ rows, kernel, stride, pad, margin }: Composing, inChannels: number): Composite {
  const taps = kernel[0] * kernel[1];
  const weight = new Float64Array(rows.length * inChannels * taps);
  for (const [out, row] of rows.entries()) {
    for (const [channel, values] of row) {
      if (values.length !== taps) throw internalError('a composite row of another size');
      weight.set(values, (out * inChannels + channel) * taps);
    }
  }
  const op: ConvOp = { kind: 'conv', outChannels: rows.length, groups: 1, kernel, stride, pad };
  return { op, inChannels, weight, margin };
}
