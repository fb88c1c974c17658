/**
 * Activations stored in bfloat16: are they rounded as told, and is everything else computed as the definition does that
 * rounds the same tensors?
 */
import { describe, expect, test } from 'vitest';
import { roundToBfloat16 } from '../../src/kernels/bfloat16.ts';
import { nativeMemory } from '../../src/kernels/native.ts';
import type { ActivationStorage, Plan } from '../../src/plan/plan.ts';
import { tolerances } from '../tolerances.ts';
import { cases as ownCases } from './cases.ts';
import { definition, kernelSets, nativeSets } from './kernel-sets.ts';
import {
  type Case,
  drawInputs,
  expectClose,
  expectSame,
  planOf,
  runPlan,
  runTrial,
  start,
} from './trial.ts';
import { variantCases } from './variant-cases.ts';

const cases: readonly Case[] = [...ownCases, ...variantCases];
const table = cases.map((trial) => [trial.name, trial] as const);
const sets = kernelSets
  .filter((kernels) => kernels.storages.includes('bfloat16') && kernels !== definition)
  .map((kernels) => [kernels.name, kernels] as const);
const training = { training: true, fuse: true, storage: 'bfloat16' } as const;

const rounded = (x: number) => {
  const values = Float64Array.of(x);
  roundToBfloat16(values, 0, 1);
  return values[0];
};

test('bfloat16 keeps eight bits, rounds to nearest and halves to even', () => {
  expect(rounded(1 + 2 ** -7)).toBe(1 + 2 ** -7);
  expect(rounded(1 + 2 ** -8)).toBe(1);
  expect(rounded(1 + 3 * 2 ** -8)).toBe(1 + 2 ** -6);
  expect(rounded(1 + 2 ** -8 + 2 ** -20)).toBe(1 + 2 ** -7);
  expect(rounded(-(1 + 2 ** -8 + 2 ** -20))).toBe(-(1 + 2 ** -7));
});

test('bfloat16 keeps zeros, infinities and NaN, and what is too large becomes infinite', () => {
  for (const x of [0, -0, Number.POSITIVE_INFINITY, Number.NaN]) expect(rounded(x)).toBe(x);
  expect(rounded(3.4e38)).toBe(Number.POSITIVE_INFINITY);
  expect(rounded(2 ** -140)).toBe(0);
});

describe.each(sets)('%s', (_, kernels) => {
  test('stores the images rounded', () => {
    const trial = ownCases[0]!;
    const inputs = drawInputs(trial, false);
    const special = [1 + 2 ** -8, 1 + 3 * 2 ** -8, -0, 3.4e38, Number.NaN, 2 ** -133, -1e-40];
    inputs.images.set(special.map(Math.fround));
    const plan = planOf(trial, kernels, training);
    const { executor } = start(plan, kernels, inputs, trial.batch);
    const want = inputs.images.slice();
    roundToBfloat16(want, 0, want.length);
    expect(Array.from(executor.readTensor(plan.input))).toEqual(Array.from(want));
  });

  test.each(table)('trains %s as the definition that rounds does', (_, trial) => {
    const inputs = drawInputs(trial, true);
    const fenced = { ...training, keepAll: true, guard: 3 * kernels.lanes };
    const plan = planOf(trial, kernels, fenced);
    const got = runPlan(plan, kernels, fenced, inputs);
    expectClose(got, definitionOf(plan, trial, inputs), tolerances.conformanceBfloat16);
    expectSame(runTrial(trial, kernels, training, inputs), got);
  });
});

const native = sets.filter(([, kernels]) => nativeSets.includes(kernels));

test.each(native)('%s takes half the memory for activations', (_, kernels) => {
  const trial = ownCases.find(
    (c) => c.name === 'a residual network of igc blocks in two replicas',
  )!;
  const inputs = drawInputs(trial, true);
  const bytesIn = (storage: ActivationStorage) => {
    const { bytes } = nativeMemory();
    const plan = planOf(trial, kernels, { ...training, storage });
    const { executor } = start(plan, kernels, inputs, plan.batch);
    const taken = nativeMemory().bytes - bytes;
    executor.dispose();
    return { taken, elements: plan.activationSize };
  };
  const [full, half] = [bytesIn('float32'), bytesIn('bfloat16')];
  const inLines = (bytes: number) => Math.ceil(bytes / 64) * 64;
  expect(full.taken - half.taken).toBe(inLines(4 * full.elements) - inLines(2 * full.elements));
});

/** What the definition says if it rounds only what the plan stores: results inside a chain are not. */
function definitionOf(plan: Plan, trial: Case, inputs: ReturnType<typeof drawInputs>) {
  const stored = new Set(plan.tensors.map(({ path }) => path));
  const all = planOf(trial, definition, training);
  const tensors = all.tensors.map((tensor) =>
    stored.has(tensor.path) ? tensor : { ...tensor, storage: 'float32' as const },
  );
  return runPlan({ ...all, tensors }, definition, training, inputs);
}
