import { encode as encodePng } from 'fast-png';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { load } from '../../src/runtime/node.ts';
import type { ServedModel } from '../../src/serve/serve-model.ts';
import { wavyPixels } from '../data/fixtures.ts';
import {
  answerOf,
  classify,
  drawnFolder,
  eventually,
  type MadeUp,
  metric,
  onePixels,
  openSocket,
  pixelsOf,
  serveMadeUp,
  serveSmall,
} from './services.ts';

const [width, height] = [20, 14];
const picture = wavyPixels(width, height, 'served');
const png = encodePng({ width, height, data: picture, channels: 3 });
const files = {
  'image/png': async () => png,
  'image/jpeg': () => sharp(png).jpeg().toBuffer(),
  'image/webp': () => sharp(png).webp({ lossless: true }).toBuffer(),
  'application/octet-stream': async () => png,
};
const pixels = { width, height, data: Buffer.from(picture).toString('base64') };

let served: ServedModel;
beforeAll(async () => {
  served = await serveSmall();
});

describe('POST /classify', () => {
  it.each(Object.entries(files))('%s: says what the library says', async (type, file) => {
    const body = await file();
    const { status, json } = await answerOf(await classify(served.url, body, { type }));
    const model = await load(drawnFolder('beside'), { threads: 1 });
    const { top } = await model.classify(new Uint8Array(body));
    model.dispose();
    expect(status).toBe(200);
    expect(json.predictions).toEqual(top);
    expect(json.timeMs).toBeGreaterThan(0);
  });

  it('says the same of a file, its base64 and its pixels, alone and in a list', async () => {
    const image = Buffer.from(png).toString('base64');
    const ask = async (body: object) =>
      (await answerOf(await classify(served.url, JSON.stringify(body)))).json;
    const one = (await ask({ image })).predictions;
    expect(one).toHaveLength(3);
    expect((await ask({ pixels })).predictions).toEqual(one);
    const { results } = await ask({ images: [image, pixels, pixelsOf(0), image] });
    expect(results.map(({ predictions }) => predictions[0])).toEqual([
      ...[one[0], one[0]],
      expect.objectContaining({ name: expect.any(String) }),
      one[0],
    ]);
  });

  it('takes grey, RGB and RGBA pixels', async () => {
    const images = [1, 3, 4].map((values) => pixelsOf(255, { values }));
    const { json } = await answerOf(await classify(served.url, JSON.stringify({ images })));
    const [grey, ...others] = json.results;
    for (const other of others) expect(other).toEqual(grey);
  });

  it('answers the likeliest ?top=k, likeliest first', async () => {
    const { json } = await answerOf(await classify(served.url, onePixels, { query: '?top=2' }));
    const [first, second] = json.predictions;
    expect(json.predictions).toHaveLength(2);
    expect(first!.probability).toBeGreaterThanOrEqual(second!.probability);
  });

  it('computes requests that come together in one batch, each with its own answer', async () => {
    const compute = async (all: Uint8Array) => {
      const count = all.length / 192;
      const rows = Array.from({ length: count }, (_, i) => [all[192 * i]! / 255, 0, 0]);
      return Float32Array.from(rows.flat());
    };
    const { url } = await serveMadeUp({ compute, maxWaitMs: 200, batch: 8 });
    const values = [10, 20, 30, 40, 50, 60, 70, 80];
    const answers = values.map(async (value) => {
      const body = JSON.stringify({ pixels: pixelsOf(value) });
      return (await answerOf(await classify(url, body, { query: '?top=1' }))).json.predictions;
    });
    const got = (await Promise.all(answers)).map(([first]) => Math.round(255 * first!.probability));
    expect(got).toEqual(values);
    expect(await metric(url, 'igc_batch_images_sum')).toBe(8);
    expect(await metric(url, 'igc_batch_images_count')).toBe(1);
  });
});

