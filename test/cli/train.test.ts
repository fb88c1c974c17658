import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { runIgc, startIgc, temporaryFolder, tinyRun } from './run-igc.ts';

const folder = temporaryFolder();
const train = (...args: string[]) => runIgc(['train', ...tinyRun, ...args], { cwd: folder() });
const noNative = { IGCNET_NO_NATIVE: '1' };
const onlyReference = { ...noNative, IGCNET_NO_WASM: '1' };

describe('igc train', () => {
  it('writes a run folder, progress on stderr and the result on stdout', async () => {
    const { code, stdout, stderr } = await train('--name', 'plain');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^test accuracy {2}\d+\.\d\d% after epoch 2\nbest .+\ntime .+\nrun folder .*runs.plain\n$/,
    );
    expect(stderr).toMatch(
      /^network {3}IGC-L2M2, depth 5: 1,071 parameters, 17,072 multiply-adds an image$/m,
    );
    expect(stderr).toMatch(/^training {2}2 epochs of 3 steps with 16 images$/m);
    expect(stderr).toMatch(/^run {7}runs.plain$/m);
    expect(stderr).toMatch(/^epoch 2\/2 {2}loss \d+\.\d{4} {2}train .+% {2}test .+images\/s/m);
    expect(stderr).not.toContain('\u001b');
    expect(readdirSync(path.join(folder(), 'runs/plain')).sort()).toEqual(
      [
        ...['checkpoints', 'config.json', 'env.json', 'events.out.tfevents.igcnet'],
        ...['metrics.jsonl', 'summary.json'],
      ].sort(),
    );
  });

  it('prints the summary with --json, with the counts of describe', async () => {
    const { code, stdout } = await train('--name', 'json', '--json');
    expect(code).toBe(0);
    const summary = JSON.parse(stdout);
    expect(summary).toMatchObject({ net: 'IGC-L2M2', depth: 5, dataset: 'synthetic', epochs: 2 });
    const described = await runIgc(['describe', 'runs/json', '--json'], { cwd: folder() });
    const { params, paramsPaper, macs } = JSON.parse(described.stdout);
    expect(summary).toMatchObject({ params, paramsPaper, macs });
  });

  it('ends with commands to try when asked', async () => {
    const { stderr } = await train('--name', 'next', '--next-steps');
    expect(stderr).toMatch(/^ {2}npx igc eval runs.next$/m);
    expect(stderr).toMatch(/^ {2}npx igc train --data <folder> --name pets$/m);
    expect(stderr).toMatch(/igc train --data cifar10 --depth 8 --epochs 20\n.*data get cifar10/);
  });

  it('checks everything and writes nothing with --dry-run', async () => {
    const { code, stdout, stderr } = await train('--name', 'dry', '--dry-run', '--json');
    expect([code, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({ steps: 6, stepsPerEpoch: 3, params: 1071 });
    expect(existsSync(path.join(folder(), 'runs/dry'))).toBe(false);
  });

  it('never overwrites a run', async () => {
    await train('--name', 'kept');
    const { code, stderr } = await train('--name', 'kept');
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /the run exists already; go on with --resume runs.kept, or choose another --name$/m,
    );
  });

  it('ends with 4 when the loss is no number, and names the last good checkpoint', async () => {
    const { code, stdout, stderr } = await train('--name', 'nan', '--lr', '1e30');
    expect([code, stdout]).toEqual([4, '']);
    const last = stderr.trim().split('\n').at(-1)!;
    expect(last).toMatch(/the loss must be finite, got .+ at step \d+ \(epoch 1\), first in \S+/);
    expect(last).toMatch(/last good checkpoint is (\S+)/);
    expect(last).toMatch(/try a lower --lr.*--warmup-epochs/);
    const checkpoint = /last good checkpoint is (\S+)/.exec(last)![1]!;
    expect(readdirSync(checkpoint)).toContain('model.safetensors');
    const evaluated = await runIgc(['eval', 'runs/nan', '--json'], { cwd: folder() });
    expect(evaluated.code).toBe(0);
  });

  it('says in one line that the output folder cannot be written', async () => {
    writeFileSync(path.join(folder(), 'file'), '');
    const { code, stderr } = await train('--output', 'file/runs');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^\S+: must be writable, got ENOTDIR.*\n$/);
  });

  it.runIf(process.platform === 'linux')('says so of places without folders', async () => {
    const { code, stderr } = await train('--output', '/proc/x', '--name', 'run');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^\/proc\/x\/run: must be writable, got ENOENT.*\n$/);
  });

  it.skipIf(process.getuid?.() === 0)('says so of a folder without write permission', async () => {
    mkdirSync(path.join(folder(), 'locked'), { mode: 0o555 });
    const { code, stderr } = await train('--output', 'locked');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^\S+: must be writable, got EACCES.*\n$/);
  });
});

