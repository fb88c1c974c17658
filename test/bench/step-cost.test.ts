/** What the steps of a plan must do at least, against counts made another way. */
import { describe, expect, it } from 'vitest';
import { stepCost } from '../../src/bench/step-cost.ts';
import { makePlan } from '../../src/plan/make-plan.ts';
import { namedNetwork } from '../../src/spec/named-networks.ts';
import { buildGraph } from '../../src/spec/network.ts';
import { countCost } from '../../src/theory/cost.ts';

const input = { channels: 3, height: 8, width: 8 };
const spec = namedNetwork({ net: 'IGC-L2M2+Ident', depth: 8, input, classes: 10 });
const batch = 4;

function planOf(training: boolean, fuse: boolean) {
  const { epsilon } = spec.batchNorm;
  return makePlan(buildGraph(spec), { batch, lanes: 16, training, fuse, epsilon });
}

describe('the cost of a plan’s steps', () => {
  it.each([
    ['fused', true],
    ['unfused', false],
  ])('has the network’s multiply-adds, %s', (_, fuse) => {
    const plan = planOf(true, fuse);
    const macs = plan.steps.map((step) => stepCost(plan, step).forward.macs);
    expect(macs.reduce((sum, n) => sum + n)).toBe(batch * countCost(spec, 'all').macs);
  });

  it('has twice as many in backward, but for the first convolution', () => {
    const plan = planOf(true, true);
    for (const step of plan.steps) {
      const { forward, backward } = stepCost(plan, step);
      const isFirst = step.inputs[0] === plan.input;
      expect(backward.macs).toBe(forward.macs * (isFirst ? 1 : 2));
    }
  });

  it('moves a tensor once for every need of it, without the images that fill vectors', () => {
    const plan = planOf(true, true);
    const stem = plan.steps[0]!;
    const [image, maps] = [3 * 8 * 8, 4 * 8 * 8].map((n) => 4 * batch * n) as [number, number];
    const { forward, backward } = stepCost(plan, stem);
    expect(forward.bytes).toBe(image + maps);
    expect(backward.bytes).toBe(image + 2 * maps); // the images; raw output and its gradient
  });

  it('is no more than unfused', () => {
    const total = (fuse: boolean) => {
      const plan = planOf(true, fuse);
      return plan.steps.reduce((sum, step) => {
        const { forward, backward } = stepCost(plan, step);
        return sum + forward.bytes + backward.bytes;
      }, 0);
    };
    expect(total(true)).toBeLessThan(total(false));
  });
});
