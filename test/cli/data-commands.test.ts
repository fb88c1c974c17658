import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { putZeros } from '../data/fixtures.ts';
import { runIgc, startIgc, temporaryFolder, writeClasses } from './run-igc.ts';

const folder = temporaryFolder();
const igc = (...args: string[]) => runIgc(args, { cwd: folder() });

describe('igc data check', () => {
  it('draws some images of every class', async () => {
    const svg = await igc('data', 'check', 'digits', '--sheet', 'sheet.svg');
    expect([svg.code, svg.stderr]).toEqual([0, 'written to sheet.svg\n']);
    const text = readFileSync(path.join(folder(), 'sheet.svg'), 'utf8');
    expect(text.match(/<image /g)).toHaveLength(100);
    expect((await igc('data', 'check', 'digits', '--sheet', 'sheet.png', '--json')).code).toBe(0);
    const png = readFileSync(path.join(folder(), 'sheet.png'));
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([102, 102]);
    const wrong = await igc('data', 'check', 'digits', '--sheet', 'sheet.gif');
    expect([wrong.code, wrong.stderr]).toEqual([
      2,
      '--sheet: must end in .png or .svg, got "sheet.gif"\n',
    ]);
  });

  it('recognises what a path holds', async () => {
    const cifar = path.join(folder(), 'somewhere', 'cifar-10-batches-bin');
    for (const name of [
      'data_batch_1',
      'data_batch_2',
      'data_batch_3',
      'data_batch_4',
      'data_batch_5',
      'test_batch',
    ]) {
      await putZeros(path.join(cifar, `${name}.bin`), 30_730_000);
    }
    for (const place of ['./somewhere', cifar, path.join(cifar, 'test_batch.bin')]) {
      const { code, stdout, stderr } = await igc('data', 'check', place, '--json');
      expect(code, stderr).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({
        name: 'cifar10',
        duplicates: { withinTrain: 49_999, testInTrain: 10_000 },
      });
    }
    const missing = await igc('data', 'check', './nowhere');
    expect(missing.code).toBe(3);
    expect(missing.stderr).toBe('data.dir: must be an existing folder of images, got ./nowhere\n');
  });

  it('names broken images of a set that is decoded when needed, after the report', async () => {
    writeClasses(path.join(folder(), 'net', 'train'), ['n00000001', 'n00000002']);
    writeClasses(path.join(folder(), 'net', 'val'), ['n00000001', 'n00000002']);
    writeFileSync(path.join(folder(), 'net', 'val', 'n00000002', 'x.jpg'), 'no image');
    const { code, stdout, stderr } = await igc('data', 'check', './net');
    expect(code).toBe(3);
    expect(stdout).toMatch(/^imagenet: 3×224×224 images, 2 classes$/m);
    expect(stdout).toMatch(
      /1 file not decodable:\n {2}net\/val\/n00000002\/x\.jpg: must be a decodable/,
    );
    expect(stderr).toMatch(
      /^imagenet: every image must be decodable, got 1 that are not; the first is/,
    );
  });
});

describe('igc data check of image folders and other places', () => {
  it('names every bad image of a folder, and exits 3', async () => {
    writeClasses(path.join(folder(), 'own'), ['cat', 'dog'], 4);
    for (const name of ['x.png', 'y.jpg'])
      writeFileSync(path.join(folder(), 'own', 'dog', name), '-');
    const { code, stdout } = await igc('data', 'check', './own');
    expect(code).toBe(3);
    expect(stdout).toMatch(/2 files not decodable:\n.*dog\/x\.png.*\n.*dog\/y\.jpg/);
    expect((await igc('data', 'check', './own', '--skip-bad')).code).toBe(0);
    const packed = await igc('data', 'pack', './own', '--skip-bad', '-o', 'own.igcpack', '--json');
    expect(JSON.parse(packed.stdout).skipped).toHaveLength(2);
    expect(packed.stderr).toContain('warning: left out: ');
  });

  it('says that a file is nothing it knows', async () => {
    writeFileSync(path.join(folder(), 'some.txt'), 'text');
    const { code, stderr } = await igc('data', 'check', './some.txt');
    expect([code, stderr]).toEqual([
      3,
      'data.dir: must be a folder, a packed file or a file of a known data set, got ./some.txt\n',
    ]);
  });

  it('packs to files only, and refuses in a dry run what training refuses', async () => {
    const device = await igc('data', 'pack', 'digits', '-o', '/dev/null', '--force');
    expect([device.code, device.stderr]).toEqual([2, '--out: must be a file, got /dev/null\n']);
    const color = 'augment.color={hue: 1, saturation: 1, lightness: 1}';
    const dry = await igc('train', '--data', 'digits', '--set', color, '--dry-run');
    expect([dry.code, dry.stdout]).toEqual([2, '']);
    expect(dry.stderr).toMatch(/^augment\.color: is only for images that are decoded when needed/);
  });
});

