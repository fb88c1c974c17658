import { describe, expect, it } from 'vitest';
import { resolveConfig } from '../../src/train/config.ts';
import { sizesOf } from '../../src/train/trainer-parts.ts';
import {
  collect,
  lastingParts,
  resumeTask,
  smallRun,
  smallTask,
  temporaryFolder,
} from './small-run.ts';

const augment = (progressive: readonly { until: number; side: number }[]) => ({
  augment: { ...smallRun.augment, progressive: [...progressive] },
});
/** Half of six epochs at half the size. */
const half = { epochs: 6, ...augment([{ until: 0.5, side: 4 }]) };

describe('progressive resizing', () => {
  it('turns shares of the epochs into whole ones', () => {
    const sizes = augment([
      { until: 0.3, side: 4 },
      { until: 0.75, side: 6 },
    ]);
    const config = resolveConfig(undefined, { ...smallRun, epochs: 10, ...sizes });
    expect(sizesOf(config)).toEqual([
      { untilEpoch: 3, side: 4 },
      { untilEpoch: 7, side: 6 },
    ]);
    expect(sizesOf(resolveConfig('digits'))).toEqual([]);
  });

  it('trains the one set of weights on small images first, then on large ones', async () => {
    const output = temporaryFolder();
    await collect(smallTask(output, { ...half, epochs: 12, name: 'half' }));
    await collect(smallTask(output, { epochs: 12, name: 'large' }));
    const losses = (name: string) =>
      lastingParts(`${output}/${name}`).metrics.map(({ trainLoss }) => trainLoss as number);
    expect(losses('half')[0]).not.toBe(losses('large')[0]);
    const [small, large] = [losses('half').slice(0, 6), losses('half').slice(6)];
    expect(small.at(-1)).toBeLessThan(small[0]!);
    expect(large.at(-1)).toBeLessThan(large[0]! / 2);
    expect(lastingParts(`${output}/half`).metrics.at(-1)!.testAccuracy).toBeGreaterThan(50); // of three classes
  });

  it.each(['auto', 'wasm'] as const)(
    'computes with %s kernels what the reference does',
    async (kernels) => {
      const output = temporaryFolder();
      await collect(smallTask(output, { ...half, name: 'reference' }));
      await collect(smallTask(output, { ...half, name: 'fast', kernels }));
      const losses = (name: string) =>
        lastingParts(`${output}/${name}`).metrics.map(({ trainLoss }) => trainLoss as number);
      const [expected, got] = [losses('reference'), losses('fast')];
      expect(got).toHaveLength(6);
      for (const [i, loss] of got.entries()) expect(loss).toBeCloseTo(expected[i]!, 2);
    },
  );

  it('resumes to the same bits, from among small images and from among large ones', async () => {
    const output = temporaryFolder();
    await collect(smallTask(output, { ...half, name: 'whole' }));
    for (const steps of [8, 18, 25]) {
      let asked = 0;
      const name = `${steps}`;
      await collect(smallTask(output, { ...half, name }), { isStopped: () => ++asked > steps });
      await collect(resumeTask(`${output}/${name}`));
      expect(lastingParts(`${output}/${name}`)).toEqual(lastingParts(`${output}/whole`));
    }
  });

  it.each([
    [[{ until: 0.5, side: 5 }], /must be multiples? of 4|divisible by 4/],
    [
      [{ until: 0.5, side: 16 }],
      /augment\.progressive: must make square images smaller, and these are 8×8, got 16/,
    ],
  ])('refuses %j before it begins', async (sizes, message) => {
    const { error, events } = await collect(
      smallTask(temporaryFolder(), { ...half, ...augment(sizes) }),
    );
    expect(error).toMatchObject({ kind: 'usage', message: expect.stringMatching(message) });
    expect(events).toEqual([]);
  });

  it.each([
    [
      [
        { until: 0.5, side: 4 },
        { until: 0.5, side: 6 },
      ],
      'augment.progressive: must be a list of {until, side}, ascending in until',
    ],
    [[{ until: 1, side: 4 }], 'augment.progressive[0].until: must be a number in (0, 1), got 1'],
    [[{ until: 0.5, side: 0 }], 'augment.progressive[0].side: must be an integer in 1…4096, got 0'],
  ])('refuses the values %j', (sizes, message) => {
    expect(() => resolveConfig(undefined, { ...smallRun, ...augment(sizes) })).toThrow(message);
  });
});
