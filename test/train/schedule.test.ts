import { describe, expect, it } from 'vitest';
import { type ConfigOverrides, resolveConfig } from '../../src/train/config.ts';
import { learningRateAt, oldWeightAt, sameRates } from '../../src/train/schedule.ts';

const config = (schedule: ConfigOverrides['schedule'], epochs = 8) =>
  resolveConfig(undefined, { epochs, schedule, optimizer: { learningRate: 1 } });
const rates = (of: ReturnType<typeof config>, stepsPerEpoch: number) =>
  Array.from({ length: of.epochs * stepsPerEpoch }, (_, t) => learningRateAt(of, t, stepsPerEpoch));

describe('the learning rate', () => {
  it("drops at ⌊f·E·S⌋: the paper's 200, 300 and 350 of 400 epochs of 781 steps", () => {
    const paper = resolveConfig('paper-cifar');
    const at = (step: number) => learningRateAt(paper, step, 781);
    for (const [epoch, before, after] of [
      [200, 0.1, 0.01],
      [300, 0.01, 0.001],
      [350, 0.001, 0.0001],
    ] as const) {
      expect(at(epoch * 781 - 1)).toBeCloseTo(before, 12);
      expect(at(epoch * 781)).toBeCloseTo(after, 12);
    }
  });

  it('drops inside an epoch where the fractions say so', () => {
    const steps = rates(config({ milestones: [0.5], factor: 0.5 }, 1), 5);
    expect(steps).toEqual([1, 1, 0.5, 0.5, 0.5]);
  });

  it('falls along half a cosine to its final value in the last step', () => {
    const steps = rates(config({ kind: 'cosine', finalFactor: 0.1 }, 1), 5);
    expect(steps[0]).toBe(1);
    expect(steps[2]).toBeCloseTo(0.55, 12);
    expect(steps[4]).toBeCloseTo(0.1, 12);
  });

  it('rises and falls linearly in one cycle', () => {
    const one = config({ kind: 'one-cycle', startFactor: 0.2, peakAt: 0.4, finalFactor: 0 }, 2);
    const expected = [0.2, 0.4, 0.6, 0.8, 1, 0.8, 0.6, 0.4, 0.2, 0];
    for (const [t, rate] of rates(one, 5).entries()) expect(rate).toBeCloseTo(expected[t]!, 12);
  });

  it('is constant when it is told to be', () => {
    expect(new Set(rates(config({ kind: 'constant' }), 3))).toEqual(new Set([1]));
  });

  it('warms up linearly, and a cosine begins behind the warm-up', () => {
    const warm = config({ kind: 'constant', warmupEpochs: 1.5, warmupFrom: 0.4 }, 3);
    const expected = [0.4, 0.6, 0.8, 1, 1, 1];
    for (const [t, rate] of rates(warm, 2).entries()) expect(rate).toBeCloseTo(expected[t]!, 12);
    const cosine = rates(config({ kind: 'cosine', warmupEpochs: 1, warmupFrom: 0 }, 3), 2);
    expect(cosine.slice(0, 3)).toEqual([0, 0.5, 1]);
    expect(cosine.at(-1)).toBeCloseTo(0, 12);
  });

  it('is finite for a run of one step, whatever the schedule', () => {
    for (const kind of ['step', 'cosine', 'one-cycle', 'constant'] as const) {
      expect(rates(config({ kind }, 1), 1)).toEqual(
        [kind === 'step' ? 0.001 : 1].map((r) => (kind === 'step' ? expect.closeTo(r, 12) : r)),
      );
    }
  });

  it('tells whether a longer run would have had the same rates so far', () => {
    const [short, long] = [config({ kind: 'step' }, 8), config({ kind: 'step' }, 16)];
    expect(sameRates(short, long, 8, 2)).toBe(true);
    expect(sameRates(short, long, 9, 2)).toBe(false);
  });
});

it("weighs batch norm's old averages less in the first steps", () => {
  const weights = [0, 1, 9, 1000].map((t) => oldWeightAt({ ...bn, warm: true }, t));
  expect(weights).toEqual([1 / 10, 2 / 11, 10 / 19, 0.99]);
  expect(oldWeightAt({ ...bn, warm: false }, 0)).toBe(0.99);
});
const bn = { oldWeight: 0.99, epsilon: 2e-5 };