describe('the other paths', () => {
  const get = async (path: string) => (await fetch(served.url + path)).json();

  it('say what is served', async () => {
    expect(await get('/')).toMatchObject({ net: 'IGC-L4M2', depth: 8, classes: 3 });
    expect(await get('/model')).toMatchObject({
      classes: ['kind "0"', 'kind "1"', 'kind "2"'],
      input: { channels: 3, height: 8, width: 8 },
      kernels: { threads: 1 },
      limits: { batch: 64, maxBodyBytes: 10_000_000 },
    });
    expect(await get('/healthz')).toEqual({ status: 'ok' });
  });

  it('answer HEAD with the headers of GET, and nothing else', async () => {
    const [head, whole] = await Promise.all([
      fetch(`${served.url}/model`, { method: 'HEAD' }),
      fetch(`${served.url}/model`),
    ]);
    expect(await head.text()).toBe('');
    const length = head.headers.get('content-length');
    expect(Number(length)).toBe((await whole.text()).length);
    expect(head.headers.get('x-content-type-options')).toBe('nosniff');
  });

  it('count what happens, as Prometheus reads it', async () => {
    const { url } = await serveMadeUp();
    await classify(url, onePixels);
    await classify(url, '{');
    await fetch(`${url}/nowhere`);
    expect(await metric(url, 'igc_requests_total{path="/classify",status="200"}')).toBe(1);
    expect(await metric(url, 'igc_requests_total{path="/classify",status="400"}')).toBe(1);
    expect(await metric(url, 'igc_requests_total{path="other",status="404"}')).toBe(1);
    expect(await metric(url, 'igc_images_total')).toBe(1);
    expect(await metric(url, 'igc_batch_images_bucket{le="1"}')).toBe(1);
    expect(await metric(url, 'igc_queue_images')).toBe(0);
    expect(await metric(url, 'process_resident_memory_bytes')).toBeGreaterThan(1e6);
    const text = await (await fetch(`${url}/metrics`)).text();
    const sample = /^[a-z_]+(\{([a-z]+="[^"\n]*",?)+\})? [\d.e+-]+$/;
    const comment = /^# (HELP [a-z_]+ .+|TYPE [a-z_]+ (counter|gauge|histogram))$/;
    for (const line of text.trimEnd().split('\n')) {
      expect(sample.test(line) || comment.test(line), line).toBe(true);
    }
  });
});

describe('other origins', () => {
  it('get nothing unless --cors names them', async () => {
    const { url } = await serveMadeUp();
    const response = await classify(url, onePixels);
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
    expect((await fetch(`${url}/classify`, { method: 'OPTIONS' })).status).toBe(405);
  });

  it('may ask and read when it does', async () => {
    const { url } = await serveMadeUp({ cors: 'https://example.org' });
    const { headers } = await classify(url, onePixels);
    expect(headers.get('access-control-allow-origin')).toBe('https://example.org');
    expect(headers.get('vary')).toBe('origin');
    const preflight = await fetch(`${url}/classify`, { method: 'OPTIONS' });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-methods')).toBe('POST, OPTIONS');
  });
});

/** A computation that ends when the test says so. */
function heldCompute() {
  let end!: () => void;
  const held = new Promise<void>((resolve) => {
    end = resolve;
  });
  const compute = async () => {
    await held;
    return Float32Array.of(1, 0, 0);
  };
  return { compute, end };
}

/** The status of what a service says to `body` while another image is being computed. */
async function statusBesideHeld(options: MadeUp): Promise<number> {
  const { compute, end } = heldCompute();
  const { url } = await serveMadeUp({ compute, maxWaitMs: 0, ...options });
  const first = classify(url, onePixels);
  await eventually(() => metric(url, 'igc_connections')).toBeGreaterThan(1);
  await eventually(() => metric(url, 'igc_queue_images')).toBe(0);
  const second = classify(url, onePixels);
  await eventually(() => metric(url, 'igc_queue_images')).toBe(1);
  const { status, headers } = await classify(url, onePixels);
  expect(headers.get('retry-after')).toBe('1');
  end();
  expect([(await first).status, (await second).status]).toEqual([200, 200]);
  return status;
}

/** The status that a service which is stopping gives on a connection that was open before. */
async function statusWhileStopping(path: string): Promise<number> {
  const { compute, end } = heldCompute();
  const { url, port, stop } = await serveMadeUp({ compute });
  const answer = classify(url, onePixels);
  const socket = openSocket(port);
  socket.write('GET /healthz HTTP/1.1\r\nhost: x\r\n');
  await eventually(() => metric(url, 'igc_connections')).toBeGreaterThan(2);
  const stopped = stop();
  const method = path === '/classify' ? 'POST' : 'GET';
  const [status] = await new Promise<readonly string[]>((resolve) => {
    socket.once('data', (data) => resolve(/\d{3}/.exec(`${data}`) ?? []));
    if (path === '/healthz') socket.write('\r\n');
    else socket.write(`\r\n${method} ${path} HTTP/1.1\r\nhost: x\r\n\r\n`);
  });
  end();
  expect((await answer).status).toBe(200);
  socket.destroy();
  await stopped;
  return Number(status);
}

const getPaths = ['/', '/model', '/healthz', '/metrics', '/openapi.json'];
const anyBody = async (options: MadeUp, body: string | Uint8Array, type?: string) =>
  (await classify((await serveMadeUp(options)).url, body, type ? { type } : {})).status;
const ask = async (path: string, method: string, options: MadeUp = {}) =>
  (await fetch((await serveMadeUp(options)).url + path, { method })).status;

/** For every status that is documented, a request that gets it. */
const provoked: Record<string, () => Promise<number>> = {
  'post /classify 200': () => anyBody({}, onePixels),
  'post /classify 400': () => anyBody({}, '{"image": 5}'),
  'post /classify 405': () => ask('/classify', 'PUT'),
  'post /classify 408': async () => {
    const { port } = await serveMadeUp({ timeoutMs: 100 });
    const socket = openSocket(port);
    const type = 'content-type: image/png\r\ncontent-length: 10';
    socket.write(`POST /classify HTTP/1.1\r\nhost: x\r\n${type}\r\n\r\nabc`);
    return new Promise((resolve) => {
      socket.once('data', (data) => resolve(Number(/\d{3}/.exec(`${data}`)?.[0])));
    });
  },
  'post /classify 413': () => anyBody({ maxBodyBytes: 10 }, onePixels),
  'post /classify 415': () => anyBody({}, onePixels, 'text/plain'),
  'post /classify 500': () =>
    anyBody({ compute: () => Promise.reject(new Error('secret')) }, onePixels),
  'post /classify 503': () => statusBesideHeld({ queue: 1 }),
  'options /classify 204': () => ask('/classify', 'OPTIONS', { cors: '*' }),
  'get /healthz 503': () => statusWhileStopping('/healthz'),
  'head /healthz 503': () => statusWhileStopping('/healthz'),
  ...Object.fromEntries(
    getPaths.flatMap((path) => [
      [`get ${path} 200`, () => ask(path, 'GET')],
      [`head ${path} 200`, () => ask(path, 'HEAD')],
      [`get ${path} 405`, () => ask(path, 'POST')],
      [`head ${path} 405`, () => ask(path, 'DELETE')],
      [`options ${path} 204`, () => ask(path, 'OPTIONS', { cors: '*' })],
    ]),
  ),
};

describe('GET /openapi.json', () => {
  interface Described {
    readonly openapi: string;
    readonly paths: Record<string, Record<string, { readonly responses: object }>>;
    readonly components: { readonly schemas: object };
  }
  const describeService = async (): Promise<Described> => {
    const { url } = await serveMadeUp({ cors: '*' });
    return (await (await fetch(`${url}/openapi.json`)).json()) as Described;
  };

  it('documents every status that there is, and no other', async () => {
    const { paths, openapi } = await describeService();
    const documented = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).flatMap(([method, { responses }]) =>
        Object.keys(responses).map((status) => `${method} ${path} ${status}`),
      ),
    );
    expect(openapi).toBe('3.1.0');
    expect(documented.sort()).toEqual(Object.keys(provoked).sort());
  });

  it.each(Object.keys(provoked))('%s is real', async (name) => {
    expect(await provoked[name]!()).toBe(Number(name.split(' ')[2]));
  });

  it('refers to nothing that it lacks', async () => {
    const described = await describeService();
    const names = [...JSON.stringify(described).matchAll(/"#\/components\/schemas\/(\w+)"/g)];
    const known = Object.keys(described.components.schemas);
    expect(names.length).toBeGreaterThan(5);
    for (const [, name] of names) expect(known).toContain(name);
  });
});

