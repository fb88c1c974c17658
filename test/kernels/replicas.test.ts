/**
 * A replica computes the same bits alone as beside others: its batch-norm statistics depend on nothing but its images. Ranks of a
 * team rest on it.
 */
import { describe, expect, test } from 'vitest';
import { stream } from '../../src/core/random.ts';
import { initializeModel, makeModel, planModel } from '../../src/model/model.ts';
import { namedNetwork } from '../../src/spec/named-networks.ts';
import { kernelSets } from './kernel-sets.ts';

const classes = 10;
const fast = kernelSets.filter(({ name }) => !name.startsWith('reference'));
const networks = ['IGC-L24M2', 'RegConv-W16', 'IGC-L4M8+Ident'];

describe.each(fast.map((kernels) => [kernels.name, kernels] as const))('%s', (_, kernels) => {
  test.each(
    networks.flatMap(
      (net) =>
        [
          [net, 2, 32],
          [net, 4, 16],
          [net, 3, 20],
        ] as const,
    ),
  )('%s: %s replicas of %s images', (net, replicas, images) => {
    const input = { channels: 3, height: 16, width: 16 };
    const spec = namedNetwork({ net, depth: 8, input, classes });
    const model = makeModel(spec, kernels);
    initializeModel(model, 0);
    const random = stream(0, 'replicas');
    const size = 3 * 16 * 16;
    const batch = Float32Array.from({ length: replicas * images * size }, () => random.normal());
    const state = model.state.slice(); // statistics are taken around the running means
    const run = (count: number, parts: number, from: number) => {
      const plan = planModel(model, { batch: count, training: true, replicas: parts });
      const executor = kernels.instantiate(plan, model);
      model.state.set(state);
      const labels = new Int32Array(count);
      executor.setBatch(batch.subarray(from * size, (from + count) * size), labels, count);
      executor.forward({ oldWeight: 0.9 });
      const logits = executor.output().slice();
      executor.dispose();
      return logits;
    };
    const together = run(replicas * images, replicas, 0);
    for (let replica = 0; replica < replicas; replica++) {
      const alone = run(images, 1, replica * images);
      const first = replica * images * classes;
      expect([...alone]).toEqual([...together.subarray(first, first + alone.length)]);
    }
  });
});
