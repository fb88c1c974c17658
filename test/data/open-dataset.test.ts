import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkDataset } from '../../src/data/check.ts';
import { type DatasetRequest, datasetNames, openDataset } from '../../src/data/open-dataset.ts';
import { openSynthetic } from '../../src/data/readers/synthetic.ts';
import { errorOf, inMemory, plainPng, put, temporaryFolder } from './fixtures.ts';

describe('openDataset', () => {
  it('opens every format by its name', async () => {
    expect(datasetNames).toEqual([
      ...['digits', 'cifar10', 'cifar100', 'svhn', 'mnist', 'fashion-mnist'],
      ...['folder', 'imagenet', 'packed', 'synthetic'],
    ]);
    expect((await openDataset({ name: 'digits', seed: 3 })).name).toBe('digits');
    const synthetic = { classes: 3, height: 6, width: 6 };
    const set = await openDataset({ name: 'synthetic', seed: 3, synthetic, imgSize: 6 });
    expect(set.classes).toEqual(['class0', 'class1', 'class2']);
  });

  it('holds out a validation split that depends on the seed, and leaves test alone', async () => {
    const open = async (seed: number) =>
      inMemory(await openDataset({ name: 'digits', seed, valSplit: 0.1 }));
    const [a, b, again] = await Promise.all([open(1), open(2), open(1)]);
    const whole = await openDataset({ name: 'digits', seed: 1 });
    expect(a.train.count + a.validation!.count).toBe(whole.train.count);
    expect(a.validation!.count).toBeCloseTo(whole.train.count / 10, -1);
    expect(a.validation!.pixels).toEqual(again.validation!.pixels);
    expect(a.validation!.pixels).not.toEqual(b.validation!.pixels);
    expect(a.test.pixels).toEqual(b.test.pixels);
    expect(whole.validation).toBeUndefined();
  });

  it('opens a folder, with a validation split of its own or one held out', async () => {
    const root = await temporaryFolder();
    for (const split of ['train', 'test']) {
      for (const [name, grey] of Object.entries({ cat: 1, dog: 2 })) {
        for (const i of [0, 1]) {
          await put(path.join(root, split, name, `${i}.png`), plainPng([10 * grey + i]));
        }
      }
    }
    const request = { name: 'folder', dir: root, seed: 0, imgSize: 4, valSplit: 0.5 };
    expect((await openDataset(request)).validation?.count).toBe(2);
    await put(path.join(root, 'val', 'dog', '0.png'), plainPng([1]));
    expect(await errorOf(() => openDataset(request))).toMatchObject({
      kind: 'usage',
      message:
        'data.valSplit: must be 0 when the data set has a validation split, got 0.5; leave it out',
    });
    expect((await openDataset({ ...request, valSplit: 0 })).validation?.count).toBe(1);
  });

  const wrong: readonly [Omit<DatasetRequest, 'seed'>, string][] = [
    [{ name: 'cifar' }, 'data.name: unknown data set, got "cifar"; did you mean "cifar10"?'],
    [
      { name: 'toString' },
      'data.name: unknown data set, got "toString"; known are digits, cifar10, cifar100, svhn, mnist, fashion-mnist, folder, imagenet, packed, synthetic',
    ],
    [
      { name: 'folder' },
      'data.dir: must name the folder of labelled images, got nothing; give it as data.dir',
    ],
    [{ name: 'digits', dir: 'x' }, 'data.dir: is not an option of digits, got "x"'],
    [{ name: 'mnist', split: 'paper' }, 'data.split: is not an option of mnist, got "paper"'],
    [{ name: 'packed' }, 'data.dir: must name the packed file, got nothing; give it as data.dir'],
    [{ name: 'cifar10', skipBad: true }, 'data.skipBad: is not an option of cifar10, got true'],
    [
      { name: 'imagenet', dir: 'x', skipBad: true },
      'data.skipBad: is not an option of imagenet, got true; "igc data check" names the images to remove',
    ],
    [{ name: 'digits', testSplit: 0.1 }, 'data.testSplit: is not an option of digits, got 0.1'],
    [
      { name: 'digits', synthetic: { count: 3 } },
      'data.synthetic: is not an option of digits, got {"count":3}',
    ],
    [{ name: 'digits', valSplit: 1 }, 'data.valSplit: must be at least 0 and below 1, got 1'],
    [{ name: 'digits', valSplit: -1 }, 'data.valSplit: must be at least 0 and below 1, got -1'],
    [
      { name: 'folder', dir: 'x', testSplit: 0 },
      'data.testSplit: must be above 0 and below 1, got 0',
    ],
    [
      { name: 'digits', imgSize: 2.5 },
      'data.imgSize: must be a whole number of pixels from 1, got 2.5',
    ],
    [
      { name: 'digits', imgSize: 32 },
      'data.imgSize: the images of digits are 8×8, got 32; only folders of images are resized',
    ],
  ];
  it.each(wrong)('refuses %j', async (request, message) => {
    const error = await errorOf(() => openDataset({ seed: 0, ...request }));
    expect(error).toMatchObject({ kind: 'usage', message });
  });
});

