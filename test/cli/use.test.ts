import { cpSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  runIgc,
  temporaryFolder,
  tinyFolderRun,
  tinyRun,
  writeClasses,
  writeImage,
} from './run-igc.ts';

const folder = temporaryFolder();
const igc = (...args: string[]) => runIgc(args, { cwd: folder() });

beforeAll(async () => {
  writeClasses(path.join(folder(), 'photos'), ['cat', 'dog, large']);
  const runs = [
    igc('train', '--data', './photos', '--name', 'pets', ...tinyFolderRun),
    igc('train', ...tinyRun, '--name', 'waves'),
  ];
  for (const { code, stderr } of await Promise.all(runs)) expect(code, stderr).toBe(0);
});

describe('igc eval', () => {
  it('prints accuracy per class and writes the confusion matrix three ways', async () => {
    const { code, stdout, stderr } = await igc('eval', 'runs/waves');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^24 test images, last checkpoint \(epoch 2\)$/m);
    expect(stdout).toMatch(/^top-1 accuracy {2}\d+\.\d\d%$/m);
    expect(stdout).toMatch(/^class0 +8 +\d+ +\d+\.\d\d%$/m);
    expect(stderr).toMatch(/^written to runs.waves.eval-test-last: /m);
    const written = path.join(folder(), 'runs/waves/eval-test-last');
    expect(readdirSync(written).sort()).toEqual(
      ['confusion.csv', 'confusion.json', 'confusion.svg', 'evaluation.json'].sort(),
    );
    const { classes, counts } = JSON.parse(
      readFileSync(path.join(written, 'confusion.json'), 'utf8'),
    );
    expect(classes).toEqual(['class0', 'class1', 'class2']);
    expect(counts.flat().reduce((sum: number, n: number) => sum + n, 0)).toBe(24);
    expect(readFileSync(path.join(written, 'confusion.svg'), 'utf8')).toMatch(
      /^<svg [\s\S]*<\/svg>\n$/,
    );
  });

  it('agrees with the summary of the run, as JSON', async () => {
    const { stdout } = await igc('eval', 'runs/waves', '--json', '--out', 'elsewhere');
    const evaluation = JSON.parse(stdout);
    const summary = JSON.parse(
      readFileSync(path.join(folder(), 'runs/waves/summary.json'), 'utf8'),
    );
    expect(evaluation.top1).toBe(summary.testAccuracy);
    expect(evaluation.top1).toBeCloseTo(100 - summary.testError, 9);
    const right = evaluation.perClass.reduce(
      (n: number, c: { correct: number }) => n + c.correct,
      0,
    );
    expect(evaluation.top1).toBe((100 * right) / evaluation.images); // percent
    expect(readdirSync(path.join(folder(), 'elsewhere'))).toContain('confusion.csv');
  });

  it('says in one line that it cannot write its results', async () => {
    const places = ['photos/cat/0.png/out', ...(process.platform === 'linux' ? ['/proc/x'] : [])];
    for (const place of places) {
      const { code, stderr } = await igc('eval', 'runs/waves', '--out', place);
      expect(code).toBe(1);
      expect(stderr).toMatch(/^\S+(out|x): must be writable, got (ENOTDIR|ENOENT) .*\n$/);
    }
  });

  it('takes the best checkpoint and other splits', async () => {
    const { code, stdout } = await igc(
      ...['eval', 'runs/waves', '--checkpoint', 'best', '--split', 'train', '--json'],
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ which: 'best', split: 'train', images: 48 });
  });

  it('refuses a split that the data have not', async () => {
    const { code, stderr } = await igc('eval', 'runs/waves', '--split', 'validation');
    expect(code).toBe(2);
    expect(stderr).toMatch(/validation.*--val-split/);
  });

  it('says that the data were moved', async () => {
    cpSync(path.join(folder(), 'runs/pets'), path.join(folder(), 'runs/moved'), {
      recursive: true,
    });
    const { code, stderr } = await igc('eval', 'runs/moved', '--data-dir', 'gone');
    expect(code).toBe(3);
    expect(stderr).toBe('--data-dir: must be an existing folder of images, got gone\n');
  });
});

