/** The composite kernel of a block inside a network, checked against what the network itself computes there. */
import { describe, expect, it, test } from 'vitest';
import { stream } from '../../src/core/random.ts';
import { decodeSafetensors } from '../../src/formats/safetensors.ts';
import { restoreWeights } from '../../src/formats/weight-storage.ts';
import { referenceKernels } from '../../src/kernels/reference.ts';
import { runGraph } from '../../src/kernels/run-graph.ts';
import { initializeModel, makeModel } from '../../src/model/model.ts';
import { encodeModel } from '../../src/model/model-file.ts';
import { makePlan } from '../../src/plan/make-plan.ts';
import { graphBuilder, type Shape } from '../../src/spec/graph.ts';
import { type NamedNetwork, namedNetwork } from '../../src/spec/named-networks.ts';
import { buildGraph, type NetSpec } from '../../src/spec/network.ts';
import { blockComposite, blockNonZeros } from '../../src/theory/composite.ts';
import { composeChain } from '../../src/theory/linear-chain.ts';
import { igcParameters } from '../../src/theory/widths.ts';
import { nmse } from '../kernels/trial.ts';
import { tolerances } from '../tolerances.ts';

const input = { channels: 3, height: 16, width: 20 } as const;
const batch = 2;

/** A network with random parameters and running averages: as good as trained. */
function randomNetwork(request: Pick<NamedNetwork, 'net' | 'variant'>) {
  const depth = request.net.endsWith('+Ident') ? 8 : 5;
  const spec = namedNetwork({ ...request, depth, input, classes: 5 });
  const plan = makePlan(buildGraph(spec), { batch, training: false, fuse: false, keepAll: true });
  const random = stream(1, `composite ${JSON.stringify(request)}`);
  const parameters = Float64Array.from({ length: plan.parameterSize }, () => random.normal());
  const state = Float64Array.from({ length: plan.stateSize }, () => 0.5 + random.uniform());
  const weights = new Map(
    plan.parameters.map(({ path, offset, size }) => [
      path,
      parameters.slice(offset, offset + size),
    ]),
  );
  const model = { parameters, gradients: parameters, momentum: parameters, state };
  const executor = referenceKernels('float64').instantiate(plan, model);
  const { channels, height, width } = input;
  const images = Float64Array.from({ length: batch * channels * height * width }, () =>
    random.normal(),
  );
  executor.setBatch(images, new Int32Array(batch), batch);
  executor.forward({ oldWeight: 0 });
  const tensorAt = (path: string) => {
    const tensor = plan.tensors.find((one) => one.path === path)!;
    return { shape: tensor as Shape, values: executor.readTensor(tensor.id) as Float64Array };
  };
  return { spec, weights, tensorAt };
}

/** What enters a block's convolutions and what leaves them, by the names of nodes. */
function ends(spec: NetSpec, block: string): { readonly before: string; readonly after: string } {
  const { nodes } = buildGraph(spec);
  const linear = nodes.filter(
    ({ path, op }) => path.startsWith(`${block}/`) && (op.kind === 'conv' || op.kind === 'permute'),
  );
  return { before: nodes[linear[0]!.inputs[0]!]!.path, after: linear.at(-1)!.path };
}

/** Only the places at least `margin` away from the border. */
function inner(values: Float64Array, shape: Shape, margin: readonly [number, number]): number[] {
  const { height, width } = shape;
  return Array.from(values).filter((_, i) => {
    const [y, x] = [Math.floor(i / width) % height, i % width];
    const [my, mx] = margin;
    return y >= my && y < height - my && x >= mx && x < width - mx;
  });
}

/** The network's own values beside those of one dense convolution, border left out; and the margin. */
function compare(request: Pick<NamedNetwork, 'net' | 'variant'>, block: string) {
  const { spec, weights, tensorAt } = randomNetwork(request);
  const { before, after } = ends(spec, block);
  const composite = blockComposite(spec, block, weights);
  const graph = graphBuilder();
  const source = tensorAt(before);
  graph.add('dense', composite.op, graph.input(source.shape));
  const dense = { graph: graph.build(), weights: new Map([['dense/weight', composite.weight]]) };
  const got = runGraph(dense, source.values);
  const want = tensorAt(after);
  const cut = (values: Float64Array) => inner(values, want.shape, composite.margin);
  return {
    composite,
    error: nmse(cut(got), cut(want.values)),
    errorWithBorder: nmse(got, want.values),
    compared: cut(got).length,
  };
}