describe('igc data pack', () => {
  it('writes a file that trains as the data set does', async () => {
    const { code, stdout, stderr } = await igc('data', 'pack', 'digits', '--out', 'digits.igcpack');
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^digits: 1,438 train, 359 test images, .* in digits\.igcpack\n$/);
    const run = (data: string, name: string) =>
      igc(
        'train',
        '--data',
        data,
        '--recipe',
        'digits',
        '--net',
        'IGC-L2M2',
        '--depth',
        '5',
        '--epochs',
        '1',
        '--kernels',
        'reference',
        '--name',
        name,
        '--json',
      );
    const [packed, plain] = [await run('digits.igcpack', 'packed'), await run('digits', 'plain')];
    expect(packed.code, packed.stderr).toBe(0);
    expect(JSON.parse(packed.stdout).testAccuracy).toBe(JSON.parse(plain.stdout).testAccuracy);
    const weights = (name: string) =>
      readFileSync(path.join(folder(), 'runs', name, 'checkpoints/last/model.safetensors'));
    expect(weights('packed').equals(weights('plain'))).toBe(true);
    const checked = await igc('data', 'check', 'digits.igcpack');
    expect(checked.stdout).toMatch(/^digits: 1×8×8 images, 10 classes$/m);
    const dry = await igc('train', '--data', 'digits.igcpack', '--dry-run', '--json');
    expect(JSON.parse(dry.stdout).config).toMatchObject({ recipe: 'digits' });
  });

  it('replaces nothing unless told, and holds nothing out', async () => {
    writeFileSync(path.join(folder(), 'there'), 'mine');
    const refused = await igc('data', 'pack', 'digits', '--out', 'there');
    expect([refused.code, refused.stderr]).toEqual([
      2,
      '--out: must not exist, got there; choose another, or --force to replace it\n',
    ]);
    expect((await igc('data', 'pack', 'digits', '--out', 'there', '--force')).code).toBe(0);
    const split = await igc('data', 'pack', 'digits', '--out', 'x', '--val-split', '0.1');
    expect(split.stderr).toMatch(/^--val-split: must be 0 to pack: .*, got 0\.1\n$/);
    expect((await igc('data', 'pack', 'digits')).stderr).toContain('--out');
  });

  it('says that a damaged file is damaged', async () => {
    await igc('data', 'pack', 'digits', '--out', 'd.igcpack');
    const file = path.join(folder(), 'd.igcpack');
    const bytes = readFileSync(file);
    bytes[70_000]! ^= 1;
    writeFileSync(file, bytes);
    const { code, stderr } = await igc('data', 'check', 'd.igcpack');
    expect(code).toBe(3);
    expect(stderr).toMatch(
      /^d\.igcpack: expected the pixels of train with SHA-256 .*pack it again\n$/,
    );
  });
});

describe('igc data get', () => {
  it('says what to do by hand when nobody answers, and mistakes on its line', async () => {
    const args = ['data', 'get', 'svhn', '--from', 'http://127.0.0.1:10009/', '--output', 'sets'];
    const { code, stdout, stderr } = await igc(...args);
    expect([code, stdout]).toEqual([3, '']);
    expect(stderr).toMatch(
      /^http:\/\/127\.0\.0\.1:10009\/train_32x32\.mat: must be reachable, got .*; or put train_32x32\.mat \(182,040,794 bytes, MD5 e26dedcc434d2e4c54c9b2d4a06d8373\), test_32x32\.mat \(64,275,384 bytes, MD5 eb5a983be6a315427106f1b164d9cef3\) from http:\/\/ufldl\.stanford\.edu\/housenumbers\/ into .*\/sets\/svhn by hand and run this again\n$/,
    );
    expect((await igc('data', 'get', 'svnh')).stderr).toBe(
      'data get: unknown data set, got "svnh"; did you mean "svhn"?\n',
    );
    expect((await igc('data', 'get', 'svhn', '--timeout', '0')).stderr).toBe(
      '--timeout: must be above 0 and at most 86400, got 0\n',
    );
  });

  it('stops at Ctrl-C, keeps the part and exits 130', async () => {
    const { createServer } = await import('node:http');
    const server = createServer((_, response) => {
      response.writeHead(200, { 'content-length': 182_040_794 });
      response.write(Buffer.alloc(100_000));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const args = [
      'data',
      'get',
      'svhn',
      '--from',
      `http://127.0.0.1:${port}/`,
      '--output',
      'stopped',
    ];
    const running = startIgc(args, { cwd: folder() });
    const part = path.join(folder(), 'stopped', 'svhn', 'train_32x32.mat.part');
    while (!existsSync(part)) await new Promise((resolve) => setTimeout(resolve, 20));
    running.process.kill('SIGINT');
    const { code, stderr } = await running.outcome;
    expect(code).toBe(130);
    expect(stderr).toMatch(/train_32x32\.mat: stopped; the same command goes on with .*\.part\n$/);
    expect(existsSync(part)).toBe(true);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
});
