import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { runIgc, temporaryFolder } from './run-igc.ts';

const folder = temporaryFolder();

describe('igc describe', () => {
  it('prints the paper’s counts for IGC-L24M2 at depth 20', async () => {
    const { code, stdout, stderr } = await runIgc(['describe']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('IGC-L24M2, depth 20: 3×32×32 images, 10 classes');
    expect(stdout).toMatch(
      /stage2\/block1\/primary +conv +3×3, 24 groups, stride 2 +96×16×16 +1,728 +442,368/,
    );
    expect(stdout).toContain('155,962 trainable; 151,834 as the paper counts');
    expect(stdout).toContain('28,755,840 an image');
  });

  it('prints the same as JSON', async () => {
    const { stdout } = await runIgc(['describe', 'RegConv-W16+Ident', '--depth', '8', '--json']);
    const description = JSON.parse(stdout);
    expect(description).toMatchObject({ params: 78_042, paramsPaper: 77_370, macs: 12_239_488 });
    expect(description.macsAll - description.macs).toBe(262_144);
    expect(description.layers.at(-2)).toMatchObject({
      path: 'head/fc',
      kind: 'linear',
      params: 650,
    });
  });

  it('counts the memory of a batch', async () => {
    const memory = async (batch: string) => {
      const { stdout } = await runIgc(['describe', '--depth', '8', '--batch', batch, '--json']);
      return JSON.parse(stdout).memory;
    };
    const [small, large] = [await memory('32'), await memory('64')];
    expect(large.training.activations).toBe(2 * small.training.activations);
    expect(large.training.parameters).toBe(48_442 * 4);
    expect(large.inference.momentum).toBe(0);
    // at most the three largest neighbours at once: 48 channels of 32×32, 4 bytes each, 64 images
    expect(large.inference.activations).toBeLessThanOrEqual(3 * 48 * 32 * 32 * 4 * 64);
  });

  it('counts activations in bfloat16 as half, in training only', async () => {
    const memory = async (...args: string[]) =>
      JSON.parse((await runIgc(['describe', '--depth', '8', '--json', ...args])).stdout).memory;
    const [full, half] = [await memory(), await memory('--storage', 'bfloat16')];
    expect(half.training.activations).toBe(full.training.activations / 2);
    expect(half.training.activationGradients).toBe(full.training.activationGradients);
    expect(half.inference).toEqual(full.inference);
  });

  it('refuses a storage that it does not know', async () => {
    const { code, stderr } = await runIgc(['describe', '--storage', 'float16']);
    expect([code, stderr.trim()]).toEqual([
      2,
      '--storage: must be one of float32, bfloat16, got "float16"',
    ]);
  });

  it('has one step a layer with --no-fuse', async () => {
    const steps = async (...args: string[]) =>
      JSON.parse((await runIgc(['describe', '--depth', '5', '--json', ...args])).stdout).steps
        .length;
    expect(await steps()).toBe(7);
    expect(await steps('--no-fuse')).toBe(24);
  });

  it('knows the paper’s ImageNet and figure-3 networks, and variants', async () => {
    const params = async (...args: string[]) =>
      JSON.parse((await runIgc(['describe', '--json', ...args])).stdout).paramsPaper;
    const imagenet = ['--family', 'imagenet18', '--double', 'L', '--classes', '1000'];
    expect(await params('IGC-L100M2+Ident', ...imagenet)).toBe(8_607_700);
    expect(await params('IGC-L40M2', '--family', 'flat8', '--classes', '100')).toBe(38_100);
    const quirk = ['--depth', '50', '--variant', 'quirk=resnet_igc'];
    expect(await params('IGC-L24M2+Ident', ...quirk)).toBe(421_786);
  });

  it('reads a network of one’s own from YAML, with its shape and classes or those of flags', async () => {
    const cwd = folder();
    const text =
      'classes: 7\nblocks:\n  - {kind: regular, outChannels: 8}\n  - {kind: igc, L: 4, M: 2}\n';
    writeFileSync(path.join(cwd, 'my-net.yaml'), text);
    const described = await runIgc(['describe', 'my-net.yaml', '--json'], { cwd });
    expect(JSON.parse(described.stdout)).toMatchObject({
      net: 'own',
      depth: 3,
      classes: 7,
      input: { channels: 3, height: 32, width: 32 },
    });
    const small = ['describe', '--net', 'my-net.yaml', '--img-size', '8', '--channels', '1'];
    const { stdout } = await runIgc(small, { cwd });
    expect(stdout).toContain('own, depth 3: 1×8×8 images, 7 classes');
    const other = await runIgc(['describe', 'my-net.yaml', '--classes', '9'], { cwd });
    expect(other.stderr).toBe('net.classes: must be that of the data, 9, got 7\n');
    const named = await runIgc(['describe', 'my-net.yaml', '--double', 'L'], { cwd });
    expect(named.stderr).toBe('--double: is an option of networks by name, got own\n');
  });

  it.each([
    [
      'blocks: [{kind: igc, L: 4, m: 2}]',
      'bad.yaml: blocks[0].m: unknown option; did you mean "M"?',
    ],
    ['3', 'bad.yaml: must be an object, got 3'],
    ['blocks: [', 'bad.yaml: must be JSON or YAML, got'],
  ])('names the file and the place of a mistake in %s', async (text, message) => {
    const cwd = folder();
    writeFileSync(path.join(cwd, 'bad.yaml'), text);
    const { code, stderr } = await runIgc(['describe', 'bad.yaml'], { cwd });
    expect([code, stderr.startsWith(message)]).toEqual([2, true]);
  });

  it('names the flag of a wrong variant', async () => {
    const complaint = async (...args: string[]) => (await runIgc(['describe', ...args])).stderr;
    expect(await complaint('--variant', 'secondKernel=3')).toBe(
      '--variant secondKernel: unknown option; did you mean "secondaryKernel"?\n',
    );
    expect(await complaint('--variant', 'split')).toMatch(
      /^--variant: must be written key=value,key=value, got "split"; keys are primaryKernel, /,
    );
    expect(await complaint('missing.yaml')).toBe(
      '--net: missing.yaml must be readable, got ENOENT\n',
    );
  });

  it('is no failure when its reader stops reading', async () => {
    const { spawnSync } = await import('node:child_process');
    const igc = new URL('../../dist/cli/igc.js', import.meta.url).pathname;
    const line = `"${process.execPath}" "${igc}" describe --depth 98 | head -1; exit \${PIPESTATUS[0]}`;
    const { status, stderr } = spawnSync('bash', ['-c', line], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
  });
});
