/**
 * Interleaved rounds: everybody is measured once a round, one after the other, so that a machine that slows down or
 * speeds up does so for all. A first round warms up: compilers compile, caches fill.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { median } from './timing.ts';

/** Somebody who is measured. */
export interface Contender {
  readonly who: string;
  /** Milliseconds of each of `steps` steps, or the reason for which there are none. */
  time(steps: number): Promise<readonly number[] | string> | readonly number[];
  /** What the machine reaches just now; asked right before and right after. */
  peak?(): number;
}

export interface RoundOptions {
  readonly rounds: number;
  /** Milliseconds that one contender may take of a round; at least one step is done. */
  readonly budgetMs: number;
  /** What else is measured in every round. */
  readonly between?: () => void;
}

export interface Measured {
  /** Milliseconds per step, the median of each round, by contender. */
  readonly times: Readonly<Record<string, readonly number[]>>;
  /** The machine's peak beside those times, the higher one of before and after, where a contender asks for it. */
  readonly peaks: Readonly<Record<string, readonly number[]>>;
  /** Who cannot run, and why. */
  readonly failed: Readonly<Record<string, string>>;
}

/** Threads of OpenMP and others spin for a while when idle; nobody is measured beside the other's. */
const settleMs = 300;

export async function measureRounds(
  contenders: readonly Contender[],
  { rounds, budgetMs, between }: RoundOptions,
): Promise<Measured> {
  const failed: Record<string, string> = {};
  const entries = [];
  for (const contender of contenders) {
    await sleep(settleMs);
    const steps = await warmUp(contender, budgetMs);
    if (typeof steps === 'string') failed[contender.who] = steps;
    else entries.push({ ...contender, steps, ms: [] as number[], peaks: [] as number[] });
  }
  for (let round = 0; round < rounds; round++) {
    if (between) {
      await sleep(settleMs);
      between();
    }
    for (const { who, time, peak, steps, ms, peaks } of entries) {
      await sleep(settleMs);
      const before = peak?.();
      const taken = await time(steps);
      const after = peak?.();
      if (typeof taken === 'string') throw new Error(`${who}: ${taken}`);
      ms.push(median(taken));
      if (before !== undefined && after !== undefined) peaks.push(Math.max(before, after));
    }
  }
  return {
    times: Object.fromEntries(entries.map(({ who, ms }) => [who, ms])),
    peaks: Object.fromEntries(entries.map(({ who, peaks }) => [who, peaks])),
    failed,
  };
}

/** How many steps fit into the budget, told by the second step; the first may compile. */
async function warmUp({ time }: Contender, budgetMs: number): Promise<number | string> {
  const first = await time(1);
  if (typeof first === 'string') return first;
  if (first[0]! > 4 * budgetMs) return 1;
  const again = await time(1);
  if (typeof again === 'string') return again;
  return Math.max(1, Math.min(50, Math.floor(budgetMs / again[0]!)));
}
