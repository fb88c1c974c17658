/** The page in Chromium: every part of it used as people would. IGCNET_SHOTS=<folder> keeps pictures to look at. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { encode } from 'fast-png';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imagePixels } from '../../src/data/image-set.ts';
import { openDigits } from '../../src/data/readers/digits.ts';
import { load } from '../../src/runtime/node.ts';
import { widthBound } from '../../src/theory/widths.ts';
import { train } from '../../src/train/train.ts';
import { serveUi, type UiServer } from '../../src/ui/ui-server.ts';
import { writeClasses } from '../cli/run-igc.ts';
import { chromiumPath, startChromium } from './chromium.ts';
import { openPage } from './open-page.ts';

if (!chromiumPath) console.warn('skipped: no Chromium to open the page in (IGCNET_CHROMIUM)');

const parts = ['design', 'runs', 'try', 'learn'] as const;
const root = mkdtempSync(path.join(tmpdir(), 'igc-page-'));
const runs = path.join(root, 'runs');
let browser: Browser;
let server: UiServer;

beforeAll(async () => {
  if (!chromiumPath) return;
  const overrides = {
    data: { name: 'digits' },
    net: 'IGC-L2M2',
    depth: 5,
    epochs: 2,
    threads: 1,
    output: runs,
    name: 'before',
  } as const;
  for await (const _ of train(overrides, { command: ['test'] }));
  browser = await startChromium();
  server = await serveUi({ runs });
});
afterAll(async () => {
  await browser?.close();
  await server?.close();
  rmSync(root, { recursive: true, force: true });
});

const open = (part: (typeof parts)[number], options = {}) =>
  openPage(browser, `${server.url}#/${part}`, options);

async function shot(page: Page, name: string): Promise<void> {
  const folder = process.env.IGCNET_SHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: true });
}

/** A digit of the test split as a picture of 0…255. */
async function digitPng(index: number): Promise<{ file: string; label: number }> {
  const { test } = await openDigits();
  const grey = Uint8Array.from(imagePixels(test, index), (v) => Math.round((v * 255) / 16));
  const file = path.join(root, `digit-${index}.png`);
  writeFileSync(file, encode({ width: 8, height: 8, data: grey, channels: 1, depth: 8 }));
  return { file, label: test.labels[index]! };
}

