import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import {
  classify,
  drawnFolder,
  eventually,
  metric,
  onePixels,
  openSocket,
} from '../serve/services.ts';
import { callIgc, runIgc, startIgc } from './run-igc.ts';

const folder = drawnFolder('for the command');

/** Starts the command and waits until it listens. */
async function startServing(...args: string[]) {
  const igc = startIgc(['serve', folder, '--port', '0', '--threads', '1', ...args]);
  const said = new Promise<string>((resolve) => {
    let text = '';
    igc.process.stdout!.on('data', (chunk: string) => {
      text += chunk;
      if (text.endsWith('\n')) resolve(text);
    });
  });
  const text = await Promise.race([
    said,
    igc.outcome.then(({ stderr }) => {
      throw new Error(stderr);
    }),
  ]);
  return { ...igc, text, url: /http:\/\/\S+\d/.exec(text)![0] };
}

describe('igc serve', () => {
  it.each([
    ['SIGTERM', 0],
    ['SIGINT', 130],
  ] as const)('says where it listens, answers, and ends on %s with %i', async (signal, code) => {
    const igc = await startServing();
    expect(igc.text).toMatch(/^listening on http:\/\/127\.0\.0\.1:\d+\n$/);
    expect((await classify(igc.url, onePixels)).status).toBe(200);
    igc.process.kill(signal);
    const outcome = await igc.outcome;
    expect(outcome.code).toBe(code);
    expect(outcome.stderr).toMatch(/^IGC-L4M2, depth 8, on \S+ with 1 threads?\nstopping: /);
    expect(outcome.stderr).not.toMatch(/warning|internal/);
  });

  it('ends at once on a second signal, whatever is left to answer', async () => {
    const igc = await startServing('--timeout', '1m');
    const socket = openSocket(Number(new URL(igc.url).port));
    socket.write('POST /classify HTTP/1.1\r\nhost: x\r\ncontent-type: image/png\r\n');
    socket.write('content-length: 9\r\n\r\nabc');
    await eventually(() => metric(igc.url, 'igc_body_bytes')).toBe(3);
    igc.process.kill('SIGTERM');
    await eventually(() => igc.stderr()).toMatch(/^stopping: /m);
    await new Promise((resolve) => setTimeout(resolve, 600)); // a sooner one is taken for an echo
    expect(igc.process.exitCode).toBe(null);
    igc.process.kill('SIGTERM');
    expect((await igc.outcome).code).toBe(130);
    socket.destroy();
  });

  it('says as JSON what it serves', async () => {
    const igc = await startServing('--json', '--batch', '8', '--max-body', '2MiB');
    expect(JSON.parse(igc.text)).toMatchObject({
      url: igc.url,
      net: 'IGC-L4M2',
      settings: { batch: 8, maxBodyBytes: 2 ** 21, maxWaitMs: 2, timeoutMs: 10_000 },
    });
    igc.process.kill('SIGTERM');
    expect((await igc.outcome).code).toBe(0);
  });

  it('warns when others can reach it', async () => {
    const igc = await startServing('--host', '0.0.0.0');
    igc.process.kill('SIGTERM');
    expect((await igc.outcome).stderr).toMatch(
      /^warning: --host 0\.0\.0\.0: whoever reaches this machine can use it: /m,
    );
  });

  it('says in one line that its port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    const { code, stderr } = await runIgc(['serve', folder, '--port', `${port}`]);
    other.close();
    expect(code).toBe(1);
    expect(stderr).toBe(
      `--port: must be free, got ${port}, in use on 127.0.0.1; 0 takes a free one\n`,
    );
  });

  it.each([
    [['--port', '70000'], '--port: must be a whole number of 0…65535, got 70000'],
    [['--port', 'http'], '--port: must be a number, got "http"'],
    [['--batch', '0'], '--batch: must be a whole number of 1…1024, got 0'],
    [['--queue', '1.5'], '--queue: must be a whole number of 1…1000000, got 1.5'],
    [['--max-wait', '2m'], '--max-wait: must be a number of 0…60000, got 120000'],
    [
      ['--max-body', 'much'],
      '--max-body: must be a size, got "much"; for example 500kB, 10MB or 16MiB',
    ],
    [['--max-body', '1GiB'], '--max-body: must be a whole number of 1…536870912, got 1073741824'],
    [
      ['--cors', 'example.org'],
      '--cors: must be an origin, or *, got "example.org"; for example https://example.org, without a slash at its end',
    ],
    [['--host', ''], '--host: must be an address, got ""'],
  ])('%j is a mistake', async (args, message) => {
    const { code, stderr } = await callIgc(['serve', folder, ...args]);
    expect(stderr).toBe(`${message}\n`);
    expect(code).toBe(2);
  });

  it('says that there is no model, no such host, no such kernels', async () => {
    expect(await callIgc(['serve', 'nowhere'])).toMatchObject({
      code: 3,
      stderr: 'nowhere: must be a model file or a folder, got nothing\n',
    });
    const elsewhere = await callIgc(['serve', folder, '--port', '0', '--host', '203.0.113.9']);
    expect(elsewhere).toMatchObject({
      code: 2,
      stderr: '--host: must be an address of this machine, got 203.0.113.9 (EADDRNOTAVAIL)\n',
    });
    const { code, stderr } = await callIgc(['serve', folder, '--kernels', 'natvie']);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^--kernels: must be one of .*did you mean "native"\?\n$/);
  });
});
