/** Every peer runs our networks, or is absent with a reason. */
import { describe, expect, it } from 'vitest';
import { peerNames } from '../../src/bench/peer.ts';
import { runBench, smallNetwork } from './run-bench.ts';

describe('bench step', () => {
  it.each(peerNames)('compares with %s, or says why it is absent', (name) => {
    const { status, stdout, stderr } = runBench('step', ...smallNetwork, '--peer', name, '--json');
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const { peers, absent, train, inference } = JSON.parse(stdout);
    if (peers[name] === 'absent') {
      console.warn(`skipped: ${name}, ${absent[0].reason}`);
      expect(absent).toEqual([{ name, reason: expect.stringMatching(/\S/) }]);
      return;
    }
    expect(peers[name]).toMatch(/^\d+\.\d+/);
    expect(absent).toEqual([]);
    expect({ ...train.failed, ...inference.failed }).toEqual({});
    for (const { ours, ratios, peers: rates } of [train, inference]) {
      if (rates[name] !== undefined) expect(ratios[name]).toBe(ours / rates[name]);
    }
    expect(Object.keys({ ...train.peers, ...inference.peers })).toEqual([name]);
  });
});
