/**
 * What more ranks would do, on paper, from the step and the sums of a few: weak scaling, every rank with as many images as
 * it was measured with.
 *
 * T(N) = T₁ + 2⌈log₂ N⌉·α + 2·(N − 1)/N·S/β: a step alone, then a reduce-scatter and an all-gather of S bytes, nothing
 * overlapping. α is the time of a sum of 8 bytes over two ranks, β the bytes of a large one by the time beyond α.
 * @source Thakur, Rabenseifner and Gropp, IJHPCA 2005, §4.5
 */
import type { TeamRankReport } from './team-rank.ts';

export interface ModelledTeam {
  readonly ranks: number;
  readonly stepsPerSecond: number;
  /** T₁/T(N) */
  readonly efficiency: number;
}

/** Latency and bandwidth as the sums of a report show them. */
export interface Link {
  readonly latencyMs: number;
  /** Bytes a millisecond. */
  readonly bandwidth: number;
}

/** By the smallest sum, and the one of 4 MiB. */
export function linkOf({ sums }: Pick<TeamRankReport, 'sums'>): Link {
  const latencyMs = sums[0]!.timeMs;
  const { bytes, timeMs } = sums.find((sum) => sum.bytes === 2 ** 22) ?? sums.at(-1)!;
  return { latencyMs, bandwidth: bytes / (timeMs - latencyMs) };
}

export function modelTeam(
  { aloneMs, bytes }: Pick<TeamRankReport, 'aloneMs' | 'bytes'>,
  { latencyMs, bandwidth }: Link,
  ranks: number,
): ModelledTeam {
  const rounds = 2 * Math.ceil(Math.log2(ranks));
  const sumMs = rounds * latencyMs + (2 * (ranks - 1) * bytes) / ranks / bandwidth;
  const stepMs = aloneMs + (ranks === 1 ? 0 : sumMs);
  return { ranks, stepsPerSecond: 1000 / stepMs, efficiency: aloneMs / stepMs };
}
