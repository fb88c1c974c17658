/**
 * Is every kernel set the same function? Each case of the table on each set, folded and not, in
 * training and in inference, against the float64 reference that runs one step per node. One row
 * alone: `-t "a 1×1 convolution"`.
 */
import { describe, expect, test } from 'vitest';
import { tolerances } from '../tolerances.ts';
import { cases as ownCases } from './cases.ts';
import { definition, kernelSets, skippedSets } from './kernel-sets.ts';
import {
  type Case,
  drawInputs,
  expectClose,
  expectSame,
  type Inputs,
  type Results,
  runTrial,
} from './trial.ts';
import { variantCases } from './variant-cases.ts';

interface Expected {
  readonly inputs: Inputs;
  readonly want: Results;
}

const cases: readonly Case[] = [...ownCases, ...variantCases];

const expectations = new Map<string, Expected>();

/** What the definition says, computed once for all kernel sets. */
function expected(trial: Case, training: boolean, count: number): Expected {
  const key = `${trial.name} ${training} ${count}`;
  let found = expectations.get(key);
  if (!found) {
    const inputs = drawInputs(trial, training);
    const want = runTrial(trial, definition, { training, fuse: false, count }, inputs);
    found = { inputs, want };
    expectations.set(key, found);
  }
  return found;
}

const table = cases.map((trial) => [trial.name, trial] as const);

test('the names of the cases are unique', () => {
  expect(new Set(cases.map((c) => c.name)).size).toBe(cases.length);
});

describe.each(kernelSets.map((kernels) => [kernels.name, kernels] as const))('%s', (_, kernels) => {
  const tolerance =
    kernels.arithmetic === 'float64'
      ? tolerances.conformanceFloat64
      : tolerances.conformanceFloat32;
  describe.each([
    ['folded', true],
    ['step by step', false],
  ] as const)('%s', (_, fuse) => {
    test.each(table)('trains %s as the definition does', (_, trial) => {
      const { inputs, want } = expected(trial, true, trial.batch);
      const fenced = { training: true, fuse, keepAll: true, guard: 3 * kernels.lanes };
      const got = runTrial(trial, kernels, fenced, inputs);
      expectClose(got, want, tolerance);
      expectSame(runTrial(trial, kernels, { training: true, fuse }, inputs), got);
    });

    test.each(table)('infers %s as the definition does, for any count', (_, trial) => {
      for (const count of new Set([trial.batch, Math.ceil(trial.batch / 2), 1])) {
        const { inputs, want } = expected(trial, false, count);
        const fenced = { training: false, fuse, count, keepAll: true, guard: 3 * kernels.lanes };
        const got = runTrial(trial, kernels, fenced, inputs);
        expectClose(got, want, tolerance);
        expectSame(runTrial(trial, kernels, { training: false, fuse, count }, inputs), got);
      }
    });
  });
});

for (const { name, reason } of skippedSets) {
  test.skip(`${name} is left out: ${reason}`, () => {});
}