const blocks = ['stage1/block1', 'stage2/block1', 'stage3/block1'];

describe('the composite kernel of a block equals the block', () => {
  const exact = [
    ['as the paper has it', {}],
    ['with a 1×1 primary and a 3×3 secondary', { primaryKernel: 1, secondaryKernel: 3 }],
    ['with a full secondary', { secondary: 'full' }],
    ['with the primary split into 3×1 and 1×3', { split: true }],
    ['with a bottleneck', { bottleneck: 2 }],
    ['with a batch norm before it', { bn: 'before' }],
  ] as const;

  it.each(exact)('%s, border and all', (_, variant) => {
    for (const block of blocks) {
      const { error, composite, compared } = compare({ net: 'IGC-L3M4', variant }, block);
      expect(composite.margin).toEqual([0, 0]);
      expect(compared).toBeGreaterThan(100);
      expect(error, block).toBeLessThanOrEqual(tolerances.conformanceFloat64);
    }
  });

  const inside = [
    ['with a spatial secondary', { secondaryKernel: 3 }, 1],
    ['with a larger spatial secondary', { secondaryKernel: 5 }, 2],
    ['with two convolutions a primary partition', { primaryConvolutions: 2 }, 1],
    ['with three convolutions a primary partition', { primaryConvolutions: 3 }, 2],
  ] as const;

  it.each(inside)('%s, away from the border', (_, variant, margin) => {
    for (const block of blocks.slice(0, 2)) {
      const { error, errorWithBorder, composite, compared } = compare(
        { net: 'IGC-L3M2', variant },
        block,
      );
      expect(composite.margin).toEqual([margin, margin]);
      expect(compared).toBeGreaterThan(50);
      expect(error, block).toBeLessThanOrEqual(tolerances.conformanceFloat64);
      expect(errorWithBorder, 'the border differs').toBeGreaterThan(1e-3);
    }
  });

  it.each([
    ['IGC-L3M2+Ident', undefined, 'stage2/block1/unit1'],
    ['IGC-L3M2+Ident', { quirk: 'resnet_igc' }, 'stage2/block1/unit1'],
    ['SumFusion', undefined, 'stage2/block1'],
    ['RegConv-W6', undefined, 'stage1/block1'],
    ['IGC-L6M1', undefined, 'stage1/block1'],
    ['IGC-L1M6', undefined, 'stage1/block1'],
    ['IGC-L3M2', undefined, 'stem'],
  ] as const)('in %s %o, block %s', (net, variant, block) => {
    const { error } = compare({ net, ...(variant && { variant }) }, block);
    expect(error).toBeLessThanOrEqual(tolerances.conformanceFloat64);
  });

  it('of the widest network of the paper, 900 channels', () => {
    const spec = namedNetwork({
      net: 'IGC-L450M2',
      depth: 20,
      input: { ...input, height: 32, width: 32 },
      classes: 100,
    });
    const weights = new Map([
      ['stage1/block2/primary/weight', new Float64Array(450 * 2 * 2 * 9).fill(1)],
      ['stage1/block2/secondary/weight', new Float64Array(2 * 450 * 450).fill(1)],
    ]);
    const { weight } = blockComposite(spec, 'stage1/block2', weights);
    expect(weight.length).toBe(900 * 900 * 9);
    expect(weight.findIndex((value) => value !== 1)).toBe(-1);
  });
});

