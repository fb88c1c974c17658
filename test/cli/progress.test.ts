import { describe, expect, it } from 'vitest';
import { describeFailure } from '../../src/cli/failure.ts';
import { makeProgress } from '../../src/cli/progress.ts';
import { formatClock, formatDuration } from '../../src/cli/terminal.ts';
import { usageError } from '../../src/core/errors.ts';
import { shellWord } from '../../src/core/shell-word.ts';
import type { EpochEvent, StepEvent } from '../../src/train/events.ts';

const step: StepEvent = {
  kind: 'step',
  epoch: 3,
  epochs: 20,
  stepInEpoch: 11,
  stepsPerEpoch: 22,
  step: 55,
  steps: 440,
  learningRate: 0.1,
  loss: 0.5,
  trainLoss: 0.4321,
  trainAccuracy: 87.5,
  imagesPerSecond: 5432.1,
  waitedMs: 0,
  remainingMs: 65_000,
};

const epoch: EpochEvent = {
  kind: 'epoch',
  epochs: 20,
  best: true,
  row: {
    epoch: 3,
    step: 66,
    learningRate: 0.1,
    trainLoss: 0.4,
    trainAccuracy: 88,
    testLoss: 0.3,
    testAccuracy: 90,
    time: { at: '', imagesPerSecond: 5000, trainMs: 300, evalMs: 20, waitedMs: 0 },
  },
};

function recorder(isTTY: boolean, columns = 200) {
  const written: string[] = [];
  return { isTTY, columns, written, write: (text: string) => written.push(text) };
}

describe('makeProgress', () => {
  it('rewrites one line on a terminal and clears it before lines that stay', () => {
    const output = recorder(true);
    const progress = makeProgress(output, { NO_COLOR: '1' });
    progress.step(step);
    progress.epoch(epoch);
    expect(output.written).toEqual([
      '\r\u001b[2Kepoch 3/20  ████████░░░░░░░░  50%  loss 0.4321  accuracy 87.50%  5,432 images/s  1:05 left',
      '\r\u001b[2K',
      'epoch  3/20  loss 0.4000  train 88.00%  test 90.00%  lr 0.1  5,000 images/s  320 ms  best\n',
    ]);
  });

  it('never wraps on a narrow terminal', () => {
    const output = recorder(true, 40);
    makeProgress(output, { NO_COLOR: '1' }).step(step);
    expect([...output.written[0]!.slice('\r\u001b[2K'.length)]).toHaveLength(39);
  });

  it('writes no live line where there is no terminal', () => {
    const output = recorder(false);
    const progress = makeProgress(output, {});
    progress.step(step);
    progress.finish();
    progress.epoch(epoch);
    expect(output.written).toHaveLength(1);
    expect(output.written[0]).not.toContain('\u001b');
  });

  it('colours on a terminal unless NO_COLOR is set', () => {
    const [coloured, plain] = [recorder(true), recorder(true)];
    makeProgress(coloured, {}).epoch(epoch);
    makeProgress(plain, { NO_COLOR: '1' }).epoch(epoch);
    expect(coloured.written[0]).toContain('\u001b[32mbest');
    expect(plain.written[0]).not.toContain('\u001b');
  });
});

describe('describeFailure', () => {
  it('shows an expected mistake as one line', () => {
    const error = usageError({ path: 'a', rule: 'must be b', got: 'c', hint: 'pass data.skipBad' });
    expect(describeFailure(error)).toEqual({
      message: 'a: must be b, got c; pass --skip-bad',
      exitCode: 2,
    });
  });

  it('asks to report a bug, with its stack', () => {
    const { message, exitCode } = describeFailure(new TypeError('x is undefined'));
    expect(exitCode).toBe(1);
    expect(message).toMatch(/^internal: x is undefined\n {4}at [\s\S]*Please report it/);
  });

  it('explains what the system refused', () => {
    const full = Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC', path: 'runs/a' });
    expect(describeFailure(full)).toEqual({
      message: 'runs/a: the disk is full (ENOSPC)',
      exitCode: 1,
    });
  });
});

describe('words for people', () => {
  it('says durations and quotes shell words', () => {
    expect([0, 999, 59_949, 60_000, 3_725_000].map(formatDuration)).toEqual([
      '0 ms',
      '999 ms',
      '59.9 s',
      '1:00',
      '1:02:05',
    ]);
    expect(formatClock(7_400)).toBe('0:07');
    expect(['runs/a', 'a b', "it's"].map(shellWord)).toEqual(['runs/a', "'a b'", "'it'\\''s'"]);
  });
});
