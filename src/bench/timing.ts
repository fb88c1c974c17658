/** Medians and spreads of interleaved timings. */

/** Median of a non-empty list. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Images per second: the median over the rounds, and the slowest and fastest round. */
export interface Rate {
  readonly median: number;
  readonly slowest: number;
  readonly fastest: number;
}

/** From milliseconds per step of `batch` images, one per round. */
export function rateOf(stepMs: readonly number[], batch: number): Rate {
  const rates = stepMs.map((ms) => (batch / ms) * 1000);
  return { median: median(rates), slowest: Math.min(...rates), fastest: Math.max(...rates) };
}

/** Milliseconds that an action takes. */
export function timeOf(action: () => void): number {
  const began = performance.now();
  action();
  return performance.now() - began;
}
