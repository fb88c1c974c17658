/**
 * Are the wasm kernels in a browser the same function as the reference? The case table in Chromium, on every variant,
 * with and without threads; the fast tier runs a part of it.
 */
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cases as ownCases } from '../kernels/cases.ts';
import { definition, wasmSets } from '../kernels/kernel-sets.ts';
import {
  drawInputs,
  expectClose,
  oldWeight,
  planOf,
  type Results,
  runTrial,
  worstNmse,
} from '../kernels/trial.ts';
import { variantCases } from '../kernels/variant-cases.ts';
import { isThorough } from '../thorough.ts';
import { tolerances } from '../tolerances.ts';
import { chromiumPath, startChromium } from './chromium.ts';
import { type PageServer, servePage } from './page-server.ts';

/** Every 12th case, and all whole networks, unless thorough. */
const cases = [...ownCases, ...variantCases].filter(
  ({ name }, i) => isThorough || i % 12 === 0 || name.includes('network of igc'),
);

const trials = cases.flatMap((trial) =>
  [true, false].map((training) => {
    const inputs = drawInputs(trial, training);
    const plan = planOf(trial, wasmSets[0]!, { training, fuse: true });
    const want = runTrial(trial, definition, { training, fuse: false }, inputs);
    return { name: `${trial.name}, ${training ? 'training' : 'inference'}`, plan, inputs, want };
  }),
);

/** What the page gets: plain arrays. */
const casesJson = JSON.stringify(
  trials.map(({ plan, inputs }) => {
    const { mix, ...numbers } = inputs;
    const plain = Object.entries({ ...numbers, ...mix }).map(([key, values]) => [
      key,
      Array.from(values),
    ]);
    return { plan, inputs: Object.fromEntries(plain), oldWeight };
  }),
);

/** Calls a function of page.js with a variant and a number of threads. */
async function inPage(server: PageServer, name: string, variant: string, threads: number) {
  const page = await browser.newPage();
  await page.goto(`${server.url}test/browser/page.html`);
  await page.waitForFunction('window.ready');
  const answer = await page.evaluate(`window.${name}('${variant}', ${threads})`);
  await page.close();
  return answer as string;
}

let browser: Browser;

if (!chromiumPath) {
  it.skip('the browser is left out: no Chromium here (IGCNET_CHROMIUM names one)', () => {});
} else {
  let isolated: PageServer;
  let plain: PageServer;
  beforeAll(async () => {
    browser = await startChromium();
    const answers = { '/cases.json': casesJson };
    [isolated, plain] = (await Promise.all(
      [true, false].map((yes) => servePage({ answers, isolated: yes })),
    )) as [PageServer, PageServer];
  });
  afterAll(async () => {
    await browser?.close();
    await Promise.all([isolated?.close(), plain?.close()]);
  });

  describe.each([
    ['simd128', 1],
    ['simd128', 2],
    ['relaxed-simd', 1],
    ['relaxed-simd', 3],
  ])('wasm-%s in Chromium, threads: %i', (variant, threads) => {
    it(`computes ${trials.length} trials as the definition does`, async ({ annotate }) => {
      const server = threads > 1 ? isolated : plain;
      const answer = JSON.parse(await inPage(server, 'runCases', variant, threads));
      expect(answer.name).toBe(`wasm-${variant}`);
      if (threads > 1) expect(answer.sharedLoops).toBeGreaterThan(0);
      expect(answer.results).toHaveLength(trials.length);
      let worst = 0;
      for (const [i, { name, want }] of trials.entries()) {
        const got: Results = new Map(answer.results[i]);
        expectClose(got, want, tolerances.conformanceFloat32, name);
        worst = Math.max(worst, worstNmse(got, want));
      }
      await annotate(`worst NMSE ${worst.toExponential(1)}`);
    });
  });

  it('says why a page that is not isolated has no threads', async () => {
    expect(await inPage(plain, 'refusal', 'simd128', 2)).toMatch(
      /^wasm-simd128: the page is not cross-origin isolated/,
    );
  });
}
