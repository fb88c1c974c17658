/** §4 of the paper on random weights: both sides of every construction through the float64 kernels. */
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { type RandomStream, stream } from '../../src/core/random.ts';
import { runGraph } from '../../src/kernels/run-graph.ts';
import type { ConvOp } from '../../src/spec/graph.ts';
import {
  type Equivalence,
  groupAsIgc,
  igcAsRegular,
  regularAsIgc,
  singlePartitionAsRegular,
  sumFusionAsIgc,
  xceptionAsIgc,
} from '../../src/theory/equivalences.ts';
import type { WeightedConv } from '../../src/theory/linear-chain.ts';
import { nmse } from '../kernels/trial.ts';
import { tolerances } from '../tolerances.ts';

const size = { height: 5, width: 4 } as const;
const count = (max: number) => fc.integer({ min: 1, max });
const side = fc.constantFrom(1, 3, 5);
const options = { seed: 1, numRuns: 60 } as const;

function normals(random: RandomStream, length: number): Float64Array {
  return Float64Array.from({ length }, () => random.normal());
}

interface ConvShape {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly groups?: number;
  readonly K: number;
  readonly stride?: number;
}

function randomConv(random: RandomStream, shape: ConvShape): WeightedConv {
  const { inChannels, outChannels, groups = 1, K, stride = 1 } = shape;
  const pad = (K - 1) / 2;
  const op: ConvOp = { kind: 'conv', outChannels, groups, kernel: [K, K], pad: [pad, pad], stride };
  return { op, inChannels, weight: normals(random, (outChannels * inChannels * K * K) / groups) };
}

/** Both sides, on two random images; the NMSE bound is 1e8 times stricter than needed. */
function expectEqualOutputs({ module, igc }: Equivalence, random: RandomStream): void {
  const { channels, height, width } = igc.graph.nodes[0]!.shape;
  const images = normals(random, 2 * channels * height * width);
  const error = nmse(runGraph(igc, images), runGraph(module, images));
  expect(error).toBeLessThanOrEqual(tolerances.conformanceFloat64);
}

test('a regular convolution is an IGC block of L = r² partitions, eqs. (17)–(20)', () => {
  fc.assert(
    fc.property(count(4), count(4), count(4), side, count(2), (r, outPart, inPart, K, stride) => {
      const random = stream(1, 'regular', r, outPart, inPart, K, stride);
      const shape = { inChannels: r * inPart, outChannels: r * outPart, K, stride };
      expectEqualOutputs(regularAsIgc(randomConv(random, shape), r * r, size), random);
    }),
    options,
  );
});

test('its secondary kernel for L = 4 is the paper’s, eq. (20)', () => {
  const conv = randomConv(stream(1, 'eq 20'), { inChannels: 2, outChannels: 2, K: 3 });
  const { igc } = regularAsIgc(conv, 4, size);
  expect(Array.from(igc.weights.get('secondary/weight')!)).toEqual([
    1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1,
  ]);
  // diag(W₁₁, W₁₂, W₂₁, W₂₂), eq. (18): with one channel a part, W in memory order
  expect(igc.weights.get('primary/weight')).toEqual(conv.weight);
});

test('summation fusion is an IGC block whose secondary kernels are all ones, eqs. (21) and (22)', () => {
  fc.assert(
    fc.property(count(6), count(5), count(4), side, count(2), (L, M, channels, K, stride) => {
      const random = stream(1, 'sumFusion', L, M, channels, K, stride);
      const conv = randomConv(random, { inChannels: L * channels, outChannels: M, K, stride });
      const equivalence = sumFusionAsIgc(conv, L, size);
      expect(new Set(Array.from(equivalence.igc.weights.get('secondary/weight')!))).toEqual(
        new Set([1]),
      );
      expectEqualOutputs(equivalence, random);
    }),
    options,
  );
});

