import { describe, expect, it } from 'vitest';
import { type ConfigOverrides, resolveConfig } from '../../src/train/config.ts';
import { findLearningRate } from '../../src/train/find-learning-rate.ts';
import { collect, smallRun, smallTask, temporaryFolder } from './small-run.ts';

const config = (overrides: ConfigOverrides = {}) =>
  resolveConfig(undefined, { ...smallRun, ...overrides });

describe('a learning-rate range test', () => {
  it('raises the rate exponentially, and goes over the epochs that it takes', async () => {
    const { points } = await findLearningRate(config(), { from: 1e-3, to: 1e-1, steps: 21 });
    expect(points).toHaveLength(21); // 3.5 epochs
    for (const [t, { learningRate }] of points.entries()) {
      expect(learningRate).toBeCloseTo(1e-3 * 10 ** (t / 10), 12);
    }
  });

  it('begins with the weights and the batches of a training', async () => {
    const { points } = await findLearningRate(config(), { steps: 20, from: 0.05, to: 0.0500001 });
    const schedule = { kind: 'constant' } as const;
    const { events } = await collect(smallTask(temporaryFolder(), { schedule }));
    const losses = events.flatMap((event) => (event.kind === 'step' ? [event.loss] : []));
    expect(losses.length).toBe(18);
    for (const [i, loss] of losses.slice(0, 5).entries()) {
      expect(points[i]!.loss).toBeCloseTo(loss, 4);
    }
  });

  it('suggests a rate that learns, a tenth of the one with the lowest loss', async () => {
    const found = await findLearningRate(config(), { steps: 120 });
    const lowest = found.points.reduce((a, b) => (b.smoothed < a.smoothed ? b : a));
    expect(found.lowest).toBe(lowest.learningRate);
    expect(found.suggestion).toBe(lowest.learningRate / 10);
    expect(found.steepest).toBeLessThanOrEqual(found.lowest);
    const run = async (learningRate: number) => {
      const task = smallTask(temporaryFolder(), { epochs: 12, optimizer: { learningRate } });
      const { events } = await collect(task);
      const done = events.find((event) => event.kind === 'done');
      return done!.summary.testAccuracy;
    };
    expect(await run(found.suggestion!)).toBeGreaterThan(90);
    expect(await run(1e-4)).toBeLessThan(70);
  });

  it('ends when the loss explodes, and else says that it did not', async () => {
    const high = await findLearningRate(config(), { steps: 200, to: 1e6 });
    expect(high.exploded).toBe(true);
    expect(high.points.length).toBeLessThan(200);
    const low = await findLearningRate(config(), { steps: 20, to: 1e-3 });
    expect(low.exploded).toBe(false);
    expect(low.points).toHaveLength(20);
  });

  it('suggests nothing when no rate lowered the loss', async () => {
    const { suggestion } = await findLearningRate(config(), { steps: 20, from: 1e-9, to: 1e-8 });
    expect(suggestion).toBeNull();
  });

  it('says that a loss which is not finite from the start cannot be tested', async () => {
    const data = { ...smallRun.data, statistics: { mean: [0], std: [1e-40] } };
    await expect(findLearningRate(config({ data }), { steps: 20 })).rejects.toMatchObject({
      kind: 'diverged',
      message: expect.stringMatching(
        /^find-lr: the loss of the first step must be finite, got (NaN|Infinity)$/,
      ),
    });
  });

  it.each([
    [{ from: 0 }, 'from: must be above 0 and below the last rate, got from=0 to=10'],
    [{ from: 1, to: 0.5 }, 'from: must be above 0 and below the last rate, got from=1 to=0.5'],
    [{ to: Number.POSITIVE_INFINITY }, 'from: must be above 0'],
    [{ steps: 19 }, 'steps: must be a whole number of at least 20, got 19'],
    [{ steps: 30.5 }, 'steps: must be a whole number of at least 20, got 30.5'],
  ])('refuses %o', async (test, message) => {
    await expect(findLearningRate(config(), test)).rejects.toThrow(message);
  });

  it('stops when asked', async () => {
    const signal = AbortSignal.abort();
    await expect(findLearningRate(config(), { signal })).rejects.toMatchObject({
      kind: 'interrupted',
    });
  });
});
