/** The server of the page, asked as no page of ours would. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { get, request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serveUi, type UiServer } from '../../src/ui/ui-server.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(path.join(tmpdir(), 'igc-ui-'));
const runs = path.join(folder, 'runs');
let server: UiServer;
beforeAll(async () => {
  mkdirSync(runs);
  cpSync(
    path.join(root, 'records', 'fashion-mnist-IGC-L24M2-D8-10epochs'),
    path.join(runs, 'record'),
    {
      recursive: true,
    },
  );
  mkdirSync(path.join(runs, 'broken'));
  writeFileSync(path.join(runs, 'broken', 'config.json'), '{');
  server = await serveUi({ runs });
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The status of a request whose path is sent as it is written. */
function statusOf(place: string, headers: Record<string, string> = {}): Promise<number> {
  const { port } = new URL(server.url);
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path: place, headers }, (response) => {
      response.resume();
      resolve(response.statusCode!);
    })
      .on('error', reject)
      .end();
  });
}

const json = async (place: string) => (await fetch(new URL(place, server.url))).json();

describe('files', () => {
  it.each([
    ...['/wasm/..%2fpackage.json', '/wasm%2f..%2fpackage.json', '/wasm/../package.json'],
    ...['/..%2f..%2fpackage.json', '/wasm/..%2f.git%2fconfig', '/%2e%2e/%2e%2e/package.json'],
  ])('%s is not given', async (place) => {
    expect(await statusOf(place)).toBe(404);
  });

  it('are given from the page and from the kernels', async () => {
    expect(await statusOf('/wasm/simd128.wasm')).toBe(200);
    expect(await statusOf('/')).toBe(200);
  });

  it.each(['//', '///', '/\\', '/%ff', '/?x=%00', '/%00'])(
    '%s is answered in words',
    async (place) => {
      expect([200, 400, 404]).toContain(await statusOf(place));
    },
  );

  it.runIf(existsSync('/proc/self/fd'))('are closed when whoever asked for them goes', async () => {
    const open = () => readdirSync('/proc/self/fd').length;
    const before = open();
    for (let i = 0; i < 40; i++) {
      await new Promise<void>((resolve) => {
        const asked = get(new URL('wasm/simd128.wasm', server.url), (response) => {
          response.once('data', () => {
            response.destroy();
            asked.destroy();
            resolve();
          });
        });
      });
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(open()).toBeLessThan(before + 10);
  });
});

describe('runs', () => {
  it('are listed beside one that cannot be read', async () => {
    const list = (await json('api/runs.json')) as { id: string; accuracy: number }[];
    expect(list).toEqual([expect.objectContaining({ id: 'record', accuracy: 92.67 })]);
    const detail = (await json('api/runs/record.json')) as { rows: unknown[] };
    expect(detail.rows).toHaveLength(10);
    expect(await statusOf('/api/runs/broken.json')).toBe(404);
    expect(await json('api/report.json')).toMatchObject({ sections: expect.any(Array) });
  });

  it('are not measured for pages of others', async () => {
    const headers = { 'sec-fetch-site': 'cross-site' };
    expect(await statusOf('/api/runs/record/mistakes.json', headers)).toBe(403);
    expect(await statusOf('/api/runs.json', { 'sec-fetch-site': 'same-origin' })).toBe(200);
  });

  it('are not started where they cannot be, and the page hears why', async () => {
    const start = async (change: object) => {
      const body = {
        data: 'digits',
        net: 'IGC-L2M2',
        depth: 5,
        epochs: 1,
        seed: 0,
        name: 'new',
        ...change,
      };
      const response = await fetch(new URL('api/start', server.url), {
        method: 'POST',
        headers: { origin: server.url.slice(0, -1), 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      return [response.status, ((await response.json()) as { error?: string }).error];
    };
    expect(await start({ name: 'record' })).toEqual([400, expect.stringContaining('record')]);
    expect(await start({ depth: 6 })).toEqual([400, expect.stringContaining('depth')]);
    expect(await start({ name: '../out' })).toEqual([400, expect.stringMatching(/^name: /)]);
    expect(existsSync(path.join(folder, 'out'))).toBe(false);
  });
});

it('is not begun at ports that are none, or for a folder that is a file', async () => {
  for (const port of [99_999, -1, 80.5, Number.NaN]) {
    await expect(serveUi({ runs, port })).rejects.toThrow(
      'port: must be a whole number in 0…65535',
    );
  }
  const file = path.join(folder, 'file');
  writeFileSync(file, '');
  await expect(serveUi({ runs: file })).rejects.toThrow('runs: must be a folder, got ');
  const { port } = new URL(server.url);
  await expect(serveUi({ runs, port: Number(port) })).rejects.toThrow(
    `port: must be free, got ${port}`,
  );
});
