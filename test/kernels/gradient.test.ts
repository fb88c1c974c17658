/**
 * Is backward the derivative of forward? Central differences of the loss in float64, along random
 * unit directions of every parameter and of the input, for every kind of block over many (L, M).
 */
import { describe, expect, test } from 'vitest';
import { type RandomStream, stream } from '../../src/core/random.ts';
import { tolerances } from '../tolerances.ts';
import { block, networkOf } from './cases.ts';
import { definition } from './kernel-sets.ts';
import { type Case, drawInputs, oldWeight, planOf, start } from './trial.ts';
import { variantNetworks } from './variant-cases.ts';

const directions = 20;
/** Far below the ReLU margin, and h² · f''' and rounding / h are both near 1e-10. */
const stepSize = 2e-5;
const image = { channels: 2, height: 4, width: 4 };

type Kind = 'regular' | 'igc' | 'sumFusion';

/** Two blocks, the second with stride 2 and M doubled. */
function plain(kind: Kind, L: number, M: number): Pick<Case, 'name' | 'graph'> {
  const blocks = [
    block('regular', 'stem', { L, M }),
    block(kind, 'b1', { L, M }),
    block(kind, 'b2', { L, M: 2 * M, stride: 2 }),
  ];
  return { name: `${kind} blocks`, graph: networkOf(image, blocks) };
}

/** A residual block with an identity shortcut and one with a projection. */
function residual(kind: Kind, L: number, M: number): Pick<Case, 'name' | 'graph'> {
  const body = (path: string, width: number, stride: number) => [
    block(kind, `${path}/unit1`, { L, M: width, stride }),
    block(kind, `${path}/unit2`, { L, M: width }),
  ];
  const graph = networkOf(image, [
    block('regular', 'stem', { L, M }),
    { kind: 'residual', path: 'r1', body: body('r1', M, 1), projection: null },
    {
      kind: 'residual',
      path: 'r2',
      body: body('r2', 2 * M, 2),
      projection: { groups: kind === 'igc' ? L : 1 },
    },
  ]);
  return { name: `residual ${kind} blocks`, graph };
}

const pairs = [
  [1, 1],
  [1, 4],
  [4, 1],
  [2, 2],
  [2, 3],
  [3, 2],
  [3, 3],
  [2, 4],
  [4, 2],
  [5, 2],
  [3, 5],
  [5, 3],
  [8, 1],
] as const;

const networks: readonly Case[] = [
  ...(['regular', 'sumFusion'] as const).flatMap((kind) => [
    plain(kind, 2, 2),
    residual(kind, 3, 2),
  ]),
  ...pairs.flatMap(([L, M]) =>
    [plain('igc', L, M), residual('igc', L, M)].map(({ name, graph }) => ({
      name: `${name} with L=${L} and M=${M}`,
      graph,
    })),
  ),
  ...variantNetworks,
].map(({ name, graph }, i) => {
  // ε this large keeps the gradient of a channel's scale before its batch norm measurable (L = 1).
  const shared = { graph, batch: 4, epsilon: 0.1 };
  const replicas = 1 + ((i + Math.floor(i / 2)) % 2);
  const smoothing = i % 3 === 0 ? 0.1 : 0;
  const mixed = i % 4 === 1;
  const options = `replicas ${replicas}, smoothing ${smoothing}${mixed ? ', mixed' : ''}`;
  return { ...shared, name: `${name}, ${options}`, replicas, smoothing, mixed };
});

describe.each(networks.map((trial) => [trial.name, trial] as const))('%s', (_, trial) => {
  test('have the gradient that differences of the loss have', () => {
    const inputs = drawInputs(trial, true);
    const plan = planOf(trial, definition, { training: true, fuse: true });
    const { model, executor } = start(plan, definition, inputs, plan.batch);
    executor.forward({ oldWeight });
    executor.backward();
    const dInput = executor.readGradient(plan.input).slice();
    const gradients = model.gradients.slice();
    const images = inputs.images.slice();
    const loss = () => {
      executor.setBatch(images, inputs.labels, plan.batch, inputs.mix);
      executor.forward({ oldWeight });
      return executor.loss();
    };
    const random = stream(1, `directions/${trial.name}`);
    const errors = [
      ['input', relativeError(images, dInput, loss, random)] as const,
      ...plan.parameters.map(({ path, offset, size }) => {
        const values = model.parameters.subarray(offset, offset + size) as Float64Array;
        const analytic = gradients.slice(offset, offset + size);
        return [path, relativeError(values, analytic, loss, random)] as const;
      }),
    ];
    const wrong = errors.filter(([, error]) => !(error <= tolerances.gradient));
    expect(wrong, 'gradients that differ, and by how much').toEqual([]);
  });
});

/**
 * ‖numeric − analytic‖ / ‖analytic‖ over the derivatives along random directions; `values` are
 * restored.
 */
function relativeError(
  values: Float64Array,
  gradient: ArrayLike<number>,
  loss: () => number,
  random: RandomStream,
): number {
  const original = values.slice();
  let difference = 0;
  let power = 0;
  for (let k = 0; k < directions; k++) {
    const direction = unitVector(values.length, random);
    const lossAt = (distance: number) => {
      for (let i = 0; i < values.length; i++) values[i] = original[i]! + distance * direction[i]!;
      return loss();
    };
    const numeric = (lossAt(stepSize) - lossAt(-stepSize)) / (2 * stepSize);
    const analytic = direction.reduce((sum, d, i) => sum + d * gradient[i]!, 0);
    difference += (numeric - analytic) ** 2;
    power += analytic ** 2;
  }
  values.set(original);
  return Math.sqrt(difference / power);
}

function unitVector(length: number, random: RandomStream): Float64Array {
  const vector = Float64Array.from({ length }, () => random.normal());
  const norm = Math.hypot(...vector);
  return vector.map((value) => value / norm);
}
