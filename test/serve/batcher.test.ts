import { describe, expect, it } from 'vitest';
import { type BatcherOptions, type Clock, makeBatcher } from '../../src/serve/batcher.ts';
import { errorOf } from '../data/fixtures.ts';

/** Time that moves when it is told to. */
function fakeClock() {
  let now = 0;
  let alarms: { at: number; call: () => void }[] = [];
  const clock: Clock = {
    now: () => now,
    after(timeMs, call) {
      const alarm = { at: now + timeMs, call };
      alarms.push(alarm);
      return () => {
        alarms = alarms.filter((one) => one !== alarm);
      };
    },
  };
  const pass = (timeMs: number) => {
    now += timeMs;
    const due = alarms.filter(({ at }) => at <= now);
    alarms = alarms.filter(({ at }) => at > now);
    for (const { call } of due) call();
  };
  return { clock, pass, alarms: () => alarms.length };
}

/** A batcher whose batches end when the test says so; results are ten times the items. */
function setUp(options: Partial<BatcherOptions<number, number>> = {}) {
  const time = fakeClock();
  const batches: { items: readonly number[]; end(error?: Error): Promise<void> }[] = [];
  const batcher = makeBatcher<number, number>({
    ...{ batch: 4, maxWaitMs: 2, queue: 8, clock: time.clock, share: (due) => due },
    compute: (items) =>
      new Promise((resolve, reject) => {
        const end = async (error?: Error) => {
          if (error) reject(error);
          else resolve(items.map((item) => 10 * item));
          await settle();
        };
        batches.push({ items, end });
      }),
    ...options,
  });
  const submit = (...items: number[]) => batcher.enter(items.length)!.submit(items);
  const sent = () => batches.map(({ items }) => items);
  return { ...time, batcher, batches, submit, sent };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('a batcher', () => {
  it('waits for others, and no longer than it may', async () => {
    const { submit, pass, batches, sent } = setUp();
    const first = submit(1);
    pass(1.9);
    const second = submit(2);
    expect(sent()).toEqual([]);
    pass(0.1);
    expect(sent()).toEqual([[1, 2]]);
    await batches[0]!.end();
    expect([await first, await second]).toEqual([[10], [20]]);
  });

  it('sends a full batch at once, and the rest when it is due', async () => {
    const { submit, pass, batches, sent, alarms } = setUp();
    const all = submit(1, 2, 3, 4, 5);
    expect(sent()).toEqual([[1, 2, 3, 4]]);
    await batches[0]!.end();
    expect(sent()).toHaveLength(1);
    pass(2);
    expect(sent()[1]).toEqual([5]);
    await batches[1]!.end();
    expect(await all).toEqual([10, 20, 30, 40, 50]);
    expect(alarms()).toBe(0);
  });

  it('has one full batch ready behind the one that is computed, and no other', async () => {
    const { submit, pass, batches, sent } = setUp({ queue: 100 });
    void submit(1, 2, 3, 4);
    void submit(5);
    pass(100);
    expect(sent()).toHaveLength(1); // a part of a batch waits for the computation
    void submit(6, 7, 8, 9, 10, 11, 12, 13);
    expect(sent()).toEqual([
      [1, 2, 3, 4],
      [5, 6, 7, 8],
    ]);
    await batches[0]!.end();
    expect(sent()[2]).toEqual([9, 10, 11, 12]);
  });

  it('takes as many as are best computed together', () => {
    const { submit, pass, sent } = setUp({ share: (due) => (due >= 2 ? 2 : 1) });
    void submit(1, 2, 3);
    pass(2);
    expect(sent()).toEqual([[1, 2]]);
  });

  it('does not wait at all where it must not', () => {
    const { submit, sent } = setUp({ maxWaitMs: 0 });
    void submit(1);
    expect(sent()).toEqual([[1]]);
  });

  it('has no place when its queue is full, until items are computed', async () => {
    const { batcher, submit, pass } = setUp({ queue: 5 });
    const early = batcher.enter(3)!;
    void submit(1, 2);
    expect(batcher.waiting()).toBe(5);
    expect(batcher.enter(1)).toBeUndefined();
    pass(2);
    expect(batcher.waiting()).toBe(3);
    expect(batcher.enter(3)).toBeUndefined();
    early.leave(new Error('gone'));
    expect(batcher.waiting()).toBe(0);
    expect(batcher.enter(5)).toBeDefined();
  });

  it('forgets what was left, but not what is beside it', async () => {
    const { batcher, submit, pass, batches, sent } = setUp();
    const place = batcher.enter(2)!;
    const left = place.submit([1, 2]);
    const other = submit(3);
    place.leave(new Error('gone'));
    place.leave(new Error('twice'));
    expect((await errorOf(() => left)).message).toBe('gone');
    pass(2);
    expect(sent()).toEqual([[3]]);
    await batches[0]!.end();
    expect(await other).toEqual([30]);
    expect(batcher.waiting()).toBe(0);
  });

  it('computes nothing for a place that was left before it was used', async () => {
    const { batcher, pass, sent } = setUp();
    const place = batcher.enter(1)!;
    place.leave(new Error('gone'));
    expect((await errorOf(() => place.submit([1]))).message).toBe('gone');
    pass(10);
    expect(sent()).toEqual([]);
    expect(batcher.waiting()).toBe(0);
  });

  it('hands a failure to all of its batch, and goes on', async () => {
    const { submit, pass, batches } = setUp();
    const both = [submit(1), submit(2)];
    pass(2);
    await batches[0]!.end(new Error('broken'));
    for (const one of both) expect((await errorOf(() => one)).message).toBe('broken');
    const next = submit(3);
    pass(2);
    await batches[1]!.end();
    expect(await next).toEqual([30]);
  });

  it('says when a computation gives too few results', async () => {
    const { submit, pass } = setUp({ compute: async () => [] });
    const one = submit(1);
    pass(2);
    expect((await errorOf(() => one)).message).toMatch(/^internal: a result is missing/);
  });
});
