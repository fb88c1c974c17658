/** When inference cuts images into tiles, which ones, and what then becomes of steps and memory. */
import { describe, expect, test } from 'vitest';
import { describeNetwork, descriptionText } from '../../src/plan/describe.ts';
import { makePlan, type PlanOptions } from '../../src/plan/make-plan.ts';
import type { Plan } from '../../src/plan/plan.ts';
import { type NamedNetwork, namedNetwork } from '../../src/spec/named-networks.ts';
import { buildGraph } from '../../src/spec/network.ts';
import { conv, graphOf } from '../kernels/cases.ts';

const cifar = { channels: 3, height: 32, width: 32 };

function planOf(options: Partial<PlanOptions>, network: Partial<NamedNetwork> = {}): Plan {
  const net = { net: 'IGC-L3M2', depth: 8, input: cifar, classes: 10, ...network };
  const graph = buildGraph(namedNetwork(net as NamedNetwork));
  return makePlan(graph, { batch: 1, lanes: 16, training: false, chains: true, ...options });
}

const gridText = ({ grid: { rows, columns } }: Plan) => `${rows}×${columns}`;

const tileOf = (plan: Plan, path: string) => {
  const { height, width } = plan.tensors.find((tensor) => tensor.path === path)!.tile;
  return `${height}×${width}`;
};

describe('the grid', () => {
  test.each([
    [1, 16, '8×2'],
    [2, 16, '8×1'],
    [3, 16, '4×1'],
    [8, 16, '2×1'],
    [9, 16, '1×1'],
    [1, 8, '8×1'],
    [1, 4, '4×1'],
    [1, 1, '1×1'],
  ])('of batch %i and %i lanes is %s', (batch, lanes, grid) => {
    expect(gridText(planOf({ batch, lanes }))).toBe(grid);
  });

  test('is one tile in training, and where it is not wanted', () => {
    expect(gridText(planOf({ batch: 2, training: true }))).toBe('1×1');
    expect(gridText(planOf({ tiles: false }))).toBe('1×1');
  });

  test('counts the images of one replica', () => {
    expect(gridText(planOf({ batch: 4, replicas: 2 }))).toBe('8×1');
  });

  test('is one tile where more would only hold what is beside the image', () => {
    const graph = graphOf([2, 1, 1], (graph, x) => graph.add('conv', conv(3), x));
    const plan = makePlan(graph, { batch: 1, lanes: 16, training: false });
    expect(gridText(plan)).toBe('1×1');
    expect(plan.tensors.map(({ tile }) => tile)).toEqual([
      { height: 1, width: 1 },
      { height: 1, width: 1 },
    ]);
  });
});

test('tiles shrink with the strides, and are one pixel behind the pool', () => {
  const plan = planOf({});
  expect(tileOf(plan, 'input')).toBe('4×16');
  expect(tileOf(plan, 'stage1/block1/primary')).toBe('4×16');
  expect(tileOf(plan, 'stage2/block1/primary')).toBe('2×8');
  expect(tileOf(plan, 'stage3/block2/secondary')).toBe('1×4');
  expect(tileOf(plan, 'head/pool')).toBe('1×1');
  expect(tileOf(plan, 'head/fc')).toBe('1×1');
});

test('tiles cover maps that they do not divide', () => {
  const input = { channels: 3, height: 224, width: 224 };
  const network = { net: 'IGC-L100M2+Ident', family: 'imagenet18', double: 'L', input } as const;
  const graph = buildGraph(namedNetwork({ ...network, classes: 1000 }));
  const plan = makePlan(graph, { batch: 1, lanes: 16, training: false, chains: true });
  for (const { height, width, tile } of plan.tensors) {
    expect(tile.height * plan.grid.rows).toBeGreaterThanOrEqual(height);
    expect(tile.width * plan.grid.columns).toBeGreaterThanOrEqual(width);
  }
});

test('an image takes no more memory than a lane of it would', () => {
  expect(planOf({}).activationSize).toBeLessThan(planOf({ tiles: false }).activationSize / 8);
});

test('convolutions stay steps of their own, with their batch norms folded', () => {
  const plan = planOf({});
  for (const step of plan.steps) if (step.kind === 'conv') expect(step.before).toEqual([]);
  expect(plan.tensors.every(({ read }) => read.bn < 0 && !read.relu)).toBe(true);
});

describe('images stay whole', () => {
  test('where a layer reads whole maps', () => {
    const graph = graphOf([2, 8, 8], (graph, x) => {
      graph.add('fc', { kind: 'linear', outputs: 5 }, graph.add('conv', conv(3), x));
    });
    const { grid } = makePlan(graph, { batch: 1, lanes: 16, training: false });
    expect(grid).toEqual({ rows: 1, columns: 1, obstacle: 'fc' });
  });

  test('where branches shrink by 2 and by 3', () => {
    const graph = graphOf([2, 6, 6], (graph, x) => {
      graph.add('two', conv(3, { stride: 2 }), x);
      graph.add('three', conv(3, { stride: 3 }), x);
    });
    const { grid } = makePlan(graph, { batch: 1, lanes: 16, training: false });
    expect(grid).toEqual({ rows: 1, columns: 1, obstacle: 'three' });
  });
});

describe('the description', () => {
  const spec = namedNetwork({ net: 'IGC-L3M2', depth: 8, input: cifar, classes: 10 });

  test('says into which tiles images are cut', () => {
    const description = describeNetwork(spec, { batch: 1, replicas: 1, lanes: 16 });
    expect(description.grid).toEqual({ rows: 8, columns: 2 });
    expect(descriptionText(description)).toContain(
      'inference cuts each image into 8×2 tiles, one a lane of a vector',
    );
  });

  test('says what keeps them whole', () => {
    const description = describeNetwork(spec, { batch: 1, lanes: 16 });
    const kept = { ...description, grid: { rows: 1, columns: 1, obstacle: 'head/fc' } };
    expect(descriptionText(kept)).toContain(
      'inference keeps images whole: head/fc cannot run on tiles',
    );
  });

  test('says nothing where a batch fills the lanes', () => {
    expect(descriptionText(describeNetwork(spec, { lanes: 16 }))).not.toContain('inference ');
  });
});