describe.skipIf(!chromiumPath)('the page', () => {
  it.each(parts)(
    '%s: fits 360 pixels, light and dark, without serious findings or shifts',
    async (part) => {
      for (const colorScheme of ['light', 'dark'] as const) {
        const narrow = await open(part, { viewport: { width: 360, height: 740 }, colorScheme });
        await narrow.page.getByRole('heading', { level: 1 }).waitFor();
        await narrow.page.waitForTimeout(700); // what comes later must not shift what is there
        await shot(narrow.page, `${part}-360-${colorScheme}`);
        expect(await narrow.overflow()).toBeLessThanOrEqual(0);
        expect(await narrow.seriousFindings()).toEqual([]);
        expect(await narrow.layoutShift()).toBeLessThan(0.02);
        const wide = await open(part, { colorScheme });
        await wide.page.getByRole('heading', { level: 1 }).waitFor();
        await wide.page.waitForTimeout(700);
        await shot(wide.page, `${part}-1200-${colorScheme}`);
        expect(await wide.layoutShift()).toBeLessThan(0.02);
        expect(await wide.seriousFindings()).toEqual([]);
        for (const { errors, foreign, page } of [narrow, wide]) {
          expect(errors).toEqual([]);
          expect(foreign).toEqual([]);
          await page.context().close();
        }
      }
    },
  );

  it('loads its first part in at most 150 KB', async () => {
    const { page, loadedBytes } = await openPage(browser, server.url);
    await page.getByRole('heading', { name: 'Design a block' }).waitFor();
    await page.waitForLoadState('networkidle');
    const bytes = await loadedBytes();
    expect(bytes).toBeGreaterThan(10_000);
    expect(bytes).toBeLessThanOrEqual(150_000);
    await page.context().close();
  });

  it('can be reached and used by the keyboard alone', async () => {
    const { page } = await open('design');
    await page.getByRole('heading', { level: 1 }).waitFor();
    const focused = () =>
      page.evaluate('(document.activeElement?.textContent ?? "").trim().slice(0, 30)');
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('Skip to the content');
    for (let i = 0; i < 3; i++) await page.keyboard.press('Tab');
    expect(await focused()).toBe('Train');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Runs', exact: true }).waitFor();
    await page.keyboard.press('Shift+Tab');
    await page.keyboard.press('Enter');
    const slider = page.getByLabel('L, primary partitions, slider');
    await slider.focus();
    await page.keyboard.press('ArrowRight');
    expect(await page.getByLabel('L, primary partitions', { exact: true }).inputValue()).toBe('41');
    await page.context().close();
  });

  it('designs: a budget, its blocks, the network and how to say it', async () => {
    const { page, errors } = await open('design');
    await page.getByRole('button', { name: 'Table 1 (ii)' }).click();
    await page
      .getByText(`★ at most ${widthBound({ params: 17_536, taps: 9 }).toFixed(1)}`)
      .waitFor(); // eq. (15) for 17,536
    await page.getByText('blocks for the budget').click();
    await page.getByRole('button', { name: 'Choose L=85 M=2' }).click();
    const chosen = page.getByRole('region', { name: 'The chosen block' });
    await chosen.getByText('17,510').waitFor(); // Table 1
    expect(await chosen.locator('dd').first().textContent()).toMatch(/^170/);
    await page.getByText('npx igc train --net IGC-L85M2 --depth 20').waitFor();
    await page.getByLabel('Primary kernel').selectOption('5');
    await page.getByText('--variant primaryKernel=5').waitFor();
    await page.getByLabel('Depth, 3B + 2').fill('21');
    await page.getByRole('alert').or(page.locator('.error')).first().waitFor();
    await page.getByLabel('Parameters of one block').fill('');
    expect(await page.locator('.error').count()).toBeGreaterThan(1);
    expect(errors).toEqual([]);
    await page.context().close();
  });

  it('shows a run as it trains, measures it, and compares it with another', async () => {
    const { page, errors } = await open('runs');
    await page.getByRole('heading', { name: '1 runs' }).waitFor();
    await page.getByLabel('Network', { exact: true }).fill('IGC-L2M4');
    await page.getByLabel('Depth').fill('5');
    await page.getByLabel('Epochs').fill('3');
    await page.getByRole('button', { name: 'Start' }).click();
    await page.getByRole('heading', { name: '2 runs' }).waitFor();
    const now = page.getByRole('region', { name: 'The run now' });
    await now.getByText('3 / 3').waitFor();
    await now.getByText('finished').waitFor();
    const accuracy = (await now.locator('dd').nth(1).textContent())!;
    const events = await page.getByRole('region', { name: 'Curves' }).locator('canvas').count();
    expect(events).toBe(4);
    const curve = page.getByRole('img', { name: /^Accuracy in percent/ });
    expect(await curve.getAttribute('aria-label')).toContain('digits-seed0');
    await page.getByRole('checkbox', { name: /before/ }).setChecked(false);
    await page.getByRole('button', { name: 'Measure on the test images' }).click();
    await page.getByText('Mistakes of which it was surest').waitFor();
    const caption = await page.locator('.confusion caption').textContent();
    expect(caption).toContain(accuracy.split(' ')[0]);
    expect(await page.locator('.mistakes img').count()).toBeGreaterThan(0);
    await shot(page, 'runs-measured');
    await page.getByLabel('Network', { exact: true }).fill('IGC-L0M4');
    await page.getByRole('button', { name: 'Start' }).click();
    await page.getByRole('alert').waitFor();
    expect(await page.getByRole('alert').textContent()).toContain('IGC-L0M4');
    expect(errors.filter((text) => !text.includes('400'))).toEqual([]);
    await page.context().close();
  });

  it('tries a network on a picture, and says what Node says', async () => {
    const { file } = await digitPng(3);
    const { page, errors, foreign } = await open('try');
    await page.getByLabel('Network', { exact: true }).selectOption({ label: 'Run before' });
    await page.getByText('10 classes').waitFor();
    await page.getByLabel(/^Drop a picture/).setInputFiles(file);
    await page.getByText(/ms for this picture/).waitFor();
    const said = page.getByRole('region', { name: 'What the network says' });
    const shown = (await said.textContent())!;
    const model = await load(path.join(runs, 'before'), { kernels: 'wasm', threads: 1 });
    const { top } = await model.classify(file);
    model.dispose();
    expect(await said.getByRole('heading').textContent()).toBe(top[0]!.name);
    expect(shown).toContain(`${(100 * top[0]!.probability).toFixed(1)} %`);
    await shot(page, 'try-digit');
    const broken = path.join(root, 'broken.png');
    writeFileSync(broken, 'no picture');
    await page.getByLabel(/^Drop a picture/).setInputFiles(broken);
    await page.getByText('broken.png: must be an image that this browser can decode').waitFor();
    const other = path.join(root, 'other.safetensors');
    writeFileSync(other, 'no network');
    await page.getByLabel(/^Drop a picture/).setInputFiles(other);
    await page
      .getByText(/must hold its header|must be at most|this is no safetensors file/)
      .waitFor();
    expect(errors).toEqual([]);
    expect(foreign).toEqual([]);
    await page.context().close();
  });

  it('tries the networks that come with it, and the camera', async () => {
    const { page } = await open('try', { permissions: ['camera'] });
    const offers = page.getByLabel('Network', { exact: true }).locator('option');
    await offers.filter({ hasText: 'CIFAR-10' }).first().waitFor({ state: 'attached' });
    const label = (await offers.filter({ hasText: 'CIFAR-10' }).first().textContent())!;
    await page.getByLabel('Network', { exact: true }).selectOption({ label });
    await page.getByText('colour').waitFor();
    await page.getByRole('button', { name: 'Use the camera' }).click();
    await page.getByText(/ms for this picture/).waitFor();
    await page.getByRole('button', { name: 'Stop the camera' }).click();
    await page.context().close();
  });

  it('trains on the digits to 95 % within a minute, and the network leaves as a file', async () => {
    const { page, errors, foreign } = await open('learn');
    const began = performance.now();
    await page.getByRole('button', { name: 'Train' }).click();
    await page.getByText(/^Done after/).waitFor();
    expect(performance.now() - began).toBeLessThan(60_000);
    const accuracy = Number.parseFloat((await page.getByTestId('accuracy').textContent())!);
    expect(accuracy).toBeGreaterThanOrEqual(95);
    await shot(page, 'learn-digits');
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByText(/^Download the model/).click(),
    ]);
    const file = path.join(root, 'digits.safetensors');
    await download.saveAs(file);
    const model = await load(file, { threads: 1 });
    const pictures = await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map(digitPng));
    const answers = await model.classify(pictures.map((one) => one.file));
    const right = answers.filter(({ top }, i) => top[0]!.name === `${pictures[i]!.label}`);
    expect(right.length).toBeGreaterThanOrEqual(7);
    model.dispose();
    await page.getByRole('link', { name: 'Try it' }).click();
    await page.getByText('trained in this browser').waitFor();
    await page.getByLabel(/^Drop a picture/).setInputFiles(pictures[0]!.file);
    await page.getByText(/ms for this picture/).waitFor();
    expect(errors).toEqual([]);
    expect(foreign).toEqual([]);
    await page.context().close();
  });

  it('trains on a folder of images, which stays here; says what is wrong with others', async () => {
    const photos = path.join(root, 'photos');
    writeClasses(photos, ['cat', 'dog'], 12);
    writeFileSync(path.join(photos, 'dog', 'broken.png'), 'no picture');
    const { page, foreign } = await open('learn');
    await page.getByLabel('Images', { exact: true }).selectOption('folder');
    await page.getByRole('button', { name: 'Train' }).click();
    await page.getByText('folder: choose the folder of your images first').waitFor();
    const chooser = page.getByLabel(/^Folder with one folder/);
    await chooser.setInputFiles(path.join(photos, 'cat'));
    await page
      .getByText(/^folder: must hold a folder of images for each of at least 2 classes/)
      .waitFor();
    const sent: string[] = [];
    page.on('request', (request) => {
      if (request.method() !== 'GET') sent.push(request.url());
    });
    await chooser.setInputFiles(photos);
    await page.getByText('25 images of 2 classes: cat, dog').waitFor();
    await page.getByLabel('Side of the images in pixels').fill('8');
    await page.getByLabel('Network', { exact: true }).fill('IGC-L2M2');
    await page.getByLabel('Depth').fill('5');
    await page.getByLabel('Epochs').fill('2');
    await page.getByRole('button', { name: 'Train' }).click();
    await page.getByText(/^Done after/).waitFor();
    await page.getByText('photos/dog/broken.png').waitFor();
    expect(sent).toEqual([]);
    expect(foreign).toEqual([]);
    await page.context().close();
  });

  it('can be stopped, and keeps what was learnt', async () => {
    const { page } = await open('learn');
    await page.getByLabel('Epochs').fill('2000');
    await page.getByRole('button', { name: 'Train' }).click();
    await page.getByText('Training', { exact: true }).waitFor();
    await page.waitForTimeout(1000);
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByText(/^Stopped after/).waitFor();
    await page.getByText(/^Download the model/).waitFor();
    await page.context().close();
  });
});

