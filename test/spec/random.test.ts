/**
 * Named random streams: golden values, so that seeds mean the same for ever, and their statistics.
 */
import { describe, expect, test } from 'vitest';
import {
  type RandomStream,
  shuffledIndices,
  stream,
  symmetricBeta,
} from '../../src/core/random.ts';

const draws = 100_000;
const many = (draw: () => number, n = draws) => Array.from({ length: n }, draw);
const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

function moment(values: readonly number[], power: number): number {
  const center = mean(values);
  return mean(values.map((value) => (value - center) ** power));
}

function correlation(a: readonly number[], b: readonly number[]): number {
  const [meanA, meanB] = [mean(a), mean(b)];
  const covariance = mean(a.map((value, i) => (value - meanA) * (b[i]! - meanB)));
  return covariance / Math.sqrt(moment(a, 2) * moment(b, 2));
}

/** Four standard deviations of a mean of that many values of deviation 1. */
const fourSigma = 4 / Math.sqrt(draws);

describe('a stream', () => {
  test('gives the same numbers for ever', () => {
    const random = stream(7, 'init/stage1/block1/primary', 3);
    expect([random.bits(), random.bits(), random.bits()]).toEqual([
      1715699982, 352415881, 3842966094,
    ]);
    expect([random.uniform(), random.integer(10), random.normal(), random.normal()]).toEqual([
      0.11526503258380516, 0, -0.0804882018682706, 0.20510968448362144,
    ]);
  });

  test('differs by seed, by name and by index', () => {
    const first = (random: RandomStream) => [random.bits(), random.bits()].join();
    const streams = [
      stream(1, 'a'),
      stream(2, 'a'),
      stream(1, 'b'),
      stream(1, 'a', 0),
      stream(1, 'a', 1),
      stream(1, 'a', 0, 1),
      stream(1 + 2 ** 32, 'a'),
      stream(-1, 'a'),
    ];
    expect(new Set(streams.map(first)).size).toBe(streams.length);
  });

  test('is uniform in [0, 1)', () => {
    const random = stream(1, 'uniform');
    const values = many(() => random.uniform());
    expect(Math.min(...values.slice(0, 50_000))).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values.slice(0, 50_000))).toBeLessThan(1);
    expect(Math.abs(mean(values) - 1 / 2)).toBeLessThan(fourSigma / Math.sqrt(12));
    expect(Math.abs(moment(values, 2) - 1 / 12)).toBeLessThan(fourSigma / Math.sqrt(180));
  });

  test('has normal values of mean 0, variance 1, no skew and kurtosis 3', () => {
    const random = stream(1, 'normal');
    const values = many(() => random.normal());
    expect(Math.abs(mean(values))).toBeLessThan(fourSigma);
    expect(Math.abs(moment(values, 2) - 1)).toBeLessThan(fourSigma * Math.sqrt(2));
    expect(Math.abs(moment(values, 3))).toBeLessThan(fourSigma * Math.sqrt(15));
    expect(Math.abs(moment(values, 4) - 3)).toBeLessThan(fourSigma * Math.sqrt(96));
  });

  test.each([2, 7, 10, 1000])('has integers below %d, each as often as another', (n) => {
    const random = stream(1, 'integer', n);
    const counts = new Array<number>(n).fill(0);
    for (let i = 0; i < draws; i++) counts[random.integer(n)]!++;
    expect(counts).toHaveLength(n);
    const expected = draws / n;
    const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // χ² has mean n − 1 and variance 2(n − 1).
    expect(Math.abs(chiSquare - (n - 1))).toBeLessThan(4 * Math.sqrt(2 * (n - 1)) + 4);
  });

  test('is independent of neighbouring seeds, names, indices and of its own past', () => {
    const values = (random: RandomStream) => many(() => random.uniform());
    const base = values(stream(1, 'init/stage1', 5));
    for (const other of [
      stream(2, 'init/stage1', 5),
      stream(1, 'init/stage2', 5),
      stream(1, 'init/stage1', 6),
    ]) {
      expect(Math.abs(correlation(base, values(other)))).toBeLessThan(fourSigma);
    }
    expect(Math.abs(correlation(base.slice(1), base.slice(0, -1)))).toBeLessThan(fourSigma);
  });

  test('is independent of streams with the next index, draw by draw', () => {
    const firsts = many((): number => 0, 20_000).map((_, i) => stream(3, 'augment', i).uniform());
    expect(Math.abs(mean(firsts) - 1 / 2)).toBeLessThan(4 / Math.sqrt(12 * 20_000));
    const lag = correlation(firsts.slice(1), firsts.slice(0, -1));
    expect(Math.abs(lag)).toBeLessThan(4 / Math.sqrt(20_000));
  });
});

describe('shuffled indices', () => {
  test('are a permutation', () => {
    for (const n of [0, 1, 2, 1000]) {
      const order = shuffledIndices(stream(1, 'shuffle'), n);
      expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
    }
  });

  test('have every order of three equally often', () => {
    const random = stream(1, 'orders');
    const counts = new Map<string, number>();
    for (let i = 0; i < 6000; i++) {
      const order = shuffledIndices(random, 3).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(4 * 29);
  });
});

describe('Beta(α, α)', () => {
  // Of Beta(α, α): mean 1/2, variance 1 / (4(2α + 1)).
  test.each([0.2, 0.5, 1, 4])('of α=%d has its mean and variance, within [0, 1]', (alpha) => {
    const random = stream(3, 'beta', 10 * alpha);
    const values = many(() => symmetricBeta(random, alpha));
    const variance = 1 / (4 * (2 * alpha + 1));
    expect(Math.abs(mean(values) - 0.5)).toBeLessThan(fourSigma * Math.sqrt(variance));
    expect(Math.abs(moment(values, 2) - variance)).toBeLessThan(fourSigma * variance * 2);
    for (const value of values.slice(0, 20_000)) {
      if (!(value >= 0 && value <= 1)) throw new Error(`${value}`);
    }
  });

  test('of a tiny α is 0 or 1', () => {
    const random = stream(3, 'tiny beta');
    const values = many(() => symmetricBeta(random, 1e-4), 200);
    for (const value of values) expect(Math.min(value, 1 - value)).toBeLessThan(1e-9);
  });
});
