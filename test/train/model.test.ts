import { describe, expect, it } from 'vitest';
import { referenceKernels } from '../../src/kernels/reference.ts';
import {
  firstNonFinite,
  initializeModel,
  makeModel,
  parameterSlices,
  planModel,
  stateSlices,
} from '../../src/model/model.ts';
import { namedNetwork } from '../../src/spec/named-networks.ts';
import { resolveConfig } from '../../src/train/config.ts';
import { decaySpans } from '../../src/train/optimizer.ts';

const input = { channels: 3, height: 32, width: 32 };
const makeNet = (net: string, seed = 1, depth = 8) => {
  const spec = namedNetwork({ net, depth, input, classes: 10 });
  const model = makeModel(spec, referenceKernels('float64'));
  initializeModel(model, seed);
  return model;
};
const valuesOf = (model: ReturnType<typeof makeNet>, path: string) => {
  const { offset, size } = parameterSlices(model).find((slice) => slice.path === path)!;
  return [...model.parameters.subarray(offset, offset + size)];
};
const deviation = (values: readonly number[]) =>
  Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);

describe('a plan over a model', () => {
  const spec = namedNetwork({ net: 'IGC-L2M2', depth: 5, input, classes: 10 });
  const planned = { batch: 4, training: true, storage: 'bfloat16' } as const;

  it('stores every activation as told', () => {
    const plan = planModel(makeModel(spec, referenceKernels('float32')), planned);
    expect(new Set(plan.tensors.map(({ storage }) => storage))).toEqual(new Set(['bfloat16']));
  });

  it('is refused where the kernels do not store so', () => {
    const kernels = { ...referenceKernels('float32'), storages: ['float32'] as const };
    expect(() => planModel(makeModel(spec, kernels), planned)).toThrow(
      'storage: must be float32 with reference-float32 kernels, got "bfloat16"',
    );
  });
});

describe('initialisation', () => {
  it.each([
    ['stem/conv/weight', Math.sqrt(2 / (9 * 3))],
    ['stage1/block1/primary/weight', Math.sqrt(2 / (9 * 2))], // √(2/(9M))
    ['stage1/block1/secondary/weight', Math.sqrt(2 / 24)], // √(2/L)
    ['stage3/block1/primary/weight', Math.sqrt(2 / (9 * 4))], // 4 inputs a group, widening to 8
  ])('draws %s from N(0, √(2/fan-in)) of its group', (path, expected) => {
    const values = valuesOf(makeNet('IGC-L24M2'), path);
    const tolerance = 4 / Math.sqrt(2 * values.length); // 4 standard errors of a deviation
    expect(deviation(values) / expected).toBeGreaterThan(1 - tolerance);
    expect(deviation(values) / expected).toBeLessThan(1 + tolerance);
  });

  it('gives each branch of a fused sum the fan-in of its own input', () => {
    const values = valuesOf(makeNet('SumFusion'), 'stage1/block1/branches/weight');
    expect(deviation(values)).toBeCloseTo(Math.sqrt(2 / (9 * 8)), 1);
  });

  it('draws the fully connected weights from U(±1/√fan-in), the rest is constant', () => {
    const model = makeNet('IGC-L24M2');
    const fc = valuesOf(model, 'head/fc/weight');
    const bound = 1 / Math.sqrt(24 * 8);
    expect(Math.max(...fc.map(Math.abs))).toBeLessThanOrEqual(bound);
    expect(deviation(fc)).toBeCloseTo(bound / Math.sqrt(3), 2);
    expect(new Set(valuesOf(model, 'head/fc/bias'))).toEqual(new Set([0]));
    expect(new Set(valuesOf(model, 'stem/bn/gamma'))).toEqual(new Set([1]));
    expect(new Set(valuesOf(model, 'stem/bn/beta'))).toEqual(new Set([0]));
    for (const { path, offset, size } of stateSlices(model)) {
      const expected = path.endsWith('runningMean') ? 0 : 1;
      expect(new Set(model.state.subarray(offset, offset + size))).toEqual(new Set([expected]));
    }
  });

  it('depends on the seed and the path only, not on the depth around it', () => {
    const path = 'stage1/block1/primary/weight';
    const values = valuesOf(makeNet('IGC-L24M2'), path);
    expect(valuesOf(makeNet('IGC-L24M2', 1, 20), path)).toEqual(values);
    expect(valuesOf(makeNet('IGC-L24M2', 2), path)).not.toEqual(values);
  });
});

describe('weight decay', () => {
  const model = makeNet('IGC-L4M8');
  const { optimizer } = resolveConfig();

  it('is one span over everything when batch norm is included', () => {
    const size = model.parameters.length;
    expect(decaySpans(model.layout.parameters, optimizer)).toEqual([
      { offset: 0, size, factor: 1e-4 },
    ]);
  });

  it('leaves out γ and β, and nothing else, when it is told to', () => {
    const spans = decaySpans(model.layout.parameters, { ...optimizer, decayBatchNorm: false });
    const factorAt = (offset: number) =>
      spans.filter((s) => s.offset <= offset && offset < s.offset + s.size).map((s) => s.factor);
    for (const { role, offset } of model.layout.parameters) {
      expect(factorAt(offset)).toEqual([role === 'gamma' || role === 'beta' ? 0 : 1e-4]);
    }
    expect(spans.reduce((sum, { size }) => sum + size, 0)).toBe(model.parameters.length);
  });
});

it('finds the first array with a NaN or an infinity, in the order of the network', () => {
  const model = makeNet('IGC-L4M8');
  const slices = parameterSlices(model);
  expect(firstNonFinite(model.parameters, slices)).toBeUndefined();
  model.parameters[slices.at(-1)!.offset] = Number.NaN;
  model.parameters[slices[3]!.offset + 1] = Number.POSITIVE_INFINITY;
  expect(firstNonFinite(model.parameters, slices)).toBe(slices[3]!.path);
});
