import { describe, expect, it } from 'vitest';
import { runBench, smallNetwork } from './run-bench.ts';

describe('npm run bench', () => {
  it.each([
    [['step', '--nett', 'x'], "bench: unknown option '--nett' (Did you mean --net?)\n"],
    [
      ['step', '--batch', '0'],
      "bench: option '--batch <N>' argument '0' is invalid. must be a positive integer, got 0\n",
    ],
    [
      ['step', '--net', 'IGC-L24M2', '--depth', '9'],
      'bench: depth: must be 3B + 2, got 9; nearest are 8 and 11\n',
    ],
    [
      ['step', '--peer', 'tensorflow'],
      "bench: option '--peer <names...>' argument 'tensorflow' is invalid. Allowed choices are torch, onnxruntime-node, onnxruntime-web, jax-js, openvino, litert.\n",
    ],
  ])('says in one line what is wrong with %j', (flags, stderr) => {
    expect(runBench(...flags)).toEqual({ status: 2, stdout: '', stderr });
  });

  it('measures one step of a small network, and has no ratio without a peer', () => {
    const { status, stdout } = runBench('step', ...smallNetwork, '--json');
    expect(status).toBe(0);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ net: 'IGC-L2M2', depth: 5, batch: 4, peers: {} });
    for (const work of ['train', 'inference']) {
      expect(report[work].ours).toBeGreaterThan(0);
      expect(report[work].ratios).toEqual({});
      expect(report[work].stepMs.ours).toBeCloseTo(4000 / report[work].ours, 9);
    }
  });

  it('does only the work that is asked for', () => {
    const { stdout } = runBench('step', ...smallNetwork, '--work', 'inference', '--json');
    expect(Object.keys(JSON.parse(stdout))).not.toContain('train');
  });
});
