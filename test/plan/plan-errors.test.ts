/** Batches that do not fit a plan, and the exact text of the complaint. */
import { describe, expect, test } from 'vitest';
import { IgcError } from '../../src/core/errors.ts';
import { makePlan, type PlanOptions } from '../../src/plan/make-plan.ts';
import { graphBuilder } from '../../src/spec/graph.ts';
import { namedNetwork } from '../../src/spec/named-networks.ts';
import { buildGraph } from '../../src/spec/network.ts';

const graph = buildGraph(
  namedNetwork({
    net: 'IGC-L4M8',
    depth: 8,
    input: { channels: 3, height: 4, width: 4 },
    classes: 10,
  }),
);

function complaint(options: PlanOptions): string {
  try {
    makePlan(graph, options);
  } catch (error) {
    expect(error).toBeInstanceOf(IgcError);
    expect((error as IgcError).kind).toBe('usage');
    return (error as IgcError).message;
  }
  throw new Error('nothing was thrown');
}

describe('a plan', () => {
  test.each([0, -1, 2.5, Number.NaN])('refuses a batch of %d', (batch) => {
    expect(complaint({ batch, training: false })).toBe(
      `batch: must be a positive integer, got ${batch}`,
    );
  });

  test.each([
    [64, 3],
    [64, 0],
    [1, 2],
    [4, 0.5],
  ])('refuses a batch of %d in %d replicas', (batch, replicas) => {
    expect(complaint({ batch, replicas, training: true })).toBe(
      `replicas: must divide the batch, got batch=${batch} replicas=${replicas}`,
    );
  });

  test.each([true, false])('refuses to train on one value per channel, folded %s', (fuse) => {
    const text =
      'stage3/block1/bn: batch norm needs more than one value per channel in training, got 1 image per replica of 1×1; use a larger batch or fewer replicas';
    expect(complaint({ batch: 1, training: true, fuse })).toBe(text);
    expect(complaint({ batch: 2, replicas: 2, training: true, fuse })).toBe(text);
  });

  test('infers one image of one value per channel', () => {
    expect(makePlan(graph, { batch: 1, training: false }).batch).toBe(1);
  });

  test('says that a graph without operations is our mistake', () => {
    const empty = graphBuilder();
    empty.input({ channels: 3, height: 4, width: 4 });
    const act = () => makePlan(empty.build(), { batch: 1, training: false });
    expect(act).toThrow('internal: a plan needs at least one step');
  });
});