describe('igc predict', () => {
  it('prints the likeliest classes of each file', async () => {
    const { code, stdout, stderr } = await igc('predict', 'runs/pets', 'photos/cat/0.png');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^photos\/cat\/0\.png\n +\d+\.\d\d% {2}\S.*\n +\d+\.\d\d% {2}\S/);
  });

  it('gives probabilities that sum to one, as JSON', async () => {
    writeImage(path.join(folder(), 'new.png'), 3);
    const { stdout } = await igc('predict', 'runs/pets', 'new.png', 'photos/cat/1.png', '--json');
    const predictions = JSON.parse(stdout);
    expect(predictions.map(({ file }: { file: string }) => file)).toEqual([
      'new.png',
      'photos/cat/1.png',
    ]);
    for (const { top } of predictions) {
      const sum = top.reduce((s: number, c: { probability: number }) => s + c.probability, 0);
      expect(sum).toBeCloseTo(1, 5);
    }
  });

  it('names a file that it cannot read, or goes on with --skip-bad', async () => {
    writeFileSync(path.join(folder(), 'junk.png'), 'junk');
    const line = ['predict', 'runs/pets', 'junk.png', 'photos/cat/0.png'];
    const refused = await igc(...line);
    expect([refused.code, refused.stdout]).toEqual([3, '']);
    expect(refused.stderr).toMatch(/^junk\.png: must be a decodable image/);
    const skipped = await igc(...line, '--skip-bad', '--top', '1');
    expect(skipped.code).toBe(0);
    expect(skipped.stderr).toMatch(/^warning: skipped junk\.png/);
    expect(skipped.stdout.trim().split('\n')).toHaveLength(2);
  });
});

describe('a checkpoint that cannot be used', () => {
  /** A copy of the run whose last model file was changed. */
  const changed = (name: string, change: (file: string) => void): string => {
    const run = path.join(folder(), 'runs', name);
    cpSync(path.join(folder(), 'runs/waves'), run, { recursive: true });
    change(path.join(run, 'checkpoints/last/model.safetensors'));
    return `runs/${name}`;
  };
  /** Rewrites the JSON header of a safetensors file: 8 bytes of length, then the header. */
  const editHeader = (file: string, edit: (header: string) => string) => {
    const bytes = readFileSync(file);
    const length = Number(bytes.readBigUInt64LE(0));
    const header = Buffer.from(edit(bytes.toString('utf8', 8, 8 + length)));
    const size = Buffer.alloc(8);
    size.writeBigUInt64LE(BigInt(header.length));
    writeFileSync(file, Buffer.concat([size, header, bytes.subarray(8 + length)]));
  };
  const refusedBy = async (...line: string[]) => {
    const { code, stdout, stderr } = await igc(...line);
    expect([code, stdout]).toEqual([3, '']);
    expect(stderr).not.toMatch(/^\s+at |internal:/m);
    return stderr;
  };

  it('is refused when it is truncated, by eval, predict, describe and resume', async () => {
    const run = changed('short', (file) => truncateSync(file, 5000));
    for (const line of [
      ['eval', run],
      ['predict', run, 'photos/cat/0.png'],
      ['describe', run],
      ['train', '--resume', run],
    ]) {
      expect(await refusedBy(...line)).toMatch(/model\.safetensors: .*the file is truncated$/m);
    }
  });

  it('is refused when it is of another network', async () => {
    const run = changed('other', (file) =>
      cpSync(path.join(folder(), 'runs/pets/checkpoints/last/model.safetensors'), file),
    );
    await refusedBy('train', '--resume', run);
  });

  it('is refused when it is of a newer format', async () => {
    const run = changed('newer', (file) =>
      editHeader(file, (header) => header.replace('"formatVersion":"1"', '"formatVersion":"99"')),
    );
    expect(await refusedBy('eval', run)).toMatch(/format.*99/);
  });

  it('is refused when it is something else', async () => {
    const run = changed('else', (file) => writeFileSync(file, 'hello'));
    expect(await refusedBy('eval', run)).toMatch(/model\.safetensors: /);
  });
});
