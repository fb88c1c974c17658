/** `bench layers`, `scaling`, `storage` and `memory` on a network that takes no time. */
import { describe, expect, it } from 'vitest';
import { nativeSets } from '../kernels/kernel-sets.ts';
import { runBench, smallNetwork } from './run-bench.ts';

const hasNative = nativeSets.length > 0;
if (!hasNative) console.warn('skipped: times of steps; the addon is not built');

describe('bench layers', () => {
  it.skipIf(!hasNative).each([
    ['train', ['forward', 'backward']],
    ['inference', ['forward']],
  ])('tells the time of every step of %s', (work, passes) => {
    const { status, stdout } = runBench('layers', ...smallNetwork, '--work', work, '--json');
    expect(status).toBe(0);
    const report = JSON.parse(stdout);
    expect([...new Set(report.passes.map((row: { pass: string }) => row.pass))]).toEqual(passes);
    const stem = report.passes[0];
    expect(stem).toMatchObject({ path: 'stem/conv', kind: 'conv', pass: 'forward' });
    expect(stem.gflops).toBeCloseTo((2 * 4 * 4 * 27 * 64) / stem.timeMs / 1e6, 9);
    expect(stem.shareOfPeak).toBeCloseTo(stem.gflops / report.peaks.fmaGflops, 9);
  });

  it('needs kernels that tell the time', () => {
    expect(runBench('layers', ...smallNetwork, '--kernels', 'reference')).toEqual({
      status: 2,
      stdout: '',
      stderr:
        'bench: kernels: must tell the time of every step, got reference-float32; native kernels do\n',
    });
  });
});

describe('bench scaling', () => {
  it('compares a step on all threads with one', () => {
    const flags = [...smallNetwork, '--threads', '2', '--json'];
    const { status, stdout } = runBench('scaling', ...flags);
    expect(status).toBe(0);
    const report = JSON.parse(stdout);
    expect(report.scaling).toBeGreaterThan(0);
    if (hasNative) expect(report.ratio).toBeCloseTo(report.scaling / report.peakScaling, 9);
  });
});

describe('bench storage', () => {
  it('compares a step in bfloat16 with one in float32', () => {
    const flags = [...smallNetwork, '--kernels', 'reference', '--rounds', '1', '--json'];
    const { status, stdout } = runBench('storage', ...flags);
    expect(status).toBe(0);
    const { float32, bfloat16, timeRatio } = JSON.parse(stdout);
    expect(timeRatio).toBeCloseTo(float32.median / bfloat16.median, 9);
  });
});

describe('bench memory', () => {
  it('tells the resident memory of a process that trains, the plan’s arenas among it', () => {
    const flags = ['--net', 'IGC-L8M2', '--depth', '8', '--batch', '32', '--threads', '1'];
    const { status, stdout } = runBench('memory', ...flags, '--json');
    expect(status).toBe(0);
    const { processes, plan, share } = JSON.parse(stdout);
    const { startBytes, peakBytes } = processes.ours;
    expect(peakBytes).toBeGreaterThan(Math.max(startBytes, plan.total));
    expect(share).toBe(null);
  });
});
