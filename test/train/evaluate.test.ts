import { describe, expect, it } from 'vitest';
import { channelStatistics } from '../../src/data/channel-statistics.ts';
import { openSynthetic } from '../../src/data/readers/synthetic.ts';
import type { Executor, KernelSet } from '../../src/kernels/contract.ts';
import { referenceKernels } from '../../src/kernels/reference.ts';
import { initializeModel, makeModel } from '../../src/model/model.ts';
import { namedNetwork } from '../../src/spec/named-networks.ts';
import { makeEvaluator } from '../../src/train/evaluate.ts';

const synthetic = { count: 8, testCount: 7, classes: 3, channels: 1, height: 8, width: 8 };

async function evaluate(kernels: KernelSet, batchSize: number, isStopped?: () => boolean) {
  const { test, train, classes } = openSynthetic(synthetic);
  const input = { channels: 1, height: 8, width: 8 };
  const spec = namedNetwork({ net: 'IGC-L2M2', depth: 5, input, classes: 3 });
  const model = makeModel(spec, kernels);
  initializeModel(model, 3);
  const statistics = channelStatistics(train);
  const evaluator = makeEvaluator(model, {
    name: 'test',
    set: test,
    classes,
    statistics,
    batchSize,
  });
  return evaluator.run(isStopped);
}

/** Kernels whose logits are given, row by row. */
function scripted(rows: readonly (readonly number[])[]): KernelSet {
  const reference = referenceKernels('float64');
  let next = 0;
  let count = 0;
  return {
    ...reference,
    instantiate: (plan) =>
      ({
        plan,
        setBatch: (_images, _labels, n) => {
          count = n;
        },
        takeParameters: () => {},
        forward: () => {},
        loss: () => 1,
        output: () => {
          next += count;
          return Float64Array.from(rows.slice(next - count, next).flat());
        },
        dispose: () => {},
      }) as Partial<Executor> as Executor,
  };
}

describe('an evaluation', () => {
  it('counts by class, with ties for the lower class and NaN never right', async () => {
    // Labels are 0 1 2 0 1 2 0.
    const rows = [
      [3, 1, 0],
      [0, 2, 1],
      [5, 1, 0],
      [1, 1, 0],
      [1, 1, 0],
      [0, 0, Number.NaN],
      [0, 0, 7],
    ];
    const result = (await evaluate(scripted(rows), 4))!;
    expect(result).toMatchObject({
      images: 7,
      loss: 1,
      top1: 300 / 7,
      k: 3,
      topK: 600 / 7,
      confusion: [
        [2, 0, 1],
        [1, 1, 0],
        [2, 0, 0],
      ],
    });
    expect(result.perClass).toEqual([
      { name: 'class0', images: 3, correct: 2, accuracy: 200 / 3 },
      { name: 'class1', images: 2, correct: 1, accuracy: 50 },
      { name: 'class2', images: 2, correct: 0, accuracy: 0 },
    ]);
  });

  it('is the same for every batch size, a short last batch included', async () => {
    const kernels = referenceKernels('float64');
    const one = (await evaluate(kernels, 1))!;
    for (const batchSize of [2, 4, 7, 400]) {
      const other = (await evaluate(kernels, batchSize))!;
      expect(other).toEqual({ ...one, loss: expect.closeTo(one.loss, 12) });
    }
  });

  it('stops between batches when it is asked to', async () => {
    let asked = 0;
    expect(await evaluate(referenceKernels('float32'), 2, () => ++asked > 2)).toBeUndefined();
    expect(asked).toBe(3);
  });
});
