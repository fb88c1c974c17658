/** One network of each family, and somebody's own, learn synthetic images end to end and come back from their files. */
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { IgcError } from '../../src/core/errors.ts';
import { buildGraph } from '../../src/spec/network.ts';
import { type ConfigOverrides, parseConfig, resolveConfig } from '../../src/train/config.ts';
import { loadModel } from '../../src/train/load.ts';
import { collect, resumeTask, smallTask, temporaryFolder } from './small-run.ts';

const own = {
  name: 'mine',
  blocks: [
    { kind: 'regular', outChannels: 8 },
    { kind: 'igc', L: 4, M: 2, bottleneck: 2 },
    {
      kind: 'residual',
      body: [
        { kind: 'igc', L: 4, M: 4, stride: 2, split: true },
        { kind: 'igc', L: 4, M: 4, between: 'relu' },
      ],
      projection: { groups: 4 },
    },
  ],
} as const;

const small = { count: 96, testCount: 32, classes: 3, channels: 1, height: 8, width: 8 };
interface Trial {
  readonly name: string;
  readonly network: ConfigOverrides;
  readonly images?: typeof small;
}

const networks: readonly Trial[] = [
  { name: 'family cifar', network: { net: 'IGC-L4M2', depth: 8 } },
  {
    name: 'family cifar with identity connections and the quirk',
    network: { net: 'IGC-L2M2+Ident', depth: 8, variant: { quirk: 'resnet_igc' } },
  },
  {
    name: 'family cifar with L-doubling',
    network: { net: 'IGC-L4M2', depth: 5, double: 'L' },
  },
  { name: 'family flat8', network: { net: 'IGC-L4M2', depth: 8, family: 'flat8' } },
  {
    name: 'family imagenet18',
    network: { net: 'IGC-L4M2+Ident', depth: 18, family: 'imagenet18', double: 'L' },
    images: { ...small, height: 32, width: 32 },
  },
  {
    name: 'pre-activated SumFusion blocks',
    network: { net: 'SumFusion+Ident', depth: 8, variant: { bn: 'before' } },
  },
  { name: 'somebody’s own', network: { net: own, depth: 5 } },
];

const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;

describe('a network of', () => {
  it.each(networks)('$name learns, and is what its checkpoint says', async (trial) => {
    const { network, images = small } = trial;
    const output = temporaryFolder();
    const task = smallTask(output, {
      ...network,
      epochs: 8,
      data: { synthetic: images, valSplit: 0 },
      bn: { oldWeight: 0.9 },
    });
    const { events, error } = await collect(task);
    expect(error).toBeUndefined();
    const losses = events.flatMap((event) => (event.kind === 'step' ? [event.loss] : []));
    expect(losses).toHaveLength(8 * 6);
    expect(mean(losses.slice(-6))).toBeLessThan(0.8 * mean(losses.slice(0, 6)));
    const { spec, dispose } = await loadModel(path.join(output, 'run'), { kernels: 'reference' });
    dispose();
    const { channels, height, width } = images;
    expect(spec.depth).toBe(network.depth);
    expect(spec.input).toEqual({ channels, height, width });
    expect(buildGraph(spec).nodes.at(-1)!.shape.channels).toBe(images.classes);
  });
});

it('a run of an own network goes on where it was stopped', async () => {
  const output = temporaryFolder();
  let asked = 0;
  const stopped = await collect(smallTask(output, { net: own, depth: 5 }), {
    isStopped: () => ++asked > 8,
  });
  expect(stopped.events.some(({ kind }) => kind === 'done')).toBe(false);
  const { events, error } = await collect(resumeTask(path.join(output, 'run')));
  expect(error).toBeUndefined();
  expect(events.at(-1)).toMatchObject({ kind: 'done', summary: { net: 'mine', depth: 5 } });
});

describe('a configuration', () => {
  it('takes depth from the family, and everything from an own network', () => {
    expect(resolveConfig(undefined, { family: 'flat8' }).depth).toBe(8);
    const imagenet = resolveConfig(undefined, { family: 'imagenet18', net: 'IGC-L4M32' });
    expect([imagenet.depth, imagenet.bn.oldWeight]).toEqual([18, 0.9]);
    const config = resolveConfig(undefined, {
      net: { ...own, batchNorm: { epsilon: 1e-3 } },
      bn: { oldWeight: 0.5 },
    });
    expect(config).toMatchObject({
      net: { name: 'mine', depth: 5 },
      depth: 5,
      family: 'own',
      double: null,
      variant: {},
      bn: { epsilon: 1e-3, oldWeight: 0.5 },
    });
    expect(parseConfig(JSON.parse(JSON.stringify(config)))).toEqual(config);
  });

  it('of a run before families had options is read with their defaults', () => {
    const { double: _double, variant: _variant, ...old } = resolveConfig();
    expect(parseConfig(old)).toMatchObject({ double: null, variant: {} });
  });

  const mistakes: readonly (readonly [string, object])[] = [
    ['double: must be M or L, got "B"', { double: 'B' }],
    ['depth: is 8 in family flat8, got 20', { family: 'flat8', depth: 20 }],
    ['variant.split: must be true or false, got 1', { variant: { split: 1 } }],
    ['variant.splits: unknown option; did you mean "split"?', { variant: { splits: true } }],
    ['family: own needs a network given as an object, got IGC-L24M2', { family: 'own' }],
    ['family: is an option of networks by name, got mine', { net: own, family: 'cifar' }],
    ['variant: is an option of networks by name, got mine', { net: own, variant: { split: true } }],
    ['depth: is 5, the number of its layers, for mine, got 8', { net: own, depth: 8 }],
    [
      'net.blocks[0].outChannel: unknown option; did you mean "outChannels"?',
      { net: { blocks: [{ kind: 'regular', outChannel: 3 }] } },
    ],
  ];

  it.each(mistakes)('is refused: %s', (message, overrides) => {
    const resolve = () => resolveConfig(undefined, overrides as ConfigOverrides);
    expect(resolve).toThrow(IgcError);
    expect(resolve).toThrow(expect.objectContaining({ message }));
  });
});
