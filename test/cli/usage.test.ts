import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { callIgc, runIgc, temporaryFolder } from './run-igc.ts';

const folder = temporaryFolder();

/** Command lines with a mistake in them, and the one line that says which. */
const mistakes: readonly [line: string, message: string][] = [
  ['train --epohcs 3', 'igc train: unknown option --epohcs; did you mean --epochs?'],
  ['trian', 'igc: unknown command trian; did you mean train?'],
  ['data chekc', 'igc data: unknown command chekc; did you mean check?'],
  ['train extra', 'igc train: takes no arguments, got 1; see igc train --help'],
  ['train --lr', 'igc train: --lr needs a value; see igc train --help'],
  ['eval', 'igc eval: needs <run>; see igc eval --help'],
  ['predict run', 'igc predict: needs <files>; see igc predict --help'],
  [
    'eval run --checkpoint lats',
    'igc eval: --checkpoint must be one of last, best, got "lats"; did you mean last?',
  ],
  [
    'train --data digts',
    '--data: must be one of digits, cifar10, cifar100, svhn, mnist, fashion-mnist, folder, imagenet, packed, synthetic, got "digts"; did you mean "digits"?',
  ],
  [
    'train --sched cosin',
    '--sched: must be one of step, cosine, one-cycle, constant, got "cosin"; did you mean "cosine"?',
  ],
  [
    'eval run --split tset',
    'igc eval: --split must be one of train, validation, test, got "tset"; did you mean test?',
  ],
  ['train --epochs many', '--epochs: must be a number, got "many"'],
  ['train --epochs 0', '--epochs: must be an integer of at least 1, got 0'],
  ['train --lr -1', '--lr: must be a positive number, got -1'],
  ['predict run a.png --top 0', '--top: must be a whole number of at least 1, got 0'],
  ['train --batch 65', '--batch: must be divisible by replicas, got batchSize=65 replicas=2'],
  ['train --recipe digts', '--recipe: unknown recipe, got "digts"; did you mean "digits"?'],
  ['train --set optimiser.momentum=0', 'optimiser: unknown option; did you mean "optimizer"?'],
  [
    'train --set epochs',
    '--set: must be written a.b=value, got "epochs"; for example --set schedule.factor=0.2',
  ],
  ['train --depth 9', '--depth: must be 3B + 2, got 9; nearest are 8 and 11'],
  [
    'train --net IGC-L4M8+Ident --depth 9',
    '--depth: must be 6n + 2 for +Ident networks, got 9; nearest are 8 and 14',
  ],
  [
    'describe --net IGC-L24',
    '--net: must be IGC-L<L>M<M>, RegConv-W<width> or SumFusion, each with optional +Ident, got "IGC-L24"; for example IGC-L24M2, RegConv-W16, IGC-L4M8+Ident',
  ],
  [
    'describe --img-size 30',
    'input: image sides must be divisible by 4 (three stages, halved twice), got 30×30; nearest side is 32 (--img-size)',
  ],
  ['describe --batch 9 --replicas 2', '--replicas: must divide the batch, got batch=9 replicas=2'],
  ['train --config missing.yaml', '--config: missing.yaml must be readable, got ENOENT'],
  [
    'train --resume run --dry-run',
    '--dry-run: cannot be given with --resume; run/config.json is what will be used',
  ],
];

describe('igc, called wrongly', () => {
  it.each(mistakes)('%s', async (line, message) => {
    const { code, stdout, stderr } = await callIgc(line.split(' '));
    expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '', stderr: `${message}\n` });
  });

  it('names the unknown key of a configuration file', async () => {
    writeFileSync(path.join(folder(), 'a.yaml'), '# comment\nschedule:\n  milstones: [0.5]\n');
    const { code, stderr } = await runIgc(['train', '--config', 'a.yaml'], { cwd: folder() });
    expect(stderr).toBe('schedule.milstones: unknown option; did you mean "milestones"?\n');
    expect(code).toBe(2);
  });

  it('says where a configuration file is no YAML', async () => {
    writeFileSync(path.join(folder(), 'b.yaml'), 'epochs: [1, 2\n');
    const { code, stderr } = await runIgc(['train', '--config', 'b.yaml'], { cwd: folder() });
    expect(stderr).toMatch(/^b\.yaml: must be JSON or YAML, got .+ at line \d+, column \d+\n$/);
    expect(code).toBe(2);
  });

  it('cannot be made to touch a prototype by --set', async () => {
    const { code, stderr } = await runIgc([
      'train',
      '--set',
      '__proto__.epochs=3',
      '--print-config',
    ]);
    expect(stderr).toMatch(/^__proto__\.epochs: unknown option/);
    expect(code).toBe(2);
  });
});

describe('igc, asked for help', () => {
  it.each([
    ['--help', 'Usage: igc '],
    ['train --help', 'Usage: igc train '],
    ['data check --help', 'Usage: igc data check '],
  ])('%s is answered on stdout', async (line, start) => {
    const { code, stdout, stderr } = await callIgc(line.split(' '));
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.startsWith(start)).toBe(true);
  });

  it('lists every command', async () => {
    const { stdout } = await runIgc(['--help']);
    for (const name of ['train', 'eval', 'predict', 'describe', 'data', 'doctor']) {
      expect(stdout).toMatch(new RegExp(`^  ${name}\\b`, 'm'));
    }
  });

  it('shows the help and fails when called without a command', async () => {
    const { code, stdout, stderr } = await runIgc([]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^Usage: igc /);
  });
});

describe('igc train --print-config', () => {
  const printed = async (...args: string[]) => {
    const { code, stdout, stderr } = await runIgc(['train', '--print-config', ...args], {
      cwd: folder(),
    });
    expect([code, stderr]).toEqual([0, '']);
    return JSON.parse(stdout);
  };

  it('takes values from recipe, file, --set and flags, later ones first', async () => {
    writeFileSync(
      path.join(folder(), 'c.json'),
      JSON.stringify({ epochs: 7, seed: 7, depth: 11, optimizer: { momentum: 0.7 } }),
    );
    const config = await printed(
      ...['--recipe', 'digits', '--config', 'c.json', '--set', 'seed=8'],
      ...['--set', 'depth=14', '--depth', '17', '--no-decay-bn'],
    );
    expect(config).toMatchObject({
      recipe: 'digits',
      net: 'IGC-L24M2',
      epochs: 7,
      seed: 8,
      depth: 17,
      data: { name: 'digits' },
      optimizer: { momentum: 0.7, learningRate: 0.1, decayBatchNorm: false },
    });
  });

  it('chooses the recipe of the data set', async () => {
    expect(await printed('--data', 'digits')).toMatchObject({ recipe: 'digits', depth: 8 });
    expect(await printed()).toMatchObject({ recipe: 'paper-cifar', depth: 20, epochs: 400 });
  });

  it('takes a path as a folder of images', async () => {
    const { data } = await printed('--data', './photos/');
    expect(data).toMatchObject({ name: 'folder', dir: './photos/' });
  });

  it('takes objects as people write them', async () => {
    for (const value of [
      '{count:48,classes:3}',
      '{count: 48, classes: 3}',
      '{"count":48,"classes":3}',
    ]) {
      const { data } = await printed('--data', 'synthetic', '--set', `data.synthetic=${value}`);
      expect(data.synthetic).toEqual({ count: 48, classes: 3 });
    }
  });

  it('gives what --config accepts', async () => {
    const config = await printed('--data', 'digits', '--epochs', '3');
    writeFileSync(path.join(folder(), 'whole.json'), JSON.stringify(config));
    expect(await printed('--config', 'whole.json')).toEqual(config);
  });
});
