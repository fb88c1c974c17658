import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { runIgc, temporaryFolder, tinyFolderRun, writeClasses } from './run-igc.ts';

const folder = temporaryFolder();

/** Runs `train` on data that it must refuse before it writes anything. */
async function refused(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runIgc(['train', ...args], { cwd: folder() });
  expect([code, stdout]).toEqual([3, '']);
  expect(stderr).not.toMatch(/^\s+at /m);
  return stderr;
}

describe('igc train, given bad images', () => {
  const onFolder = (name: string) => refused(['--data', `./${name}`, ...tinyFolderRun]);

  it('refuses a folder that is missing', async () => {
    expect(await onFolder('none')).toBe(
      '--data: must be an existing folder of images, got ./none\n',
    );
    const args = ['--data', 'folder', '--data-dir', 'none', '--dry-run'];
    expect(await refused(args)).toBe(
      '--data-dir: must be an existing folder of images, got none\n',
    );
    const unnamed = await runIgc(['train', '--data', 'folder'], { cwd: folder() });
    expect(unnamed.stderr).toBe(
      'data.dir: must name the folder of labelled images, got nothing; give it as --data-dir\n',
    );
  });

  it('refuses one class only', async () => {
    writeClasses(path.join(folder(), 'one'), ['cat']);
    expect(await onFolder('one')).toMatch(/must hold at least two classes, got only "cat"/);
  });

  it('names a class without images', async () => {
    writeClasses(path.join(folder(), 'gap'), ['cat', 'dog']);
    mkdirSync(path.join(folder(), 'gap', 'emu'));
    expect(await onFolder('gap')).toMatch(/every class must have images, got none in gap.emu/);
  });

  it('names the undecodable image and the flag that leaves it out', async () => {
    writeClasses(path.join(folder(), 'bad'), ['cat', 'dog']);
    writeFileSync(path.join(folder(), 'bad', 'dog', 'x.png'), 'no image');
    const stderr = await onFolder('bad');
    expect(stderr).toMatch(/^bad.dog.x\.png: must be a decodable image, got .+--skip-bad/);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it('goes on with --skip-bad, and counts and names what it left out', async () => {
    writeClasses(path.join(folder(), 'skip'), ['cat', 'dog'], 12);
    writeFileSync(path.join(folder(), 'skip', 'dog', 'x.png'), 'no image');
    const args = ['--data', './skip', '--skip-bad', '--name', 'skipped', ...tinyFolderRun];
    const { code, stdout, stderr } = await runIgc(['train', ...args, '--json'], { cwd: folder() });
    expect(code).toBe(0);
    expect(stderr).toMatch(/warning: 1 file was left out, the first is skip.dog.x\.png/);
    expect(JSON.parse(stdout)).toMatchObject({ skippedFiles: 1, dataset: 'folder' });
  });
});

describe('igc train, given very few images', () => {
  it('learns from them with the recipe for folders, and can be used', async () => {
    writeClasses(path.join(folder(), 'few'), ['cat', 'dog']);
    const train = ['train', '--data', './few', '--name', 'few', '--epochs', '3', '--threads', '1'];
    const { code, stderr, stdout } = await runIgc([...train, '--json'], { cwd: folder() });
    expect(code, stderr).toBe(0);
    expect(stderr).toMatch(/^network {3}IGC-L24M2, depth 8: /m);
    expect(stderr).toMatch(/8 training, 2 test images, 2 classes$/m);
    expect(stderr).toMatch(/^warning: few test images \(2\): each is 50 % of the test accuracy$/m);
    const { testAccuracy, ...summary } = JSON.parse(stdout);
    expect(summary).toMatchObject({ depth: 8, epochs: 3, steps: 3, dataset: 'folder' });
    expect([0, 50, 100]).toContain(testAccuracy);
    const config = JSON.parse(readFileSync(path.join(folder(), 'runs/few/config.json'), 'utf8'));
    expect(config).toMatchObject({ recipe: 'folder', batchSize: null, replicas: 1 });
    const args = ['predict', 'runs/few', 'few/cat/0.png', '--json'];
    const [prediction] = JSON.parse((await runIgc(args, { cwd: folder() })).stdout);
    expect(prediction.top).toHaveLength(2);
  });

  it('takes two images a class, and steps of one image', async () => {
    writeClasses(path.join(folder(), 'two'), ['cat', 'dog'], 2);
    const line = ['train', '--data', './two', '--depth', '5', '--epochs', '2', '--threads', '1'];
    for (const more of [[], ['--batch', '1'], ['--replicas', '2']]) {
      const { code, stderr } = await runIgc([...line, ...more], { cwd: folder() });
      expect(code, stderr).toBe(0);
    }
    const { code, stderr } = await runIgc([...line, '--replicas', '3'], { cwd: folder() });
    expect([code, stderr]).toEqual([
      2,
      '--replicas: must be at most the number of images in a batch, got replicas=3 and 2 images\n',
    ]);
  });
});

describe('igc train, given bad CIFAR files', () => {
  const onCifar = () => refused(['--data', 'cifar10', '--data-dir', 'cifar']);

  it('says what is missing and where to get it', async () => {
    const stderr = await refused(['--data', 'cifar10', '--data-dir', 'nothing']);
    expect(stderr).toMatch(/needs a folder that holds data_batch_1\.bin, .*test_batch\.bin/);
    expect(stderr).toMatch(/cifar-10-binary\.tar\.gz/);
    expect(stderr).toMatch(/as --data-dir$/m);
  });

  it('names the file that is truncated or too long, and its size', async () => {
    const cifar = path.join(folder(), 'cifar');
    mkdirSync(cifar);
    for (const name of [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`).concat('test_batch.bin')) {
      writeFileSync(path.join(cifar, name), '');
      truncateSync(path.join(cifar, name), 30_730_000); // a hole: no disk space
    }
    truncateSync(path.join(cifar, 'data_batch_3.bin'), 30_729_999);
    expect(await onCifar()).toBe(
      'cifar10: data_batch_3.bin has 30729999 bytes, expected 30730000 (10000 records of 3073); the file is truncated\n',
    );
    truncateSync(path.join(cifar, 'data_batch_3.bin'), 30_730_001);
    expect(await onCifar()).toMatch(
      /data_batch_3\.bin has 30730001 bytes.*; the file is too long$/m,
    );
  });
});

describe('igc data check', () => {
  it('counts classes and splits and finds duplicates', async () => {
    writeClasses(path.join(folder(), 'good/train'), ['cat', 'dog'], 4);
    writeClasses(path.join(folder(), 'good/test'), ['cat', 'dog'], 2);
    const { code, stdout, stderr } = await runIgc(['data', 'check', './good'], { cwd: folder() });
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('folder: 3×32×32 images, 2 classes');
    expect(stdout).toMatch(/^cat +4 +2$/m);
    expect(stdout).toMatch(/^in all +8 +4$/m);
    expect(stdout).toContain('4 images of test are in train, too');
  });

  it('gives the same as JSON', async () => {
    const { stdout } = await runIgc(['data', 'check', '--data', 'digits', '--json']);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ name: 'digits', channels: 1, height: 8, width: 8 });
    expect(report.splits.map((split: { count: number }) => split.count)).toEqual([1438, 359]);
  });

  it('lists the skipped files', async () => {
    writeClasses(path.join(folder(), 'list'), ['cat', 'dog'], 12);
    writeFileSync(path.join(folder(), 'list', 'cat', 'x.png'), 'no image');
    const args = ['data', 'check', './list', '--skip-bad'];
    const { code, stdout } = await runIgc(args, { cwd: folder() });
    expect(code).toBe(0);
    expect(stdout).toMatch(/1 file skipped:\n {2}list.cat.x\.png: must be a decodable image/);
  });
});
