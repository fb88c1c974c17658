import { mkdirSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { workerUrl } from '../../src/core/worker-url.ts';
import { startWorkerCalls } from '../../src/serve/worker-calls.ts';
import { errorOf } from '../data/fixtures.ts';
import { inTemporary } from '../export/drawn-models.ts';

let url: URL;
beforeAll(() => {
  const [serve, core] = [new URL('../../src/serve/x.ts', import.meta.url), import.meta.url].map(
    (place) => new URL(place),
  );
  const calls = workerUrl(serve!.href, 'worker-calls');
  const errors = workerUrl(core!.href.replace('/test/serve/', '/src/core/'), 'errors');
  const file = inTemporary('worker.mjs');
  mkdirSync(inTemporary(), { recursive: true });
  writeFileSync(
    file,
    `import { parentPort } from 'node:worker_threads';
     import { answerCalls } from '${calls}';
     import { dataError } from '${errors}';
     answerCalls(parentPort, async (request) => {
       if (request === 'refuse') throw dataError({ path: 'it', rule: 'must be good' });
       if (request === 'exit') process.exit(3);
       if (request === 'hang') return new Promise(() => {});
       return { reply: 2 * request };
     });`,
  );
  url = pathToFileURL(file);
});

const start = () => startWorkerCalls<number | string, number>(url, { name: 'doubling' });

describe('calls of a worker', () => {
  it('get each its own answer, and errors of their own class', async () => {
    const { call, close } = start();
    expect(await Promise.all([call(1), call(2), call(3)])).toEqual([2, 4, 6]);
    expect(await errorOf(() => call('refuse'))).toMatchObject({
      name: 'IgcError',
      kind: 'data',
      message: 'it: must be good',
    });
    expect(await call(4)).toBe(8);
    await close();
  });

  it('fail when the thread is lost, and whoever listens hears of it', async () => {
    const { call, failed, close } = start();
    const hanging = call('hang');
    const exiting = call('exit');
    const message = 'internal: the doubling thread exited with code 3';
    for (const lost of [hanging, exiting, failed, Promise.resolve().then(() => call(1))]) {
      expect((await errorOf(() => lost)).message).toBe(message);
    }
    expect((await errorOf(() => call(1))).message).toBe(message);
    await close();
  });

  it('are rejected when the thread is closed, which is no failure', async () => {
    const { call, failed, close } = start();
    let hasFailed = false;
    failed.catch(() => {
      hasFailed = true;
    });
    const hanging = call('hang');
    const rejected = errorOf(() => hanging);
    await close();
    expect(await rejected).toMatchObject({ kind: 'interrupted', message: 'doubling: stopped' });
    expect(hasFailed).toBe(false);
  });
});
