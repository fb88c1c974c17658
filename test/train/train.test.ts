import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { IgcError } from '../../src/core/errors.ts';
import type { TrainEvent } from '../../src/train/events.ts';
import { type TrainOptions, train } from '../../src/train/train.ts';
import { collect, lastingParts, smallRun, smallTask, temporaryFolder } from './small-run.ts';

type Request = NonNullable<Parameters<typeof train>[0]>;

/** Everything a run says, and what it ends with. */
async function follow(request: Request, options: TrainOptions = {}) {
  const events: TrainEvent[] = [];
  const run = train(request, options);
  try {
    for (;;) {
      const { value, done } = await run.next();
      if (done) return { events, summary: value };
      events.push(value);
    }
  } catch (error) {
    return { events, error: error as IgcError };
  }
}

describe('train', () => {
  it('runs beside this thread, and gives the same bits as in it', async () => {
    const output = temporaryFolder();
    const { events, summary } = await follow({ ...smallRun, output, name: 'a' });
    await collect(smallTask(output, { name: 'b' }));
    const [a, b] = ['a', 'b'].map((name) => lastingParts(path.join(output, name)));
    expect(a).toEqual(b);
    expect(events[0]!.kind).toBe('start');
    expect(events.at(-1)).toEqual({ kind: 'done', folder: path.join(output, 'a'), summary });
    const { command } = JSON.parse(readFileSync(path.join(output, 'a', 'env.json'), 'utf8'));
    expect(command).toEqual(process.argv);
  });

  it('throttles its step events, and none at all is fine', async () => {
    const output = temporaryFolder();
    const request = { ...smallRun, output, epochs: 1 };
    const { events } = await follow(request, { stepEventMs: Number.POSITIVE_INFINITY });
    expect(events.filter(({ kind }) => kind === 'step').length).toBeLessThanOrEqual(1);
  });

  it('stops at an abort with a checkpoint, and goes on from it to the same bits', async () => {
    const output = temporaryFolder();
    const long = { ...smallRun, output, epochs: 40, evalEvery: 40, checkpointEvery: 40 };
    await follow({ ...long, name: 'whole' });
    const controller = new AbortController();
    const run = train({ ...long, name: 'stop' }, { signal: controller.signal, stepEventMs: 0 });
    let caught: unknown;
    try {
      for await (const event of run) if (event.kind === 'step') controller.abort();
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(IgcError);
    expect(caught).toMatchObject({ kind: 'interrupted' });
    const folder = path.join(output, 'stop');
    expect((caught as Error).message).toContain(`go on with --resume ${folder}`);
    const { events, error } = await follow({}, { resume: folder });
    expect(error).toBeUndefined();
    expect(events[0]).toMatchObject({ kind: 'start', resumed: { epoch: expect.any(Number) } });
    expect(lastingParts(folder)).toEqual(lastingParts(path.join(output, 'whole')));
  });

  it('stops as cleanly when its loop is left', async () => {
    const output = temporaryFolder();
    const long = { ...smallRun, output, epochs: 200, checkpointEvery: 200 };
    for await (const event of train(long, { stepEventMs: 0 })) if (event.kind === 'step') break;
    const state = path.join(output, 'run', 'checkpoints', 'last', 'state.json');
    expect(JSON.parse(readFileSync(state, 'utf8')).step).toBeGreaterThan(0);
    expect(existsSync(path.join(output, 'run', 'summary.json'))).toBe(false);
  });

  it('does not begin when it is aborted before', async () => {
    const output = temporaryFolder();
    const { error } = await follow({ ...smallRun, output }, { signal: AbortSignal.abort() });
    expect(error).toMatchObject({
      kind: 'interrupted',
      message: 'train: stopped before it began',
    });
    expect(existsSync(path.join(output, 'run'))).toBe(false);
  });

  it('throws the errors of its thread as its own', async () => {
    const output = temporaryFolder();
    const errorOf = async (request: Request, options?: TrainOptions) =>
      (await follow(request, options)).error;
    const wrong = await errorOf({ ...smallRun, output, net: 'none' });
    expect(wrong).toMatchObject({ kind: 'usage', name: 'IgcError' });
    const missing = await errorOf({}, { resume: path.join(output, 'x') });
    expect(missing).toBeInstanceOf(IgcError);
    expect(missing).toMatchObject({
      kind: 'data',
      message: `${output}/x: must be a run folder, got no such folder`,
    });
    const file = path.join(output, 'file');
    writeFileSync(file, '');
    expect(await errorOf({ ...smallRun, output: file })).toMatchObject({ kind: 'failure' });
    const hot = await errorOf({ ...smallRun, output, optimizer: { learningRate: 1e30 } });
    expect(hot).toMatchObject({ kind: 'diverged' });
  });
});
