/** What is shipped to others, in Chromium: igcnet/runtime with every kind of picture, an exported page from the disk, the static site. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { encode } from 'fast-png';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportRun } from '../../src/export/export-run.ts';
import { load } from '../../src/runtime/node.ts';
import { namedNetwork } from '../../src/spec/named-networks.ts';
import { sendFile } from '../../src/ui/static-files.ts';
import { inTemporary, writeDrawn } from '../export/drawn-models.ts';
import { chromiumPath, startChromium } from './chromium.ts';
import { openPage } from './open-page.ts';
import { servePage } from './page-server.ts';

if (!chromiumPath) console.warn('skipped: no Chromium (IGCNET_CHROMIUM)');

const root = fileURLToPath(new URL('../..', import.meta.url));
const input = { channels: 3, height: 8, width: 8 };
const spec = namedNetwork({ net: 'IGC-L4M2', depth: 5, input, classes: 4 });
const { folder } = writeDrawn('shipped </script> & "co"', spec);
const [width, height] = [12, 10];
const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 37) % 256);
const png = encode({ width, height, data, channels: 3, depth: 8 });
const picture = inTemporary('picture.png');
writeFileSync(picture, png);

let browser: Browser;
let want: readonly number[];
beforeAll(async () => {
  const model = await load(folder, { kernels: 'wasm', threads: 1 });
  want = [...(await model.classify(picture)).logits];
  model.dispose();
  if (chromiumPath) browser = await startChromium();
});
afterAll(() => browser?.close());

describe.skipIf(!chromiumPath)('igcnet/runtime', () => {
  it('takes every kind of picture that a page has, and says what is none', async () => {
    const model = readFileSync(path.join(folder, 'model.safetensors'));
    const answers = { '/model.safetensors': model, '/images': data, '/picture.png': png };
    const server = await servePage({ answers, isolated: true });
    const page = await browser.newPage();
    await page.goto(`${server.url}test/browser/runtime.html`);
    await page.waitForFunction('window.ready');
    const results = (await page.evaluate('classifyKinds()')) as Record<string, number[] | string>;
    const { problems, ...kinds } = results as typeof results & { problems: string };
    expect(Object.keys(kinds).sort()).toEqual([
      ...[
        'ArrayBuffer',
        'Blob',
        'HTMLCanvasElement',
        'HTMLImageElement',
        'ImageBitmap',
        'ImageData',
      ],
      ...['OffscreenCanvas', 'URL', 'Uint8Array', 'VideoFrame', 'string'],
    ]);
    for (const [kind, logits] of Object.entries(kinds)) {
      const off = (logits as number[]).map((value, i) => Math.abs(value - want[i]!));
      // Frames of a video are stored as luma and chroma.
      expect(Math.max(...off), kind).toBeLessThan(kind === 'VideoFrame' ? 0.5 : 1e-4);
    }
    expect(problems.split('\n')).toEqual([
      'image: must be a picture that has been loaded, of at least one pixel, got 0×0',
      'image: must be an image that this browser can decode, got 3 bytes',
      expect.stringMatching(/nowhere\.png: must be there, got 404$/),
      expect.stringMatching(/none\.safetensors: must be there, got 404$/),
    ]);
    await page.close();
    await server.close();
  });
});

describe.skipIf(!chromiumPath)('a network exported as a page', () => {
  it('opens from the disk, asks for nothing, and says what Node says', async () => {
    const output = inTemporary('page');
    await exportRun({ run: folder, format: 'web', output, evaluate: false });
    const file = path.join(output, 'index.html');
    const { page, errors, foreign, seriousFindings } = await openPage(
      browser,
      pathToFileURL(file).href,
    );
    const asked: string[] = [];
    page.on('request', (request) => {
      if (!/^(data|blob):/.test(request.url())) asked.push(request.url());
    });
    await page.getByText('4 classes').waitFor();
    await page.getByLabel(/^Drop a picture/).setInputFiles(picture);
    await page.getByText(/ms for this picture/).waitFor();
    const model = await load(path.join(output, 'model.safetensors'), {
      kernels: 'wasm',
      threads: 1,
    });
    const { top } = await model.classify(picture);
    model.dispose();
    const said = page.getByRole('region', { name: 'What the network says' });
    expect(await said.getByRole('heading').textContent()).toBe(top[0]!.name);
    expect(await said.textContent()).toContain(`${(100 * top[0]!.probability).toFixed(1)} %`);
    expect(await seriousFindings()).toEqual([]);
    expect([...errors, ...foreign, ...asked]).toEqual([]);
    await page.context().close();
  });
});

describe.skipIf(!chromiumPath)('the static site', () => {
  let server: Server;
  let url: string;
  beforeAll(async () => {
    const site = inTemporary('site');
    execFileSync(process.execPath, ['scripts/build-site.mjs', '--to', site], { cwd: root });
    // As most hosts serve it: without the headers that threads need, and below a folder.
    server = createServer((request, response) => {
      const { pathname } = new URL(request.url ?? '/', 'http://localhost');
      const below = decodeURIComponent(pathname).replace(/^\/igcnet/, '');
      if (!sendFile(response, site, below)) response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/igcnet/`;
  });
  afterAll(() => void server?.close());

  it('shows the records of the repository, and tells of none of this machine’s places', async () => {
    const { page, errors, foreign } = await openPage(browser, `${url}#/runs`);
    await page.getByText('Beside the paper').waitFor();
    await page.getByText(/^Table 4/).waitFor();
    const boxes = page.getByRole('checkbox', { name: /cifar10-/ });
    expect(await boxes.count()).toBeGreaterThan(10);
    await boxes.first().setChecked(true);
    const curves = page.getByRole('region', { name: 'Curves' });
    expect(await curves.locator('canvas').count()).toBe(4);
    expect(await page.getByRole('button', { name: 'Start' }).count()).toBe(0);
    const runs = await (await fetch(`${url}api/runs.json`)).text();
    expect(runs).not.toMatch(/"\/[a-z]/i); // no absolute path
    expect([...errors, ...foreign]).toEqual([]);
    await page.context().close();
  });

  it('tries and trains on one thread', async () => {
    const { page, errors } = await openPage(browser, `${url}#/try`);
    await page.getByText('1 thread', { exact: true }).waitFor();
    await page.getByLabel(/^Drop a picture/).setInputFiles(picture);
    await page.getByText(/ms for this picture/).waitFor();
    await page.goto(`${url}#/learn`);
    await page.getByLabel('Epochs').fill('1');
    await page.getByRole('button', { name: 'Train' }).click();
    await page.getByText(/^Done after/).waitFor();
    expect(errors).toEqual([]);
    await page.context().close();
  });
});