describe('an error of ours', () => {
  it('is told to the service and not to the client', async () => {
    const errors: unknown[] = [];
    const compute = () => Promise.reject(new Error('secret'));
    const { url } = await serveMadeUp({ compute, onError: (error) => errors.push(error) });
    const { status, json } = await answerOf(await classify(url, onePixels));
    expect(status).toBe(500);
    expect(json.error).toBe('service: must not fail, got an internal error; see its log');
    expect(errors).toEqual([expect.objectContaining({ message: 'secret' })]);
  });
});

it('a stopping service takes no more pictures, and answers those it has', async () => {
  const { compute, end } = heldCompute();
  const { url, stop } = await serveMadeUp({ compute });
  const answer = classify(url, onePixels);
  await eventually(() => metric(url, 'igc_connections')).toBeGreaterThan(1);
  const stopped = stop();
  await expect(fetch(`${url}/healthz`)).rejects.toThrow(); // no new connections
  end();
  expect((await answer).status).toBe(200);
  await stopped;
});

it('a stopping service does not wait for ever', async () => {
  const { url, stop } = await serveMadeUp({ compute: () => new Promise(() => {}), timeoutMs: 300 });
  const answer = classify(url, onePixels);
  await eventually(() => metric(url, 'igc_connections')).toBeGreaterThan(1);
  const began = performance.now();
  await Promise.all([stop(), answer.catch(() => {})]);
  expect(performance.now() - began).toBeLessThan(2000);
});
