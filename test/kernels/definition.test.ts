/**
 * What the definition says of small numbers worked out by hand; other kernel sets are compared with
 * it.
 */
import { describe, expect, test } from 'vitest';
import type { BatchMix, ModelArrays } from '../../src/kernels/contract.ts';
import { makePlan } from '../../src/plan/make-plan.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { graphOf } from './cases.ts';
import { definition } from './kernel-sets.ts';

function modelOf(plan: Plan, parameters: readonly number[], state: readonly number[]): ModelArrays {
  return {
    parameters: Float64Array.from(parameters),
    gradients: new Float64Array(plan.parameterSize),
    momentum: new Float64Array(plan.parameterSize),
    state: Float64Array.from(state),
  };
}

describe('batch norm', () => {
  const graph = graphOf([1, 1, 2], (graph, x) => graph.add('bn', { kind: 'batchNorm' }, x));
  const [gamma, beta] = [2, 10];
  const images = Float64Array.of(1, 3, 5, 7, 10, 10, 20, 20);

  test('normalises each replica by its own mean and biased variance', () => {
    const plan = makePlan(graph, { batch: 4, replicas: 2, training: true, epsilon: 0 });
    const executor = definition.instantiate(plan, modelOf(plan, [gamma, beta], [0, 0]));
    executor.setBatch(images, new Int32Array(4), 4);
    executor.forward({ oldWeight: 0 });
    // Replica 1: mean 4, variance (9 + 1 + 1 + 9) / 4 = 5; replica 2: mean 15, variance 25.
    const first = [1, 3, 5, 7].map((x) => beta + (gamma * (x - 4)) / Math.sqrt(5));
    const second = [10, 10, 20, 20].map((x) => beta + (gamma * (x - 15)) / 5);
    const want = [...first, ...second];
    for (const [i, value] of executor.output().entries()) expect(value).toBeCloseTo(want[i]!, 12);
  });

  test('updates its running averages once, by the mean of the replicas’ unbiased statistics', () => {
    const plan = makePlan(graph, { batch: 4, replicas: 2, training: true });
    const model = modelOf(plan, [gamma, beta], [100, 1000]);
    const executor = definition.instantiate(plan, model);
    executor.setBatch(images, new Int32Array(4), 4);
    executor.forward({ oldWeight: 0.75 });
    // Unbiased variances 20/3 and 100/3.
    expect(model.state[0]).toBeCloseTo(0.75 * 100 + (0.25 * (4 + 15)) / 2, 12);
    expect(model.state[1]).toBeCloseTo(0.75 * 1000 + (0.25 * (20 / 3 + 100 / 3)) / 2, 12);
  });

  test('uses its running averages in inference and leaves them alone', () => {
    const plan = makePlan(graph, { batch: 1, training: false, epsilon: 1 });
    const model = modelOf(plan, [gamma, beta], [100, 8]);
    const executor = definition.instantiate(plan, model);
    executor.setBatch(Float64Array.of(100, 106), new Int32Array(1), 1);
    executor.forward({ oldWeight: 0.75 });
    expect(Array.from(executor.output())).toEqual([10, 14]);
    expect(Array.from(model.state)).toEqual([100, 8]);
  });
});

describe('the loss', () => {
  const graph = graphOf([4, 1, 1], (graph, x) =>
    graph.add('loss', { kind: 'softmaxCrossEntropy' }, x),
  );
  /** Softmax of ln p is p. */
  const probabilities = [
    [0.1, 0.2, 0.3, 0.4],
    [0.25, 0.25, 0.25, 0.25],
  ];
  const logits = Float64Array.from(probabilities.flat(), Math.log);
  const labels = Int32Array.of(2, 0);

  function run(smoothing: number, mix?: BatchMix) {
    const options = { batch: 2, training: true, inputGradient: true, smoothing } as const;
    const plan = makePlan(graph, options);
    const executor = definition.instantiate(plan, modelOf(plan, [], []));
    executor.setBatch(logits, labels, 2, mix);
    executor.forward({ oldWeight: 0 });
    executor.backward();
    return executor;
  }

  test('is the mean of −log p of the labels', () => {
    const executor = run(0);
    expect(executor.losses()[0]).toBeCloseTo(-Math.log(0.3), 12);
    expect(executor.loss()).toBeCloseTo(-(Math.log(0.3) + Math.log(0.25)) / 2, 12);
  });

  test('gives smoothing s / classes of the weight to every class', () => {
    const weights = [0.05, 0.05, 0.85, 0.05];
    const want = -weights.reduce((sum, t, k) => sum + t * Math.log(probabilities[0]![k]!), 0);
    expect(run(0.2).losses()[0]).toBeCloseTo(want, 12);
  });

  test('has the gradient (p − t) / batch', () => {
    const gradient = run(0.2).readGradient(0);
    const want = [0.1 - 0.05, 0.2 - 0.05, 0.3 - 0.85, 0.4 - 0.05].map((d) => d / 2);
    for (const [k, value] of want.entries()) expect(gradient[k]).toBeCloseTo(value, 12);
  });

  test('wants two classes of a mixed image, each by its weight, before smoothing', () => {
    const mix = { partners: Int32Array.of(1, 0), weights: Float32Array.of(0.75, 0.5) };
    const weights = [0.05, 0.25, 0.65, 0.05];
    const want = -weights.reduce((sum, t, k) => sum + t * Math.log(probabilities[0]![k]!), 0);
    const executor = run(0.2, mix);
    expect(executor.losses()[0]).toBeCloseTo(want, 12);
    const gradient = executor.readGradient(0);
    for (const [k, t] of weights.entries()) {
      expect(gradient[k]).toBeCloseTo((probabilities[0]![k]! - t) / 2, 12);
    }
    expect(executor.losses()[1]).toBeCloseTo(run(0.2).losses()[1]!, 14);
  });

  test('does not overflow for logits of thousands', () => {
    const plan = makePlan(graph, { batch: 1, training: false });
    const executor = definition.instantiate(plan, modelOf(plan, [], []));
    executor.setBatch(Float64Array.of(5000, 0, -5000, 4000), Int32Array.of(3), 1);
    executor.forward({ oldWeight: 0 });
    expect(executor.loss()).toBe(1000);
  });

  test('is NaN when a logit is', () => {
    const plan = makePlan(graph, { batch: 1, training: false });
    const executor = definition.instantiate(plan, modelOf(plan, [], []));
    executor.setBatch(Float64Array.of(1, Number.NaN, 2, 3), Int32Array.of(0), 1);
    executor.forward({ oldWeight: 0 });
    expect(executor.loss()).toBeNaN();
  });
});
