/** The page of `igc ui` in Chromium, watched: what it asks for, how it shifts, and what it complains of. */

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { gzipSync } from 'node:zlib';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';

export interface WatchedPage {
  readonly page: Page;
  /** What was printed as an error, and errors that nobody caught. */
  readonly errors: readonly string[];
  /** Requests to anywhere but the page's own server. */
  readonly foreign: readonly string[];
  /** Gzipped bytes of everything that was asked for so far. */
  loadedBytes(): Promise<number>;
  /** Cumulative layout shift so far, as browsers define it: without what follows an input. */
  layoutShift(): Promise<number>;
  /** Violations of axe-core's rules that are serious or critical, in words. */
  seriousFindings(): Promise<readonly string[]>;
  /** Pixels that the page is wider than the window. */
  overflow(): Promise<number>;
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Texts, since the tests are compiled without a browser's types. */
const countShifts = `
  window.shift = 0;
  new PerformanceObserver((list) => {
    for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) window.shift += value;
  }).observe({ type: 'layout-shift', buffered: true });
`;

/** What axe-core found against one of its rules. */
interface Violation {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, ...options });
  const page = await context.newPage();
  const errors: string[] = [];
  const foreign: string[] = [];
  const sizes: Promise<number>[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('request', (request) => {
    const { origin, protocol } = new URL(request.url());
    if (!['blob:', 'data:'].includes(protocol) && origin !== new URL(url).origin) {
      foreign.push(request.url());
    }
  });
  page.on('response', (response) => {
    if (!response.url().includes('/api/')) sizes.push(zippedSize(response));
  });
  await page.addInitScript(countShifts);
  await page.goto(url);
  return {
    page,
    errors,
    foreign,
    loadedBytes: async () => (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0),
    layoutShift: () => page.evaluate('window.shift') as Promise<number>,
    overflow: () =>
      page.evaluate('document.documentElement.scrollWidth - innerWidth') as Promise<number>,
    async seriousFindings() {
      await page.evaluate(axe);
      const { violations } = (await page.evaluate('axe.run()')) as { violations: Violation[] };
      return violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .flatMap(({ id, nodes }) =>
          nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary}`),
        );
    },
  };
}

async function zippedSize(response: { body(): Promise<Buffer> }): Promise<number> {
  try {
    return gzipSync(await response.body()).length;
  } catch {
    return 0; // a page that was left has no bodies any more
  }
}
