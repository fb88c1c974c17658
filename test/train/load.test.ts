import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { encode } from 'fast-png';
import { beforeAll, describe, expect, it } from 'vitest';
import { openSynthetic } from '../../src/data/readers/synthetic.ts';
import { type ConfigOverrides, resolveConfig } from '../../src/train/config.ts';
import { evaluateRun, loadModel, predictFiles } from '../../src/train/load.ts';
import { collect, smallRun, smallTask, temporaryFolder } from './small-run.ts';

const root = mkdtempSync(path.join(tmpdir(), 'igcnet-load-'));
const run = path.join(root, 'run');
const options = { kernels: 'reference' } as const;
let rows: readonly { testAccuracy?: number; testLoss?: number; validationAccuracy?: number }[];

beforeAll(async () => {
  const { events } = await collect(smallTask(root, { epochs: 8 }));
  rows = events.flatMap((event) => (event.kind === 'epoch' ? [event.row] : []));
  return () => rmSync(root, { recursive: true, force: true });
});

const openTest = async () => openSynthetic(smallRun.data.synthetic).test;

describe('an evaluated run', () => {
  it('has the figures of its last epoch, or of its best', async () => {
    const result = await evaluateRun(run, options);
    expect(result).toMatchObject({
      run,
      which: 'last',
      split: 'test',
      epoch: 8,
      net: 'IGC-L2M2',
      dataset: 'synthetic',
      classes: ['class0', 'class1', 'class2'],
      images: 40,
      top1: rows[7]!.testAccuracy,
      loss: rows[7]!.testLoss,
      k: 3,
      topK: 100,
    });
    const best = await evaluateRun(run, { ...options, which: 'best', split: 'validation' });
    expect(best.top1).toBe(Math.max(...rows.map((row) => row.validationAccuracy!)));
    const folder = path.join(run, 'checkpoints', 'last');
    expect((await evaluateRun(folder, options)).top1).toBe(result.top1);
  });

  it('says what is wrong with its folder, its split or its data', async () => {
    const errorOf = (promise: Promise<unknown>) =>
      promise.then(
        () => undefined,
        (error) => error,
      );
    expect(await errorOf(evaluateRun(path.join(root, 'x')))).toMatchObject({
      kind: 'data',
      message: `${root}/x: must be a run folder with checkpoints/last, or a checkpoint folder, got no such folder`,
    });
    expect(await errorOf(evaluateRun(run, { ...options, dataDir: root }))).toMatchObject({
      kind: 'usage',
      message: `data.dir: is not an option of synthetic, got "${root}"`,
    });
    const output = temporaryFolder();
    await collect(smallTask(output, { epochs: 1, data: { valSplit: 0 } }));
    const split = { ...options, split: 'validation' } as const;
    expect(await errorOf(evaluateRun(path.join(output, 'run'), split))).toMatchObject({
      kind: 'usage',
      message:
        'split: synthetic must have the split, got validation; it has train, test; data.valSplit ' +
        'makes a validation split',
    });
  });

  it('refuses a checkpoint of another network, or of a newer format, in its folder', async () => {
    const output = temporaryFolder();
    await collect(smallTask(output, { epochs: 1 }));
    await collect(smallTask(output, { epochs: 1, net: 'IGC-L4M2', name: 'other' }));
    const folder = path.join(output, 'run');
    const model = path.join('checkpoints', 'last', 'model.safetensors');
    const complaint = () =>
      evaluateRun(folder, options).then(
        () => 'nothing was refused',
        ({ kind, message }) => `${kind}: ${message}`,
      );
    const own = readFileSync(path.join(folder, model));
    writeFileSync(path.join(folder, model), readFileSync(path.join(output, 'other', model)));
    expect(await complaint()).toMatch(/^data: .*it belongs to another network$/);
    writeFileSync(path.join(folder, model), own);
    const state = path.join(folder, 'checkpoints', 'last', 'state.json');
    const newer = { ...JSON.parse(readFileSync(state, 'utf8')), formatVersion: 99 };
    writeFileSync(state, JSON.stringify(newer));
    expect(await complaint()).toMatch(/^data: .*99.*newer igcnet/);
  });

  it('refuses data of other images or classes than it was trained on', async () => {
    const { readFileSync } = await import('node:fs');
    const config = path.join(run, 'config.json');
    const original = readFileSync(config, 'utf8');
    const withSynthetic = async (changes: object) => {
      const parsed = JSON.parse(original);
      Object.assign(parsed.data.synthetic, changes);
      writeFileSync(config, JSON.stringify(parsed));
      return evaluateRun(run, options).then(
        () => undefined,
        (error) => error,
      );
    };
    try {
      expect(await withSynthetic({ height: 12, width: 12 })).toMatchObject({
        kind: 'data',
        message: expect.stringContaining('takes images of 1×8×8, got synthetic of 1×12×12'),
      });
      expect(await withSynthetic({ classes: 4 })).toMatchObject({
        kind: 'data',
        message: expect.stringContaining(
          'knows the classes class0, class1, class2, got synthetic with class0, class1, class2, class3',
        ),
      });
    } finally {
      writeFileSync(config, original);
    }
  });
});

