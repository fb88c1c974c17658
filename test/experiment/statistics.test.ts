import { describe, expect, it } from 'vitest';
import { sampleOf, studentTail, welchTest } from '../../src/experiment/statistics.ts';

describe('a sample', () => {
  it('has the mean, and the deviation divided by n − 1', () => {
    expect(sampleOf([])).toBeUndefined();
    expect(sampleOf([3])).toEqual({ n: 1, mean: 3, deviation: null });
    const { n, mean, deviation } = sampleOf([90.1, 90.5, 89.9])!;
    expect([n, mean]).toEqual([3, expect.closeTo(90.16666666666667, 12)]);
    expect(deviation).toBeCloseTo(0.3055050463303884, 12); // numpy.std(ddof=1)
  });
});

describe('the tail of Student’s distribution', () => {
  /** @source scipy.stats.t.sf, SciPy 1.10 */
  it.each([
    [0, 1, 0.5],
    [1, 1, 0.25],
    [1, 4, 0.1869504831500295],
    [2.5, 3.7, 0.035911011455913376],
    [-2.5, 3.7, 0.9640889885440866],
    [10, 2, 0.004926228511662846],
    [0.3, 100, 0.3823999401501518],
    [4, 8, 0.001974886401722661],
    [40, 8, 8.392859439572887e-11],
    [-0.001, 1.5, 0.5003407348866401],
    [3, 10000, 0.0013532240949988318],
    [1e-8, 5, 0.4999999962039331],
  ])('beyond t = %s with %s degrees of freedom is %s', (t, df, expected) => {
    expect(Math.abs(studentTail(t, df) / expected - 1)).toBeLessThan(1e-9);
  });
});

describe('Welch’s one-sided test', () => {
  /** @source scipy.stats.ttest_ind(equal_var=False, alternative='greater'), SciPy 1.10 */
  it.each([
    [[90.1, 90.5, 89.9], [89.2, 89.6], 2.875000000000038, 0.041020800675232144],
    [[1, 2, 3, 4], [2.5, 2.6, 2.4, 2.7, 2.2], 0.03071234144434818, 0.4886830447605761],
  ])('of %j against %j gives t and p as SciPy does', (a, b, t, p) => {
    const test = welchTest(sampleOf(a)!, sampleOf(b)!)!;
    expect(test.t).toBeCloseTo(t, 9);
    expect(test.p).toBeCloseTo(p, 9);
  });

  it('says nothing of fewer than two runs a side, or of runs that do not vary', () => {
    const [one, two, same] = [[90], [90, 91], [80, 80]].map((values) => sampleOf(values)!);
    expect(welchTest(one!, two!)).toBeUndefined();
    expect(welchTest(two!, one!)).toBeUndefined();
    expect(welchTest(same!, same!)).toBeUndefined();
    expect(welchTest(two!, same!)?.difference).toBe(10.5);
  });
});
