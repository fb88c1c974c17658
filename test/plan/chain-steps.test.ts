/** Which convolutions become one step, and what is left of the tensors between them. */
import { describe, expect, test } from 'vitest';
import { makePlan } from '../../src/plan/make-plan.ts';
import type { ConvStep, Plan } from '../../src/plan/plan.ts';
import { type NamedNetwork, namedNetwork } from '../../src/spec/named-networks.ts';
import { buildGraph } from '../../src/spec/network.ts';

function planOf(options: Pick<NamedNetwork, 'net' | 'depth' | 'variant'>, training = true): Plan {
  const input = { channels: 3, height: 8, width: 8 };
  const graph = buildGraph(namedNetwork({ ...options, input, classes: 10 }));
  return makePlan(graph, { batch: 4, training, chains: true });
}

const convolutionsOf = (plan: Plan) =>
  plan.steps.filter((step): step is ConvStep => step.kind === 'conv');

describe('the convolutions of a block are one step', () => {
  test.each([
    ['plain', { net: 'IGC-L3M2', depth: 8 }, 1],
    ['with shortcuts', { net: 'IGC-L3M2+Ident', depth: 8 }, 1],
    ['split', { net: 'IGC-L3M2', depth: 8, variant: { split: true } }, 2],
    ['of two primaries', { net: 'IGC-L3M2', depth: 8, variant: { primaryConvolutions: 2 } }, 2],
    ['with a ReLU between', { net: 'IGC-L3M2', depth: 8, variant: { between: 'relu' } }, 1],
    ['with a full secondary', { net: 'IGC-L3M2', depth: 8, variant: { secondary: 'full' } }, 1],
    ['of a spatial secondary', { net: 'IGC-L3M2', depth: 8, variant: { secondaryKernel: 3 } }, 1],
  ] as const)('%s', (_, options, before) => {
    for (const training of [true, false]) {
      const steps = convolutionsOf(planOf(options, training));
      const secondaries = steps.filter(({ path }) => path.endsWith('/secondary'));
      expect(secondaries).toHaveLength(6);
      for (const step of secondaries) expect(step.before).toHaveLength(before);
      expect(steps.some(({ path }) => path.includes('/primary'))).toBe(false);
    }
  });

  test('but not across a batch norm whose statistics are taken between them', () => {
    const options = { net: 'IGC-L3M2', depth: 8, variant: { bn: 'both' } } as const;
    for (const step of convolutionsOf(planOf(options))) expect(step.before).toEqual([]);
    const inference = convolutionsOf(planOf(options, false));
    const [block] = inference.filter(({ path }) => path === 'stage1/block1/secondary');
    expect(block!.before.map(({ after }) => after.bn >= 0)).toEqual([true]);
  });

  test('and regular convolutions stay as they are', () => {
    for (const training of [true, false]) {
      const steps = convolutionsOf(planOf({ net: 'RegConv-W4', depth: 8 }, training));
      for (const step of steps) expect(step.before).toEqual([]);
    }
  });
});

test('training stores one tensor a block; inference applies batch norms where values are made', () => {
  const training = planOf({ net: 'IGC-L3M2', depth: 8 });
  expect(training.tensors.map(({ path }) => path)).toEqual([
    'input',
    'stem/conv',
    ...[1, 2, 3].flatMap((stage) => [1, 2].map((b) => `stage${stage}/block${b}/secondary`)),
    'head/pool',
    'head/fc',
  ]);
  const inference = planOf({ net: 'IGC-L3M2', depth: 8 }, false);
  expect(inference.tensors.every(({ read }) => read.bn < 0 && !read.relu)).toBe(true);
  const after = convolutionsOf(inference).map(({ after }) => [after.bn >= 0, after.relu]);
  expect(after).toEqual([...new Array<unknown>(7).fill([true, true]), [false, false]]);
});

test('gradients of a stage take turns in one place', () => {
  const plan = planOf({ net: 'IGC-L3M2', depth: 14 });
  const offsets = plan.tensors
    .filter(({ path }) => path.startsWith('stage1/'))
    .map(({ gradientOffset }) => gradientOffset);
  expect(offsets).toHaveLength(4);
  expect(new Set(offsets).size).toBe(1);
});
