import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeSafetensors } from '../../src/formats/safetensors.ts';
import { restoreWeights } from '../../src/formats/weight-storage.ts';
import { averageWeightAt } from '../../src/train/schedule.ts';
import { collect, lastingParts, resumeTask, smallTask, temporaryFolder } from './small-run.ts';

const ema = { decay: 0.8 };

/** Stops after n steps. */
const stopAfter = (n: number) => {
  let asked = 0;
  return { isStopped: () => ++asked > n };
};

function tensors(run: string, name: string): ReadonlyMap<string, ArrayLike<number>> {
  const file = path.join(run, 'checkpoints', 'last', `${name}.safetensors`);
  const stored = restoreWeights(decodeSafetensors(readFileSync(file), file).tensors, file);
  return new Map([...stored].map(([key, { data }]) => [key, data]));
}

/** The values in training of a run with an EMA, by the names that they have in one without. */
const trained = (run: string) =>
  new Map(
    [...tensors(run, 'optimizer')]
      .filter(([name]) => name.startsWith('trained/'))
      .map(([name, data]) => [name.slice('trained/'.length), data]),
  );

describe('a run with an average of its weights', () => {
  it('trains the same weights as one without, and keeps them beside the average', async () => {
    const output = temporaryFolder();
    await collect(smallTask(output, { name: 'plain' }));
    await collect(smallTask(output, { name: 'ema', ema }));
    const plain = tensors(`${output}/plain`, 'model');
    expect(trained(`${output}/ema`)).toEqual(plain);
    expect(tensors(`${output}/ema`, 'model')).not.toEqual(plain);
    const losses = (run: string) =>
      lastingParts(`${output}/${run}`).metrics.map(({ trainLoss, testLoss }) => [
        trainLoss,
        testLoss,
      ]);
    const [one, other] = [losses('plain'), losses('ema')];
    expect(other.map(([loss]) => loss)).toEqual(one.map(([loss]) => loss));
    expect(other.map(([, loss]) => loss)).not.toEqual(one.map(([, loss]) => loss));
  });

  it('holds min(decay, (1 + t)/(10 + t)) of the old and the rest of the new in step t', async () => {
    const output = temporaryFolder();
    const runs = [0, 1, 2, 3, 4, 5];
    for (const n of runs) await collect(smallTask(output, { name: `${n}`, ema }), stopAfter(n));
    let expected = trained(`${output}/0`); // the initial values
    for (const n of runs.slice(1)) {
      const w = averageWeightAt(ema, n - 1);
      expect(w).toBe(Math.min(0.8, n / (9 + n)));
      const now = trained(`${output}/${n}`);
      const blend = ([name, old]: [string, ArrayLike<number>]) =>
        [name, Array.from(old, (v, i) => w * v + (1 - w) * now.get(name)![i]!)] as const;
      expected = new Map([...expected].map(blend));
    }
    const kept = tensors(`${output}/5`, 'model');
    expect([...kept.keys()]).toEqual([...expected.keys()]);
    for (const [name, values] of kept) {
      for (let i = 0; i < values.length; i++) {
        expect(values[i]).toBeCloseTo(expected.get(name)![i]!, 5);
      }
    }
  });

  it('resumes to the same bits', async () => {
    const output = temporaryFolder();
    await collect(smallTask(output, { name: 'whole', ema }));
    await collect(smallTask(output, { name: 'stopped', ema }), stopAfter(9));
    await collect(resumeTask(`${output}/stopped`));
    expect(lastingParts(`${output}/stopped`)).toEqual(lastingParts(`${output}/whole`));
  });

  it('cannot be resumed without', async () => {
    const output = temporaryFolder();
    await collect(smallTask(output, { ema }), stopAfter(3));
    const { error } = await collect(resumeTask(`${output}/run`, { ema: null }));
    expect(error).toMatchObject({
      kind: 'usage',
      message: expect.stringContaining('cannot change when a run is resumed, got null'),
    });
  });
});
