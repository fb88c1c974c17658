import { describe, expect, it } from 'vitest';
import { runIgc } from './run-igc.ts';

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

  it('has one step a layer with --no-fuse', async () => {
    const steps = async (...args: string[]) =>
      JSON.parse((await runIgc(['describe', '--depth', '5', '--json', ...args])).stdout).steps
        .length;
    expect(await steps()).toBe(10);
    expect(await steps('--no-fuse')).toBe(24);
  });

  it('is no failure when its reader stops reading', async () => {
    const { spawnSync } = await import('node:child_process');
    const igc = new URL('../../dist/cli/igc.js', import.meta.url).pathname;
    const line = `"${process.execPath}" "${igc}" describe --depth 98 | head -1; exit \${PIPESTATUS[0]}`;
    const { status, stderr } = spawnSync('bash', ['-c', line], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
  });
});