describe('synthetic', () => {
  it('is the same for the same options, and its classes can be told apart', () => {
    const { train, test } = openSynthetic({ classes: 5, count: 100, testCount: 50 });
    expect(openSynthetic({ classes: 5, count: 100, testCount: 50 }).train).toEqual(train);
    expect(openSynthetic({ classes: 5, count: 100, seed: 1 }).train).not.toEqual(train);
    expect(train).toMatchObject({ channels: 3, height: 16, width: 16, count: 100 });
    // The nearest class mean of the training images names nearly every test image.
    const size = 3 * 16 * 16;
    const means = Array.from({ length: 5 }, () => new Float64Array(size));
    for (let i = 0; i < train.pixels.length; i++) {
      means[train.labels[Math.floor(i / size)]!]![i % size]! += train.pixels[i]! / 20;
    }
    const guess = (image: Uint8Array) => {
      const distances = means.map((mean) => mean.reduce((d, m, i) => d + (m - image[i]!) ** 2, 0));
      return distances.indexOf(Math.min(...distances));
    };
    const right = [...test.labels].filter(
      (label, i) => guess(test.pixels.subarray(i * size, (i + 1) * size)) === label,
    );
    expect(right.length).toBeGreaterThanOrEqual(48);
  });

  it.each([
    [{ count: 0 }, 'data.synthetic.count: must be a whole number from 1, got 0'],
    [{ testCount: 1.5 }, 'data.synthetic.testCount: must be a whole number from 1, got 1.5'],
    [{ classes: 1 }, 'data.synthetic.classes: must be a whole number from 2, got 1'],
    [{ width: -1 }, 'data.synthetic.width: must be a whole number from 1, got -1'],
    [{ noise: -1 }, 'data.synthetic.noise: must be 0 or more, got -1'],
  ])('refuses %j', async (options, message) => {
    expect(await errorOf(() => openSynthetic(options))).toMatchObject({ kind: 'usage', message });
  });
});

describe('checkDataset', () => {
  it('counts classes in every split and images seen before, and passes on what was skipped', async () => {
    const synthetic = { classes: 2, count: 10, testCount: 4, channels: 1, height: 3, width: 3 };
    const open = { name: 'synthetic', seed: 0, synthetic, valSplit: 0.2 };
    const set = { ...inMemory(await openDataset(open)), skipped: ['a.png: why'] };
    set.test.pixels.set(set.train.pixels.subarray(0, 9), 9);
    set.train.pixels.copyWithin(9, 0, 9);
    const report = await checkDataset(set);
    expect(report).toMatchObject({
      name: 'synthetic',
      classes: ['class0', 'class1'],
      channels: 1,
      height: 3,
      width: 3,
      maxValue: 255,
      splits: [
        { split: 'train', count: 8, perClass: [4, 4] },
        { split: 'validation', count: 2, perClass: [1, 1] },
        { split: 'test', count: 4, perClass: [2, 2] },
      ],
      duplicates: { withinTrain: 1, testInTrain: 1, validationInTrain: 0 },
      skipped: ['a.png: why'],
    });
    expect(report.statistics.mean).toHaveLength(1);
  });

  it('finds the digits sound', async () => {
    const report = await checkDataset(await openDataset({ name: 'digits', seed: 0 }));
    expect(report.splits.map(({ split }) => split)).toEqual(['train', 'test']);
    expect(report.duplicates).toEqual({ withinTrain: 0, testInTrain: 0 });
  });
});