describe('blockNonZeros', () => {
  it('counts eq. (16): the two sparse kernels hold T, their product is dense', () => {
    const { spec, weights } = randomNetwork({ net: 'IGC-L4M3' });
    const [L, M, taps] = [4, 3, 9];
    expect(blockNonZeros(spec, 'stage1/block1', weights)).toEqual({
      primary: L * M * M * taps,
      secondary: M * L * L,
      total: igcParameters({ L, M, taps }),
      composite: (L * M) ** 2 * taps,
      compositeSize: (L * M) ** 2 * taps,
    });
  });

  it('leaves out weights that are 0, and what they reach', () => {
    const { spec, weights } = randomNetwork({ net: 'IGC-L4M3' });
    // Secondary partition 0 passes each of its channels on alone.
    const secondary = weights.get('stage1/block1/secondary/weight')!;
    for (let i = 0; i < 16; i++) secondary[i] = i % 5 === 0 ? 1 : 0;
    const counts = blockNonZeros(spec, 'stage1/block1', weights);
    expect([counts.primary, counts.secondary]).toEqual([4 * 9 * 9, 2 * 16 + 4]);
    // Its 4 outputs see 3 inputs each instead of 12.
    expect(counts.composite).toBe(counts.compositeSize - 4 * 9 * 9);
  });

  it('counts every convolution of a primary partition', () => {
    const variant = { primaryConvolutions: 2, split: true } as const;
    const { spec, weights } = randomNetwork({ net: 'IGC-L3M2', variant });
    const { primary, secondary } = blockNonZeros(spec, 'stage1/block1', weights);
    expect([primary, secondary]).toEqual([4 * 3 * 2 * 2 * 3, 2 * 3 * 3]);
  });
});

test('a model file has the weights by the names that a composite kernel asks for', () => {
  const spec = namedNetwork({ net: 'IGC-L4M3', depth: 5, input, classes: 5 });
  const model = makeModel(spec, referenceKernels('float32'));
  initializeModel(model, 1);
  const preprocessing = { ...input, maxValue: 255, mean: [0, 0, 0], std: [1, 1, 1] };
  const card = { spec, classes: [], preprocessing, dataset: 'none', epoch: 0, step: 0 };
  const file = decodeSafetensors(encodeModel(model, card), 'model.safetensors');
  const tensors = restoreWeights(file.tensors, 'model.safetensors');
  const weights = new Map([...tensors].map(([path, { data }]) => [path, data]));
  const { total } = blockNonZeros(spec, 'stage1/block1', weights);
  expect(total).toBe(igcParameters({ L: 4, M: 3, taps: 9 }));
});

describe('a composite kernel is refused', () => {
  const compositeOf = (variant: NamedNetwork['variant'], block = 'stage1/block1') => {
    const { spec, weights } = randomNetwork({ net: 'IGC-L3M2', ...(variant && { variant }) });
    return () => blockComposite(spec, block, weights);
  };
  const rule = 'a composite kernel needs nothing but convolutions and permutations in between';
  const hint = 'only then is the block one convolution, eq. (6)';

  it('across a non-linearity', () => {
    expect(compositeOf({ between: 'relu' })).toThrow(
      `stage1/block1/primary/relu: ${rule}, got relu; ${hint}`,
    );
  });

  it('across a batch norm', () => {
    expect(compositeOf({ bn: 'both' })).toThrow(
      `stage1/block1/primary/bn: ${rule}, got batchNorm; ${hint}`,
    );
  });

  it('for a block that is not there', () => {
    expect(compositeOf(undefined, 'stage1/blok1')).toThrow(
      'IGC-L3M2: has no such block, got "stage1/blok1"; did you mean "stage1/block1"?',
    );
  });

  it('without the weights', () => {
    const { spec, weights } = randomNetwork({ net: 'IGC-L3M2' });
    weights.delete('stage1/block1/primary/weight');
    expect(() => blockComposite(spec, 'stage1/block1', weights)).toThrow(
      'stage1/block1/primary/weight: must have 108 weights, got none',
    );
    weights.set('stage1/block1/primary/weight', new Float64Array(5));
    expect(() => blockNonZeros(spec, 'stage1/block1', weights)).toThrow(
      'stage1/block1/primary/weight: must have 108 weights, got 5',
    );
  });
});

describe('composeChain', () => {
  it('of nothing is the identity', () => {
    const { op, weight, margin } = composeChain([], 3, new Map());
    expect([op.kernel, op.stride, op.pad, margin]).toEqual([[1, 1], 1, [0, 0], [0, 0]]);
    expect(Array.from(weight)).toEqual([1, 0, 0, 0, 1, 0, 0, 0, 1]);
  });
});
