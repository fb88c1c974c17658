/**
 * Whether gradients are summed while backward goes on. Where a core is free, or the network has a processor of its own, that
 * hides the sums; where the thread that sums takes the core of one that computes, it costs more than it hides. So `auto` tries
 * both ways in turns on the first steps and takes the one that was faster on the slowest rank.
 */
import { gatherNumbers, type Team } from '../team/team.ts';
import type { Overlap } from './team-step.ts';

export interface OverlapChoice {
  /** Of the step that is being taken, whose backward has so many parts. */
  isOverlapping(parts: number): boolean;
  /** Tells how long the step took. */
  took(timeMs: number): void;
}

/** Steps before the trial, which warm up, and of the trial. */
const [warmup, trial] = [4, 16];

export function overlapChoice(overlap: Overlap, team: Team): OverlapChoice {
  const timesMs: [off: number[], on: number[]] = [[], []];
  let decided = overlap === 'auto' ? undefined : overlap === 'on';
  let steps = 0;
  let current = false;
  return {
    isOverlapping(parts) {
      current = parts > 1 && (decided ?? steps % 2 === 1);
      return current;
    },
    took(timeMs) {
      if (decided !== undefined) return;
      if (steps++ >= warmup) timesMs[Number(current)]!.push(timeMs);
      if (steps < warmup + trial) return;
      decided = isFaster(timesMs, team);
    },
  };
}

/** Compares the medians of both ways, of each the slowest rank's; without tries of one, it is not. */
function isFaster([off, on]: readonly [readonly number[], readonly number[]], team: Team): boolean {
  const medians = gatherNumbers(team, [medianOf(off), medianOf(on)], 'the time of a step');
  const slowest = [0, 1].map((which) => Math.max(...medians.filter((_, i) => i % 2 === which)));
  return slowest[1]! < slowest[0]!;
}

function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.MAX_VALUE;
}