describe('a loaded model', () => {
  it('classifies one image or many alike, as its evaluation does', async () => {
    const model = await loadModel(run, options);
    const test = await openTest();
    expect(model).toMatchObject({
      classes: ['class0', 'class1', 'class2'],
      preprocessing: { channels: 1, height: 8, width: 8, maxValue: 255 },
      checkpoint: { folder: path.join(run, 'checkpoints', 'last'), epoch: 8, step: 48 },
      kernels: { name: 'reference-float32', threads: 1 },
      warnings: [],
    });
    const twice = new Uint8Array(2 * test.pixels.length); // 80 images: more than one batch
    twice.set(test.pixels);
    twice.set(test.pixels, test.pixels.length);
    const all = model.classify(twice);
    expect(all).toHaveLength(80);
    let right = 0;
    for (let i = 0; i < test.count; i++) {
      const probabilities = all[i]!;
      expect(all[i + 40]).toEqual(probabilities);
      expect(probabilities.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 5);
      if (probabilities.indexOf(Math.max(...probabilities)) === test.labels[i]) right++;
      const [single] = model.classify(test.pixels.subarray(64 * i, 64 * (i + 1)));
      for (const [k, p] of single!.entries()) expect(p).toBeCloseTo(probabilities[k]!, 5);
    }
    expect((100 * right) / test.count).toBe(rows[7]!.testAccuracy);
    model.dispose();
  });

  it('refuses bytes that are no whole number of images', async () => {
    const model = await loadModel(run, options);
    for (const length of [0, 63, 65]) {
      expect(() => model.classify(new Uint8Array(length))).toThrow(
        `classify: images must be a multiple of 1×8×8 bytes, got ${length}`,
      );
    }
  });
});

describe('predicted files', () => {
  it('come in order, with the likeliest classes first', async () => {
    const folder = temporaryFolder();
    const test = await openTest();
    const files = [0, 1, 2, 3].map((i) => {
      const data = test.pixels.slice(64 * i, 64 * (i + 1));
      const file = path.join(folder, `${i}.png`);
      writeFileSync(file, encode({ width: 8, height: 8, data, channels: 1, depth: 8 }));
      return file;
    });
    const predictions = await predictFiles(run, files, { ...options, top: 2 });
    const model = await loadModel(run, options);
    const expected = model.classify(test.pixels.slice(0, 4 * 64));
    expect(predictions.map(({ file }) => file)).toEqual(files);
    for (const [i, { top }] of predictions.entries()) {
      expect(top).toHaveLength(2);
      const sorted = [...expected[i]!].sort((a, b) => b - a);
      expect(top[0]!.probability).toBeCloseTo(sorted[0]!, 2);
      expect(model.classes.indexOf(top[0]!.name)).toBe(expected[i]!.indexOf(sorted[0]!));
    }
    expect((await predictFiles(run, files, options))[0]!.top).toHaveLength(3);
    const bad = path.join(folder, 'bad.png');
    writeFileSync(bad, 'no image');
    await expect(predictFiles(run, [files[0]!, bad], options)).rejects.toMatchObject({
      kind: 'data',
      message: expect.stringContaining(`${bad}: `),
    });
    const skipping = await predictFiles(run, [bad, files[0]!], { ...options, skipBad: true });
    expect(skipping[0]).toMatchObject({ file: bad, top: [], error: expect.stringContaining(bad) });
    expect(skipping[1]!.top[0]!.name).toBe(predictions[0]!.top[0]!.name);
    await expect(predictFiles(run, files, { top: 0 })).rejects.toThrow(
      'top: must be an integer of at least 1, got 0',
    );
  });
});

describe('a network trained on images that are decoded when needed', () => {
  it('sees a file as its evaluation does', async () => {
    const root = temporaryFolder();
    for (const [split, name, grey] of [
      ['train', 'cat', 10],
      ['train', 'dog', 200],
      ['val', 'cat', 60],
      ['val', 'dog', 140],
    ] as const) {
      mkdirSync(path.join(root, 'in', split, name), { recursive: true });
      const data = Uint8Array.from({ length: 900 }, (_, i) => (grey + 3 * (i % 30)) % 256);
      for (const i of [0, 1, 2, 3]) {
        const png = encode({ width: 30, height: 30, data: data.map((v) => v + i), channels: 1 });
        writeFileSync(path.join(root, 'in', split, name, `${i}.png`), png);
      }
    }
    const data = { name: 'imagenet', dir: path.join(root, 'in'), imgSize: 8, synthetic: null };
    const more = { data, family: 'cifar', net: 'IGC-L2M2', double: null, batchSize: 4 } as const;
    const plain = {
      augment: { pad: 0, mirror: true, resizedCrop: null, color: null },
      replicas: 1,
    };
    const config = resolveConfig('paper-imagenet', {
      ...smallRun,
      ...more,
      ...plain,
      data: { ...data, statistics: null, valSplit: 0 },
      epochs: 2,
      output: root,
    } as ConfigOverrides);
    const { error } = await collect({ kind: 'new', config });
    if (error) throw error;
    const trained = path.join(root, 'run');
    const { preprocessing } = await loadModel(trained, options);
    expect(preprocessing.cropShare).toBe(224 / 256);
    const { perClass, loss } = await evaluateRun(trained, options);
    const files = ['cat', 'dog'].flatMap((name) =>
      [0, 1, 2, 3].map((i) => path.join(root, 'in', 'val', name, `${i}.png`)),
    );
    const predictions = await predictFiles(trained, files, options);
    const losses = predictions.map(({ file, top }) => {
      const truth = path.basename(path.dirname(file));
      return -Math.log(top.find(({ name }) => name === truth)!.probability);
    });
    expect(losses.reduce((sum, x) => sum + x, 0) / 8).toBeCloseTo(loss, 2);
    expect(perClass).toHaveLength(2);
  });
});
