/** Runs that end before their last epoch: early stopping, which is a result, and time limits, which are not. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TrainEvent } from '../../src/train/events.ts';
import { isStoppedEarly } from '../../src/train/schedule.ts';
import { train } from '../../src/train/train.ts';
import {
  collect,
  lastingParts,
  resumeTask,
  smallRun,
  smallTask,
  temporaryFolder,
} from './small-run.ts';

const rows = (...accuracies: readonly (number | undefined)[]) =>
  accuracies.map((validationAccuracy, i) => ({
    epoch: i + 1,
    ...(validationAccuracy !== undefined && { validationAccuracy }),
  }));

describe('early stopping', () => {
  it.each([
    ['not before its patience is over', { patience: 2, minDelta: 0 }, rows(50, 60, 60), false],
    ['at patience', { patience: 2, minDelta: 0 }, rows(50, 60, 60, 59), true],
    ['not after a rise', { patience: 2, minDelta: 0 }, rows(50, 60, 60, 61), false],
    [
      'when the rise is no more than minDelta',
      { patience: 2, minDelta: 1 },
      rows(50, 60, 61, 61),
      true,
    ],
    ['not when small rises add up', { patience: 2, minDelta: 1 }, rows(50, 60, 61, 61.5), false],
    [
      'not in an epoch without evaluation',
      { patience: 1, minDelta: 0 },
      rows(50, 50, undefined),
      false,
    ],
    [
      'counting epochs without evaluation',
      { patience: 3, minDelta: 0 },
      rows(50, undefined, undefined, 50),
      true,
    ],
    ['before the first epoch never', { patience: 1, minDelta: 0 }, [], false],
  ] as const)('stops %s', (_, stopping, given, expected) => {
    expect(isStoppedEarly(stopping, given)).toBe(expected);
    expect(isStoppedEarly(null, given)).toBe(false);
  });

  const choices = { epochs: 30, earlyStopping: { patience: 2, minDelta: 0 } };

  it('ends the run with a result, a checkpoint of its last epoch and the reason', async () => {
    const output = temporaryFolder();
    const { events, error } = await collect(smallTask(output, { ...choices, checkpointEvery: 10 }));
    expect(error).toBeUndefined();
    const summary = JSON.parse(readFileSync(`${output}/run/summary.json`, 'utf8'));
    expect(summary.stoppedEarly).toBe(true);
    expect(summary.epochs).toBeLessThan(30);
    expect(summary.epochs - summary.bestEpoch).toBe(2);
    expect(events.filter(({ kind }) => kind === 'epoch')).toHaveLength(summary.epochs);
    const state = path.join(output, 'run', 'checkpoints', 'last', 'state.json');
    expect(JSON.parse(readFileSync(state, 'utf8'))).toMatchObject({ epoch: summary.epochs });
  });

  it('stops a resumed run where it would have stopped the whole one', async () => {
    const output = temporaryFolder();
    await collect(smallTask(output, { ...choices, name: 'whole' }));
    let asked = 0;
    const stopped = { isStopped: () => ++asked > 13 };
    await collect(smallTask(output, { ...choices, name: 'stopped' }), stopped);
    await collect(resumeTask(`${output}/stopped`));
    expect(lastingParts(`${output}/stopped`)).toEqual(lastingParts(`${output}/whole`));
    const { events } = await collect(resumeTask(`${output}/whole`));
    expect(events.map(({ kind }) => kind)).toEqual(['start', 'done']);
  });

  it('needs validation images', async () => {
    const { error } = await collect(
      smallTask(temporaryFolder(), { ...choices, data: { valSplit: 0 } }),
    );
    expect(error).toMatchObject({
      kind: 'usage',
      message:
        'earlyStopping.patience: needs validation images, which synthetic has none of; hold some of the ' +
        'training images out with data.valSplit',
    });
  });
});

describe('a time limit', () => {
  it('stops the run as an abort does, and says so', async () => {
    const output = temporaryFolder();
    const request = { ...smallRun, output, epochs: 100_000 };
    const events: TrainEvent[] = [];
    const limited = async () => {
      for await (const event of train(request, { maxTimeMs: 1500 })) events.push(event);
    };
    await expect(limited()).rejects.toMatchObject({
      kind: 'interrupted',
      message: expect.stringMatching(
        /run: stopped by its time limit in epoch \d+ after step \d+; go on with/,
      ),
    });
    expect(existsSync(`${output}/run/summary.json`)).toBe(false);
    expect(events.at(-1)).toMatchObject({ kind: 'checkpoint', which: 'last' });
  });

  it.each([0, -1, 2 ** 31, Number.NaN])('of %s ms is refused', async (maxTimeMs) => {
    await expect(
      train({ ...smallRun, output: temporaryFolder() }, { maxTimeMs }).next(),
    ).rejects.toThrow('maxTimeMs: must be more than nothing, and under 24 days');
  });
});
