/** Peak memory of networks, by the plans that would run them. */
import { describe, expect, it } from 'vitest';
import { countMemory } from '../../src/plan/describe.ts';
import { namedNetwork } from '../../src/spec/named-networks.ts';

const cifar = { channels: 3, height: 32, width: 32 } as const;
const spec = namedNetwork({ net: 'IGC-L24M2', depth: 8, input: cifar, classes: 10 });
const map = 48 * 32 * 32;

describe('countMemory', () => {
  it('keeps every activation in training, and what two neighbours need in inference', () => {
    const { training, inference } = countMemory(spec, { batch: 2 });
    // The image; the stem; the secondaries of two blocks a stage (the primaries' results are computed again); pooled features; logits.
    const kept = 3 * 32 * 32 + map * (1 + 2 + 2 / 2 + 2 / 4) + 192 + 10;
    expect(training.activations).toBe(2 * 4 * kept);
    // The image is kept beside them, so that a batch can be set once and run again.
    expect(inference.activations).toBeGreaterThanOrEqual(2 * 4 * 2 * map);
    expect(inference.activations).toBeLessThanOrEqual(2 * 4 * (2 * map + 3 * 32 * 32 + 202));
    expect(inference.activationGradients).toBe(0);
    expect(inference.total).toBeLessThan(training.total);
  });

  it('grows with the batch and the size of numbers', () => {
    const one = countMemory(spec, { batch: 2 });
    expect(countMemory(spec, { batch: 6 }).training.activations).toBe(3 * one.training.activations);
    const doubled = countMemory(spec, { batch: 2, valueBytes: 8 });
    expect(doubled.inference.total).toBe(2 * one.inference.total);
  });

  it.each([
    ['IGC-L450M2', { depth: 20 }, cifar],
    ['IGC-L28M3', { family: 'flat8' }, cifar],
    [
      'IGC-L100M2+Ident',
      { family: 'imagenet18', double: 'L' },
      { channels: 3, height: 64, width: 64 },
    ],
    ['IGC-L4M8', { depth: 8, variant: { bottleneck: 2, between: 'relu', bn: 'both' } }, cifar],
  ] as const)('says of %s what training and inference take', (net, options, input) => {
    const network = namedNetwork({ net, ...options, input, classes: 10 });
    const { training, inference } = countMemory(network, { batch: 4, replicas: 2 });
    expect(inference.activations).toBeGreaterThan(0);
    expect(training.activations).toBeGreaterThan(2 * inference.activations);
  });

  it('refuses batches that replicas do not divide', () => {
    expect(() => countMemory(spec, { batch: 3, replicas: 2 })).toThrow(
      'replicas: must divide the batch, got batch=3 replicas=2',
    );
  });
});