describe.skipIf(!chromiumPath)('the page’s server', () => {
  const ask = (place: string, init?: RequestInit) => fetch(new URL(place, server.url), init);

  it('answers nobody who calls it by another name, and takes orders from its page alone', async () => {
    const { port } = new URL(server.url);
    const { request } = await import('node:http');
    const status = await new Promise((resolve) => {
      const headers = { host: 'evil.example' };
      request({ port, host: '127.0.0.1', path: '/api/runs.json', headers }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).end();
    });
    expect(status).toBe(403);
    const order = (origin: string) =>
      ask('api/stop', {
        method: 'POST',
        headers: { origin, 'content-type': 'application/json' },
        body: '{}',
      });
    expect((await order('http://evil.example')).status).toBe(403);
    expect((await order(server.url.slice(0, -1))).status).toBe(200);
  });

  it('gives nothing outside its folder, and says what is wrong in one line', async () => {
    for (const place of [
      '..%2f..%2fpackage.json',
      '%2e%2e/%2e%2e/package.json',
      'nothing.js',
      '%ff',
    ]) {
      expect((await ask(place)).status, place).toBeGreaterThanOrEqual(400);
    }
    const text = async (place: string) =>
      ((await (await ask(place)).json()) as { error: string }).error;
    expect(await text('api/nothing.json')).toBe('nothing.json: nothing is here');
    expect(await text('api/runs/nothing.json')).toBe('runs/nothing.json: nothing is here');
    const start = (body: string) =>
      ask('api/start', {
        method: 'POST',
        headers: { origin: server.url.slice(0, -1), 'content-type': 'application/json' },
        body,
      });
    for (const body of [
      '',
      '[]',
      '{"data":"digits"}',
      '{"data":1}',
      `{"a":"${'x'.repeat(70_000)}"}`,
    ]) {
      const response = await start(body);
      expect(response.status).toBe(400);
      expect(((await response.json()) as { error: string }).error).toMatch(/^[\w.]+: .+/);
    }
  });

  it('makes the page cross-origin isolated', async () => {
    const { headers } = await ask('');
    expect(headers.get('cross-origin-opener-policy')).toBe('same-origin');
    expect(headers.get('cross-origin-embedder-policy')).toBe('require-corp');
    expect(readFileSync(path.join(runs, 'before', 'config.json'), 'utf8')).toContain('digits');
  });
});