describe('igc train without the addon', () => {
  it.each([
    ['wasm', noNative, /^kernels {3}wasm-(simd128|relaxed-simd)/m],
    [
      'the reference where there is no wasm either',
      onlyReference,
      /^kernels {3}reference-float32/m,
    ],
  ])('falls back to %s, says so once and how to build it', async (name, env, kernels) => {
    const args = ['train', ...tinyRun, '--name', name.split(' ').at(-1)!];
    const { code, stderr } = await runIgc(args, { cwd: folder(), env });
    expect(code).toBe(0);
    expect(stderr.match(/no native kernels/g)).toHaveLength(1);
    expect(stderr).toMatch(/^warning: no native kernels .*npx igc build-native/m);
    expect(stderr).toMatch(kernels);
  });

  it('refuses native kernels that were asked for', async () => {
    const args = ['train', ...tinyRun, '--kernels', 'native'];
    const { code, stderr } = await runIgc(args, { cwd: folder(), env: noNative });
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /^--kernels: native must be available: .+; use --kernels auto, or see igc doctor\n$/,
    );
  });

  it('is explained by igc doctor', async () => {
    const { code, stdout } = await runIgc(['doctor'], { env: noNative });
    expect(code).toBe(0);
    expect(stdout).toMatch(/✗ native-baseline +IGCNET_NO_NATIVE is set/);
    expect(stdout).toMatch(/✓ wasm-simd128 +the same C\+\+ as WebAssembly, 4 images a vector/);
    expect(stdout).toMatch(/→ runs with wasm-(simd128|relaxed-simd)/);
    expect(stdout).toContain('npx igc build-native');
    const json = await runIgc(['doctor', '--json'], { env: onlyReference });
    const { chosen, kernels } = JSON.parse(json.stdout);
    expect(chosen.name).toBe('reference-float32');
    expect(chosen.reason).toBe(
      'no native kernels: IGCNET_NO_NATIVE is set; no wasm kernels: IGCNET_NO_WASM is set',
    );
    const wasm = kernels.find(({ name }: { name: string }) => name === 'wasm-simd128');
    expect(wasm).toEqual({ name: 'wasm-simd128', ok: false, detail: 'IGCNET_NO_WASM is set' });
  });
});

describe('igc train, interrupted', () => {
  const long = [...tinyRun, '--epochs', '100000', '--name'];

  it('stops cleanly at the first Ctrl-C, says how to go on, and goes on', async () => {
    const run = startIgc(['train', ...long, 'stopped'], { cwd: folder() });
    await expect.poll(run.stderr, { timeout: 30_000 }).toMatch(/^epoch +2\//m);
    const second = await runIgc(['train', '--resume', 'runs/stopped'], { cwd: folder() });
    expect(second.code).toBe(1);
    expect(second.stderr).toMatch(
      new RegExp(
        `^\\S*runs.stopped: must not be trained by two .* got process ${run.process.pid}, .*\\n$`,
      ),
    );
    run.process.kill('SIGINT');
    const { code, stdout, stderr } = await run.outcome;
    expect([code, stdout]).toEqual([130, '']);
    const last = stderr.trim().split('\n').at(-1)!;
    expect(last).toMatch(
      /stopped in epoch \d+ after step \d+; go on with: npx igc train --resume runs.stopped$/,
    );
    const again = startIgc(['train', '--resume', 'runs/stopped'], { cwd: folder() });
    await expect.poll(again.stderr, { timeout: 30_000 }).toMatch(/^resuming after epoch \d+/m);
    again.process.kill('SIGTERM');
    expect((await again.outcome).code).toBe(130);
    const rows = readFileSync(path.join(folder(), 'runs/stopped/metrics.jsonl'), 'utf8');
    const epochs = rows
      .trim()
      .split('\n')
      .map((row) => JSON.parse(row).epoch);
    expect(epochs).toEqual(epochs.map((_, i) => i + 1));
  });
});

describe('igc train --resume', () => {
  it('changes only what a resumed run may change', async () => {
    await train('--name', 'fixed');
    const resume = (...args: string[]) =>
      runIgc(['train', '--resume', 'runs/fixed', ...args], { cwd: folder() });
    const { code, stderr } = await resume('--momentum', '0.5');
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /^--momentum: cannot change when a run is resumed, got 0\.5, was 0\.9; /,
    );
    expect((await resume('--threads', '2')).code).toBe(0);
  });

  it('refuses a folder that is no run', async () => {
    const { code, stderr } = await runIgc(['train', '--resume', 'nowhere'], { cwd: folder() });
    expect(code).toBe(3);
    expect(stderr).toMatch(/nowhere: must be a run folder, got no such folder\n$/);
  });
});
