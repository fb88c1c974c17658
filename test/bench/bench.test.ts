import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const bench = fileURLToPath(new URL('../../dist/bench/bench.js', import.meta.url));

function runBench(...flags: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bench, ...flags], {
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

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
  ])('says in one line what is wrong with %j', (flags, stderr) => {
    expect(runBench(...flags)).toEqual({ status: 2, stdout: '', stderr });
  });

  it('measures one step of a small network, and has no ratio without a peer', () => {
    const { status, stdout } = runBench(
      ...['step', '--net', 'IGC-L2M2', '--depth', '5', '--img-size', '8', '--batch', '4'],
      ...['--rounds', '1', '--threads', '1', '--json'],
    );
    expect(status).toBe(0);
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({ net: 'IGC-L2M2', depth: 5, batch: 4, peers: {} });
    for (const work of ['train', 'inference']) {
      expect(report[work].ours).toBeGreaterThan(0);
      expect(report[work].ratios).toEqual({});
    }
  });
});