test('the Xception module is the IGC block with M = 1', () => {
  fc.assert(
    fc.property(count(12), side, count(2), (L, K, stride) => {
      const random = stream(1, 'xception', L, K, stride);
      const shape = { inChannels: L, outChannels: L, groups: L, K, stride };
      const secondary = normals(random, L * L);
      expectEqualOutputs(xceptionAsIgc(randomConv(random, shape), secondary, size), random);
    }),
    options,
  );
});

test('a group convolution is the IGC block with Wˢ = I', () => {
  fc.assert(
    fc.property(count(6), count(4), count(4), side, (L, M, inPart, K) => {
      const random = stream(1, 'group', L, M, inPart, K);
      const shape = { inChannels: L * inPart, outChannels: L * M, groups: L, K };
      expectEqualOutputs(groupAsIgc(randomConv(random, shape), size), random);
    }),
    options,
  );
});

test('the IGC block with L = 1 is a regular convolution with a weight per channel', () => {
  fc.assert(
    fc.property(count(8), count(6), side, (M, inChannels, K) => {
      const random = stream(1, 'L = 1', M, inChannels, K);
      const conv = randomConv(random, { inChannels, outChannels: M, K });
      const equivalence = singlePartitionAsRegular(conv, normals(random, M), size);
      expectEqualOutputs(equivalence, random);
    }),
    options,
  );
});

test('any IGC block is one dense convolution, eqs. (5) and (6)', () => {
  fc.assert(
    fc.property(count(6), count(5), count(3), side, count(2), (L, M, inPart, K, stride) => {
      const random = stream(1, 'dense', L, M, inPart, K, stride);
      const shape = { inChannels: L * inPart, outChannels: L * M, groups: L, K, stride };
      const secondary = normals(random, M * L * L);
      const equivalence = igcAsRegular(randomConv(random, shape), secondary, size);
      expect(equivalence.module.graph.nodes.at(-1)!.op).toMatchObject({ kind: 'conv', groups: 1 });
      expectEqualOutputs(equivalence, random);
    }),
    options,
  );
});

describe('a construction refuses', () => {
  const random = stream(1, 'refuses');
  const dense = randomConv(random, { inChannels: 6, outChannels: 4, K: 3 });

  it.each([
    [
      6,
      'L: must be the square of an integer for a regular convolution as IGC, eq. (17), got 6; nearest are 4 and 9',
    ],
    [
      0,
      'L: must be the square of an integer for a regular convolution as IGC, eq. (17), got 0; nearest are 1 and 4',
    ],
    [
      2.25,
      'L: must be the square of an integer for a regular convolution as IGC, eq. (17), got 2.25; nearest are 1 and 4',
    ],
    [9, 'outChannels: must be divisible by 3, got 4; nearest are 3 and 6'],
    [16, 'inChannels: must be divisible by 4, got 6; nearest are 4 and 8'],
    [64, 'inChannels: must be divisible by 8, got 6; nearest are 8'],
  ])('a regular convolution of 6 → 4 channels in L = %d', (L, message) => {
    expect(() => regularAsIgc(dense, L, size)).toThrow(message);
  });

  it('grouped convolutions where one group is meant', () => {
    const grouped = randomConv(random, { inChannels: 4, outChannels: 4, groups: 2, K: 3 });
    const message = 'must be a convolution of one group, got groups=2';
    expect(() => regularAsIgc(grouped, 4, size)).toThrow(`regular: ${message}`);
    expect(() => sumFusionAsIgc(grouped, 2, size)).toThrow(`sumFusion: ${message}`);
    expect(() => singlePartitionAsRegular(grouped, new Float64Array(4), size)).toThrow(
      `primary: ${message}`,
    );
    expect(() => xceptionAsIgc(grouped, new Float64Array(16), size)).toThrow(
      'channelWise: must have one group and one output per channel, got channels=4 groups=2 outChannels=4',
    );
  });

  it('branches that do not divide the inputs', () => {
    expect(() => sumFusionAsIgc(dense, 4, size)).toThrow(
      'inChannels: must be divisible by 4, got 6; nearest are 4 and 8',
    );
  });
});
