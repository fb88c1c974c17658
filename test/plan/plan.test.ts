/**
 * Laws of plans: what folding leaves over, who writes which gradient, and that memory is never
 * shared while in use.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { makePlan, type PlanOptions } from '../../src/plan/make-plan.ts';
import type { Plan, Step } from '../../src/plan/plan.ts';
import type { Graph } from '../../src/spec/graph.ts';
import { namedNetwork } from '../../src/spec/named-networks.ts';
import { buildGraph } from '../../src/spec/network.ts';
import { cases } from '../kernels/cases.ts';
import { definition } from '../kernels/kernel-sets.ts';
import { drawInputs, expectClose, runTrial } from '../kernels/trial.ts';
import { tolerances } from '../tolerances.ts';

const digits = { channels: 1, height: 8, width: 8 };
const nets = [
  'IGC-L24M2',
  'IGC-L4M8',
  'IGC-L3M2+Ident',
  'RegConv-W16',
  'RegConv-W18+Ident',
  'SumFusion',
  'SumFusion+Ident',
] as const;

const graphOf = (net: string) =>
  buildGraph(namedNetwork({ net, depth: 8, input: digits, classes: 10 }));

const kindsOf = (plan: Plan) => plan.steps.map(({ kind }) => kind);

describe('folding', () => {
  test('leaves convolutions, one pool and the loss of a plain IGC network', () => {
    const plan = makePlan(graphOf('IGC-L24M2'), { batch: 4, training: true });
    const stemAndBlocks = 1 + 3 * 2 * 2;
    expect(kindsOf(plan)).toEqual([
      ...Array.from({ length: stemAndBlocks }, () => 'conv'),
      'averagePool',
      'conv',
      'loss',
    ]);
  });

  test('adds one sum per block of a residual network, the ReLU inside', () => {
    const plan = makePlan(graphOf('IGC-L3M2+Ident'), { batch: 4, training: true });
    expect(kindsOf(plan).filter((kind) => !['conv', 'add'].includes(kind))).toEqual([
      'averagePool',
      'loss',
    ]);
    const sums = plan.steps.flatMap((step) => (step.kind === 'add' ? [step.relu] : []));
    expect(sums).toEqual([true, true, true]);
  });

  test.each(nets.filter((net) => net.startsWith('IGC')))('leaves no permutation of %s', (net) => {
    for (const training of [true, false]) {
      expect(kindsOf(makePlan(graphOf(net), { batch: 4, training }))).not.toContain('permute');
    }
  });

  test('left out gives every node a step of its own', () => {
    for (const net of nets) {
      const graph = graphOf(net);
      const plan = makePlan(graph, { batch: 4, training: true, fuse: false });
      expect(plan.steps.map(({ path }) => path)).toEqual(
        graph.nodes.slice(1).map(({ path }) => path),
      );
    }
  });

  test.each([
    ['IGC-L3M2', 2],
    ['IGC-L2M3+Ident', 1],
    ['RegConv-W3+Ident', 2],
    ['SumFusion', 1],
  ] as const)('changes nothing that %s computes, replicas %d', (net, replicas) => {
    const input = { channels: 2, height: 4, width: 4 };
    const graph = buildGraph(namedNetwork({ net, depth: 8, input, classes: 3 }));
    const trial = { name: `folding ${net}`, graph, batch: 4, replicas };
    for (const training of [true, false]) {
      const inputs = drawInputs(trial, training);
      const folded = runTrial(trial, definition, { training, fuse: true }, inputs);
      const stepwise = runTrial(trial, definition, { training, fuse: false }, inputs);
      expectClose(folded, stepwise, tolerances.conformanceFloat64);
    }
  });
});

const graphs: readonly Graph[] = [...nets.map(graphOf), ...cases.map(({ graph }) => graph)];

const plans: fc.Arbitrary<Plan> = fc
  .record({
    graph: fc.constantFrom(...graphs),
    lanes: fc.constantFrom(1, 4, 8, 16),
    replicas: fc.constantFrom(1, 2, 3),
    perReplica: fc.integer({ min: 2, max: 20 }),
    training: fc.boolean(),
    fuse: fc.boolean(),
    inputGradient: fc.boolean(),
    guard: fc.constantFrom(0, 1, 3),
  })
  .map(({ graph, perReplica, guard, ...options }) => {
    const batch = perReplica * options.replicas;
    const all: PlanOptions = { ...options, batch, guard: guard * options.lanes };
    return makePlan(graph, all);
  });

/** An arena that knows which tensor each element belongs to now. */
function newArena(size: number) {
  const owner = new Int32Array(size).fill(-1);
  return {
    claim: (offset: number, length: number, id: number) => {
      expect(offset).toBeGreaterThanOrEqual(0);
      expect(offset + length).toBeLessThanOrEqual(size);
      owner.fill(id, offset, offset + length);
    },
    belongs: (offset: number, length: number, id: number) =>
      owner.subarray(offset, offset + length).every((o) => o === id),
  };
}

