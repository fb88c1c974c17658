import { expect, it } from 'vitest';
import { makeGate } from '../../src/serve/gate.ts';
import { errorOf } from '../data/fixtures.ts';

const never = new AbortController().signal;

it('a gate lets a few through at once, in order, and forgets who is called off', async () => {
  const gate = makeGate(2);
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const enter = (name: string, signal = never) =>
    gate.run(signal, () => {
      begun.push(name);
      return new Promise<void>((resolve) => ends.set(name, resolve));
    });
  const aborter = new AbortController();
  const a = enter('a');
  void enter('b');
  const c = enter('c', aborter.signal);
  void enter('d');
  await new Promise(setImmediate);
  expect(begun).toEqual(['a', 'b']);
  aborter.abort(new Error('gone'));
  expect((await errorOf(() => c)).message).toBe('gone');
  ends.get('a')!();
  await a;
  await new Promise(setImmediate);
  expect(begun).toEqual(['a', 'b', 'd']);
  expect((await errorOf(() => enter('e', aborter.signal))).message).toBe('gone');
});

it('a gate is open again after a job that fails', async () => {
  const gate = makeGate(1);
  await errorOf(() => gate.run(never, () => Promise.reject(new Error('broken'))));
  expect(await gate.run(never, async () => 'through')).toBe('through');
});
