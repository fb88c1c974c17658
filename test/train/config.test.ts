import { describe, expect, it } from 'vitest';
import { datasetNames } from '../../src/data/open-dataset.ts';
import {
  type ConfigOverrides,
  dataNames,
  datasetRequest,
  parseConfig,
  resolveConfig,
} from '../../src/train/config.ts';
import { hashConfig } from '../../src/train/run-folder.ts';

const folderData = { name: 'folder', dir: 'x' };

describe('a configuration', () => {
  it("has the paper's values when nothing is chosen", () => {
    expect(resolveConfig()).toMatchObject({
      recipe: 'paper-cifar',
      net: 'IGC-L24M2',
      data: { name: 'cifar10' },
      epochs: 400,
      batchSize: 64,
      replicas: 2,
      optimizer: { learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 1e-4 },
      schedule: { kind: 'step', milestones: [0.5, 0.75, 0.875], factor: 0.1 },
      bn: { oldWeight: 0.99, epsilon: 2e-5, warm: true },
      augment: { pad: 4, mirror: true },
    });
  });

  it('takes the recipe of its data, and lays overrides over it', () => {
    const config = resolveConfig(undefined, { data: { name: 'digits' }, bn: { warm: false } });
    expect(config).toMatchObject({
      recipe: 'digits',
      depth: 8,
      epochs: 20,
      bn: { oldWeight: 0.9, warm: false },
      augment: { pad: 1, mirror: false },
    });
    expect(resolveConfig('digits', { epochs: 3 }).epochs).toBe(3);
    expect(resolveConfig(undefined, { recipe: 'digits' }).data.name).toBe('digits');
    expect(resolveConfig(undefined, { data: { name: 'folder', dir: 'x' } })).toMatchObject({
      recipe: 'folder',
      net: 'IGC-L24M2',
      depth: 8,
      epochs: 30,
      batchSize: null,
      replicas: 1,
      bn: { oldWeight: 0.9 },
      augment: { pad: 4, mirror: true },
    });
  });

  it('weighs old running averages by the kind of network unless told otherwise', () => {
    const ident = { net: 'IGC-L4M8+Ident', depth: 20 };
    expect(resolveConfig(undefined, ident).bn.oldWeight).toBe(0.9);
    expect(resolveConfig(undefined, { ...ident, bn: { oldWeight: 0.5 } }).bn.oldWeight).toBe(0.5);
  });

  it('survives JSON and is its own override', () => {
    const config = resolveConfig('digits', { seed: 7 });
    expect(parseConfig(JSON.parse(JSON.stringify(config)))).toEqual(config);
    expect(resolveConfig(undefined, config)).toEqual(config);
  });

  it('knows every data set that can be opened, and asks for it in its words', () => {
    expect([...dataNames].sort()).toEqual([...datasetNames].sort());
    const data = { ...folderData, imgSize: 64, valSplit: 0.1, testSplit: 0.3, skipBad: true };
    expect(datasetRequest(resolveConfig(undefined, { data, seed: 5 } as ConfigOverrides))).toEqual({
      name: 'folder',
      dir: 'x',
      imgSize: 64,
      valSplit: 0.1,
      testSplit: 0.3,
      skipBad: true,
      split: 'official',
      seed: 5,
      synthetic: undefined,
    });
  });

  it('has a hash that later keys do not change while they mean nothing', () => {
    const config = resolveConfig('paper-cifar', { seed: 3 });
    const old = JSON.parse(JSON.stringify(config));
    for (const key of ['cutout', 'mixup', 'cutmix', 'resizedCrop', 'color'])
      delete old.augment[key];
    for (const key of ['statistics', 'split']) delete old.data[key];
    // What igcnet 0.1 computed before it knew those keys.
    expect(hashConfig(old)).toBe(hashConfig(config));
    expect(hashConfig(parseConfig(old))).toBe(hashConfig(config));
    const changed = resolveConfig('paper-cifar', { seed: 3, augment: { cutout: 8 } });
    expect(hashConfig(changed)).not.toBe(hashConfig(config));
  });

  it.each<[unknown, string]>([
    [{ optimiser: {} }, 'optimiser: unknown option; did you mean "optimizer"?'],
    [
      { optimizer: { learningrate: 1 } },
      'optimizer.learningrate: unknown option; did you mean "learningRate"?',
    ],
    [
      { optimizer: { lr: 1 } },
      'optimizer.lr: unknown option; known are learningRate, momentum, nesterov, weightDecay, decayBatchNorm',
    ],
    [{ milestones: [0.5] }, 'milestones: unknown option; did you mean "schedule.milestones"?'],
    [{ data: { synthetic: { size: 3 } } }, 'data.synthetic.size: unknown option; known are'],
    [{ optimizer: 3 }, 'optimizer: must be an object, got 3'],
    [3, 'config: must be an object'],
    [
      { optimizer: { learningRate: 0 } },
      'optimizer.learningRate: must be a positive number, got 0',
    ],
    [{ optimizer: { momentum: 1 } }, 'optimizer.momentum: must be a number in [0, 1), got 1'],
    [
      { optimizer: { weightDecay: -1 } },
      'optimizer.weightDecay: must be a number of at least 0, got -1',
    ],
    [{ optimizer: { nesterov: 'yes' } }, 'optimizer.nesterov: must be true or false, got "yes"'],
    [{ epochs: '3' }, 'epochs: must be an integer of at least 1, got "3"'],
    [{ epochs: 1.5 }, 'epochs: must be an integer of at least 1, got 1.5'],
    [{ epochs: null }, 'epochs: must be an integer of at least 1, got null'],
    [{ seed: -1 }, 'seed: must be an integer of at least 0, got -1'],
    [{ threads: 2000 }, 'threads: must be an integer in 0…1024, got 2000'],
    [{ smoothing: 1 }, 'smoothing: must be a number in [0, 1), got 1'],
    [{ schedule: { peakAt: 0 } }, 'schedule.peakAt: must be a number in (0, 1), got 0'],
    [
      { schedule: { kind: 'steps' } },
      'schedule.kind: must be one of step, cosine, one-cycle, constant, got "steps"; did you mean "step"?',
    ],
    [
      { schedule: { milestones: [0.5, 0.4] } },
      'schedule.milestones: must be a list of ascending fractions in (0, 1), got [0.5,0.4]',
    ],
    [
      { schedule: { milestones: 3 } },
      'schedule.milestones: must be a list of ascending fractions in (0, 1), got 3',
    ],
    [{ schedule: { factor: Number.NaN } }, 'schedule.factor: must be a positive number, got null'],
    [{ kernels: 'natve' }, 'reference-float64, got "natve"; did you mean "native"?'],
    [{ data: { name: 'digts' } }, 'synthetic, got "digts"; did you mean "digits"?'],
    [{ recipe: 'foldr' }, 'recipe: unknown recipe, got "foldr"; did you mean "folder"?'],
    [{ kernels: 'gpu' }, 'kernels: must be one of auto, native, native-avx512, native-avx2'],
    [{ family: 'imagenet' }, 'family: must be one of cifar, flat8, imagenet18, got "imagenet"'],
    [{ name: 'a/b' }, 'name: must be a folder name without slashes, or null, got "a/b"'],
    [{ name: '..' }, 'name: must be a folder name without slashes, or null, got ".."'],
    [{ output: '' }, 'output: must be a folder name, got ""'],
    [
      { data: { name: 'stl10' } },
      'data.name: must be one of digits, cifar10, cifar100, svhn, mnist',
    ],
    [{ data: { dir: 3 } }, 'data.dir: must be a folder name or null, got 3'],
    [{ data: { name: 'folder' } }, 'data.dir: must name the folder of labelled images'],
    [{ data: { name: 'digits', dir: 'x' } }, 'data.dir: is not an option of digits, got "x"'],
    [{ net: 3 }, 'net: must be the name of a network, got 3'],
    [{ net: 'IGC-24' }, 'net: must be IGC-L<L>M<M>, RegConv-W<width> or SumFusion'],
    [{ depth: 9 }, 'depth: must be 3B + 2, got 9; nearest are 8 and 11'],
    [{ batchSize: 63 }, 'batchSize: must be divisible by replicas, got batchSize=63 replicas=2'],
    [
      { epochs: 4, schedule: { warmupEpochs: 4 } },
      'schedule.warmupEpochs: must be below epochs, got warmupEpochs=4 epochs=4',
    ],
    [
      { schedule: { kind: 'one-cycle', warmupEpochs: 1 } },
      'schedule.warmupEpochs: must be 0 with a one-cycle schedule, got 1; its own rise is set by',
    ],
    [{ recipe: 'digit' }, 'recipe: unknown recipe, got "digit"; did you mean "digits"?'],
  ])('refuses %j', (overrides, message) => {
    expect(() => resolveConfig(undefined, overrides as ConfigOverrides)).toThrow(
      expect.objectContaining({ message: expect.stringContaining(message), kind: 'usage' }),
    );
  });

  it('stores activations in float32 where an older file does not say', () => {
    const { storage, ...older } = resolveConfig('digits');
    expect(storage).toBe('float32');
    expect(parseConfig(older).storage).toBe('float32');
  });

  it('must be complete when it is read from a file', () => {
    const { seed: _seed, ...rest } = resolveConfig('digits');
    expect(() => parseConfig(rest)).toThrow('seed: must be given');
  });
});