describe('memory', () => {
  test('of an activation is not overwritten before its last reader', () => {
    fc.assert(
      fc.property(plans, (plan) => {
        const { tensors } = plan;
        const arena = newArena(plan.activationSize);
        const claim = (id: number) => arena.claim(tensors[id]!.offset, tensors[id]!.size, id);
        const expectAlive = (id: number) =>
          expect(arena.belongs(tensors[id]!.offset, tensors[id]!.size, id)).toBe(true);
        claim(plan.input);
        for (const step of plan.steps) {
          if (step.kind !== 'loss') claim(step.output);
          step.inputs.forEach(expectAlive);
        }
        expectAlive(plan.input);
        expectAlive(plan.output);
        if (plan.training) for (const { id } of tensors) expectAlive(id);
      }),
      { seed: 1, numRuns: 150 },
    );
  });

  test('of a gradient is not overwritten before its producer has read it', () => {
    fc.assert(
      fc.property(
        plans.filter(({ training }) => training),
        (plan) => {
          const { tensors } = plan;
          const arena = newArena(plan.gradientSize);
          const claim = (id: number) =>
            arena.claim(tensors[id]!.gradientOffset, tensors[id]!.size, id);
          const expectAlive = (id: number) =>
            expect(arena.belongs(tensors[id]!.gradientOffset, tensors[id]!.size, id)).toBe(true);
          if (plan.steps.at(-1)!.kind !== 'loss') claim(plan.output);
          for (const step of plan.steps.toReversed()) {
            for (const [k, id] of step.inputs.entries()) {
              const { mode } = step.inputGradients[k]!;
              if (mode === 'write') claim(id);
              if (mode === 'add') expectAlive(id);
            }
            if (step.kind !== 'loss') expectAlive(step.output);
          }
          if (plan.steps[0]!.inputGradients[0]!.mode !== 'none') expectAlive(plan.input);
        },
      ),
      { seed: 2, numRuns: 150 },
    );
  });

  test('of inference is less than what all tensors take together', () => {
    for (const net of nets) {
      const options = { batch: 4, training: false } as const;
      const shared = makePlan(graphOf(net), options).activationSize;
      const apart = makePlan(graphOf(net), { ...options, keepAll: true }).activationSize;
      expect(shared).toBeLessThan(apart / 2);
    }
  });

  test('keeps guard words free around every tensor, and lanes aligned', () => {
    fc.assert(
      fc.property(plans, fc.constantFrom(1, 2), (plan, k) => {
        const guard = k * plan.lanes;
        const options = { batch: plan.batch, replicas: plan.replicas, lanes: plan.lanes, guard };
        const fenced = makePlan(graphOf('IGC-L4M8'), { ...options, training: true, keepAll: true });
        for (const which of ['offset', 'gradientOffset'] as const) {
          const placed = fenced.tensors
            .filter((tensor) => tensor[which] >= 0)
            .sort((a, b) => a[which] - b[which]);
          let end = 0;
          for (const tensor of placed) {
            expect(tensor[which] - end).toBeGreaterThanOrEqual(guard);
            expect(tensor[which] % plan.lanes).toBe(0);
            end = tensor[which] + tensor.size;
          }
          const size = which === 'offset' ? fenced.activationSize : fenced.gradientSize;
          expect(size - end).toBeGreaterThanOrEqual(guard);
        }
      }),
      { seed: 3, numRuns: 20 },
    );
  });

  test('holds whole lane blocks for each replica', () => {
    const plan = makePlan(graphOf('IGC-L4M8'), {
      batch: 34,
      replicas: 2,
      lanes: 16,
      training: true,
    });
    expect(plan.blocksPerReplica).toBe(2);
    expect(plan.tensors[plan.output]!.size).toBe(10 * 2 * 2 * 16);
  });
});

test('the first contribution to a gradient writes, later ones add, and the last completes it', () => {
  fc.assert(
    fc.property(
      plans.filter(({ training }) => training),
      (plan) => {
        const contributions = new Map<number, { mode: string; complete: boolean }[]>();
        for (const step of plan.steps.toReversed()) {
          for (const [k, id] of step.inputs.entries()) {
            const gradient = step.inputGradients[k]!;
            if (gradient.mode === 'none') expect(id).toBe(plan.input);
            else contributions.set(id, [...(contributions.get(id) ?? []), gradient]);
          }
        }
        for (const list of contributions.values()) {
          const last = list.length - 1;
          expect(list).toEqual(
            list.map((_, i) => ({ mode: i === 0 ? 'write' : 'add', complete: i === last })),
          );
        }
      },
    ),
    { seed: 4, numRuns: 100 },
  );
});

test('parameters and running averages tile their arenas in the order of the graph', () => {
  for (const graph of graphs) {
    const plan = makePlan(graph, { batch: 4, training: false });
    let end = 0;
    for (const { offset, size, shape } of plan.parameters) {
      expect([offset, size]).toEqual([end, shape.reduce((product, n) => product * n, 1)]);
      end = offset + size;
    }
    expect(plan.parameterSize).toBe(end);
    const averages = plan.batchNorms.flatMap(({ channels, runningMean, runningVariance }) => [
      [runningMean, channels],
      [runningVariance, channels],
    ]);
    end = 0;
    for (const [offset, size] of averages) {
      expect(offset).toBe(end);
      end += size!;
    }
    expect(plan.stateSize).toBe(end);
  }
});

test('plans are plain data: they survive JSON', () => {
  const plan = makePlan(graphOf('IGC-L3M2+Ident'), { batch: 4, training: true });
  expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
});

test('a folded permutation is stored by the primary convolution or read by the secondary one', () => {
  const convolutions = makePlan(graphOf('IGC-L3M2'), { batch: 4, training: true }).steps.filter(
    (step): step is Extract<Step, { kind: 'conv' }> => step.kind === 'conv',
  );
  const primary = convolutions.find(({ path }) => path === 'stage1/block1/primary')!;
  const secondary = convolutions.find(({ path }) => path === 'stage1/block1/secondary')!;
  // Channel c of the primary's result reaches the secondary's input where eq. (2) puts it, and
  // comes back by eq. (4).
  const seen = secondary.inMap.map((stored) => primary.outMap.indexOf(stored));
  expect(seen).toEqual([0, 2, 4, 1, 3, 5]);
  expect(secondary.outMap).toEqual([0, 2, 4, 1, 3, 5]);
});
