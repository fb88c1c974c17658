/** Clients that are slow, large, broken, or no HTTP: cut, without harm to the others. */
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import {
  classify,
  eventually,
  heard,
  metric,
  onePixels,
  openSocket,
  serveMadeUp,
  talk,
} from './services.ts';

const png = 'content-type: image/png\r\n';
const post = `POST /classify HTTP/1.1\r\nhost: x\r\n${png}`;

/** How many requests of /classify ended with a status. */
const counted = (url: string, status: string, path = '/classify') =>
  metric(url, `igc_requests_total{path="${path}",status="${status}"}`);

/** Resolves when a connection takes more, or never will. */
function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once('drain', resolve).once('close', () => resolve());
  });
}

describe('a body that is too large', () => {
  it('is refused by its stated length, before it is sent', async () => {
    const { port } = await serveMadeUp({ maxBodyBytes: 1000 });
    const socket = openSocket(port);
    socket.write(`${post}content-length: 100000000\r\nexpect: 100-continue\r\n\r\n`);
    const answer = await heard(socket);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toMatch(/connection: close/i);
  });

  it('is cut while it streams in, and never held', async () => {
    const { url, port } = await serveMadeUp({ maxBodyBytes: 100_000, timeoutMs: 5000 });
    const socket = openSocket(port);
    const answer = heard(socket);
    socket.write(`${post}transfer-encoding: chunked\r\n\r\n`);
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
    let sentBytes = 0;
    let heldBytes = 0;
    while (!socket.destroyed && sentBytes < 2 ** 28) {
      if (!socket.write(chunk)) await drained(socket);
      sentBytes += 0x10000;
      if (sentBytes % 0x100000 === 0) {
        heldBytes = Math.max(heldBytes, await metric(url, 'igc_body_bytes'));
      }
    }
    expect(await answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(sentBytes).toBeLessThan(2 ** 28);
    expect(heldBytes).toBeLessThanOrEqual(100_000);
    expect(await counted(url, '413')).toBe(1);
  });

  it('counts with those of others', async () => {
    const { url, port } = await serveMadeUp({ maxBodyBytes: 1000, timeoutMs: 3000 });
    const sockets = Array.from({ length: 16 }, () => openSocket(port));
    for (const socket of sockets) {
      socket.write(`${post}content-length: 1000\r\n\r\n${'x'.repeat(999)}`);
    }
    await eventually(() => metric(url, 'igc_body_bytes')).toBe(16 * 999);
    const refused = await classify(url, 'y'.repeat(500), { type: 'image/png' });
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    for (const socket of sockets) socket.destroy();
    await eventually(() => metric(url, 'igc_body_bytes')).toBe(0);
    expect((await classify(url, onePixels)).status).toBe(200);
  });
});

describe('a slow client', () => {
  it('is cut while it sends its headers', async () => {
    const { url, port } = await serveMadeUp({ timeoutMs: 300 });
    const socket = openSocket(port);
    socket.write('POST /classify HTTP/1.1\r\n');
    const drip = setInterval(() => socket.write('x: y\r\n'), 50);
    expect(await heard(socket)).toMatch(/^HTTP\/1\.1 408 /);
    clearInterval(drip);
    expect(await counted(url, '408', 'other')).toBe(1);
  });

  it('is cut while it sends its body', async () => {
    const { url, port } = await serveMadeUp({ timeoutMs: 300 });
    const socket = openSocket(port);
    socket.write(`${post}content-length: 1000\r\n\r\n`);
    const drip = setInterval(() => socket.write('x'), 50);
    expect(await heard(socket)).toMatch(/^HTTP\/1\.1 408 [\s\S]*must arrive within the time limit/);
    clearInterval(drip);
    expect(await counted(url, '408')).toBe(1);
  });

  it('is cut when it sends nothing at all', async () => {
    const { port } = await serveMadeUp({ timeoutMs: 300 });
    const began = performance.now();
    await heard(openSocket(port));
    expect(performance.now() - began).toBeLessThan(3000);
  });
});

describe('what is no HTTP', () => {
  it.each([
    ['nonsense', 'hello\r\n\r\n', '400'],
    ['two lengths', `${post}content-length: 5\r\ncontent-length: 6\r\n\r\nabcde`, '400'],
    ['a length that is none', `${post}content-length: five\r\n\r\nabcde`, '400'],
    [
      'both framings',
      `${post}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
      '400',
    ],
    ['broken chunks', `${post}transfer-encoding: chunked\r\n\r\nzz\r\n`, '400'],
    ['headers without end', `POST / HTTP/1.1\r\n${`a: ${'b'.repeat(1000)}\r\n`.repeat(40)}`, '431'],
  ])('%s: answered, and cut', async (_, bytes, status) => {
    const { url, port } = await serveMadeUp();
    const answer = await talk(port, bytes);
    expect(answer).toMatch(
      new RegExp(`^HTTP/1\\.1 ${status} .*\\r\\n[\\s\\S]*"error":"request: must be`),
    );
    expect((await classify(url, onePixels)).status).toBe(200);
  });

  it('a body that is longer than it says: the rest is no request', async () => {
    const { port } = await serveMadeUp();
    const answer = await talk(port, `${post}content-length: 3\r\n\r\nabcdefgh\r\n\r\n`);
    // The rest may be seen before the picture is refused: then one answer stands for both.
    const statuses = answer.match(/HTTP\/1\.1 \d+/g) ?? [];
    expect(new Set(statuses)).toEqual(new Set(['HTTP/1.1 400']));
  });
});

describe('a broken connection', () => {
  it('in the middle of a body leaves nothing behind', async () => {
    const { url, port } = await serveMadeUp();
    const socket = openSocket(port);
    socket.write(`${post}content-length: 1000\r\n\r\nabc`);
    await eventually(() => metric(url, 'igc_body_bytes')).toBe(3);
    socket.destroy();
    await eventually(() => metric(url, 'igc_body_bytes')).toBe(0);
    expect(await counted(url, 'gone')).toBe(1);
  });

  it('takes its work out of the queue', async () => {
    const batches: number[] = [];
    let end = () => {};
    const compute = async (pixels: Uint8Array) => {
      batches.push(pixels.length / 192);
      await new Promise<void>((resolve) => {
        end = resolve;
      });
      return new Float32Array((3 * pixels.length) / 192);
    };
    const { url } = await serveMadeUp({ compute, maxWaitMs: 0 });
    const first = classify(url, onePixels);
    await eventually(() => batches.length).toBe(1);
    const aborter = new AbortController();
    const gone = classify(url, onePixels, { signal: aborter.signal }).catch(() => 'gone');
    await eventually(() => metric(url, 'igc_queue_images')).toBe(1);
    aborter.abort();
    expect(await gone).toBe('gone');
    await eventually(() => metric(url, 'igc_queue_images')).toBe(0);
    end();
    expect((await first).status).toBe(200);
    expect(batches).toEqual([1]);
  });
});

it('connections beyond the limit are refused, and counted', async () => {
  const { url, port } = await serveMadeUp({ maxConnections: 3 });
  expect(await metric(url, 'igc_connections_refused_total')).toBe(0); // keeps one connection
  const sockets = [openSocket(port), openSocket(port)];
  await eventually(() => metric(url, 'igc_connections')).toBe(3);
  expect(await talk(port, 'GET / HTTP/1.1\r\nhost: x\r\n\r\n')).toBe('');
  await eventually(() => metric(url, 'igc_connections_refused_total')).toBeGreaterThan(0);
  for (const socket of sockets) socket.destroy();
});

it('a computation that takes too long is answered by 503', async () => {
  const { url } = await serveMadeUp({ compute: () => new Promise(() => {}), timeoutMs: 200 });
  const response = await classify(url, onePixels);
  expect(response.status).toBe(503);
  expect(response.headers.get('retry-after')).toBe('1');
  expect(await response.json()).toEqual({ error: 'request: must be answered within 200 ms' });
});
