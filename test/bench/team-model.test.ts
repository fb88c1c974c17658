/** The model on paper of many ranks. */
import { describe, expect, it } from 'vitest';
import { linkOf, modelTeam } from '../../src/bench/team-model.ts';

const sums = [
  { bytes: 8, timeMs: 0.02 },
  { bytes: 2 ** 22, timeMs: 2.02 },
];

describe('the model', () => {
  it('takes latency and bandwidth from sums', () => {
    expect(linkOf({ sums })).toEqual({ latencyMs: 0.02, bandwidth: 2 ** 21 });
  });

  it.each([
    [1, 50],
    [2, 50 + 2 * 0.02 + 4],
    [8, 50 + 6 * 0.02 + 7],
    [512, 50 + 18 * 0.02 + (2 * 511 * 4) / 512],
  ])('of %s ranks is the step and a sum of 8 MiB', (ranks, stepMs) => {
    const { stepsPerSecond, efficiency } = modelTeam(
      { aloneMs: 50, bytes: 2 ** 23 },
      linkOf({ sums }),
      ranks,
    );
    expect(stepsPerSecond).toBeCloseTo(1000 / stepMs, 10);
    expect(efficiency).toBeCloseTo(50 / stepMs, 10);
  });
});
