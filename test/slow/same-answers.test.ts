/**
 * The same 1,000 test images of CIFAR-10 by every engine: native, wasm in Node, wasm in Chromium, ONNX Runtime Web on the
 * exported file; and how long one image takes in Chromium beside ONNX Runtime Web, in one page.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { InferenceSession, Tensor } from 'onnxruntime-web';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imagePixels } from '../../src/data/image-set.ts';
import { openDataset } from '../../src/data/open-dataset.ts';
import { exportRun } from '../../src/export/export-run.ts';
import { type LoadOptions, load } from '../../src/runtime/node.ts';
import { chromiumPath, startChromium } from '../browser/chromium.ts';
import { type PageServer, servePage } from '../browser/page-server.ts';
import { missingReason, realData } from '../data/fixtures.ts';
import { nmse } from '../kernels/trial.ts';
import { tolerances } from '../tolerances.ts';

const record = fileURLToPath(
  new URL('../../records/cifar10-IGC-L24M2-D20-40epochs-seed0', import.meta.url),
);
const folder = 'cifar-10-batches-bin';
const data = realData(folder);
if (!data) console.warn(missingReason(folder));
if (!chromiumPath) console.warn('skipped: no Chromium (IGCNET_CHROMIUM)');

const [count, side, classes] = [1000, 32, 10];
const area = side * side;
const root = mkdtempSync(path.join(tmpdir(), 'igc-same-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** The images as RGB pixels, one behind the other. */
const pixels = new Uint8Array(count * 3 * area);
let labels: readonly number[] = [];
let want: Float32Array;

beforeAll(async () => {
  if (!data) return;
  const dataset = await openDataset({ name: 'cifar10', dir: data, seed: 0 });
  const { test } = dataset;
  if ('encoded' in test) throw new Error('CIFAR-10 is pixels');
  for (let i = 0; i < count; i++) {
    const planar = imagePixels(test, i);
    for (let p = 0; p < area; p++) {
      for (let c = 0; c < 3; c++) pixels[3 * (i * area + p) + c] = planar[c * area + p]!;
    }
  }
  labels = [...test.labels.subarray(0, count)];
  want = await byRuntime({ kernels: 'reference-float64' });
  await exportRun({
    run: record,
    format: 'onnx',
    output: path.join(root, 'model.onnx'),
    evaluate: false,
  });
});

async function byRuntime(options: LoadOptions): Promise<Float32Array> {
  const model = await load(record, options);
  const images = Array.from({ length: count }, (_, i) => ({
    width: side,
    height: side,
    data: pixels.subarray(i * 3 * area, (i + 1) * 3 * area),
  }));
  const answers = await model.classify(images);
  model.dispose();
  return Float32Array.from(answers.flatMap(({ logits }) => [...logits]));
}

async function byOnnxRuntime(): Promise<Float32Array> {
  const model = await load(record, { kernels: 'reference' });
  const { mean, std } = model.preprocessing;
  model.dispose();
  const input = new Float32Array(pixels.length);
  for (let i = 0; i < count; i++) {
    for (let p = 0; p < area; p++) {
      for (let c = 0; c < 3; c++) {
        const value = pixels[3 * (i * area + p) + c]! / 255;
        input[(i * 3 + c) * area + p] = (value - mean[c]!) / std[c]!;
      }
    }
  }
  const file = readFileSync(path.join(root, 'model.onnx'));
  const session = await InferenceSession.create(file, { executionProviders: ['wasm'] });
  const result: number[] = [];
  for (let i = 0; i < count; i += 100) {
    const part = input.subarray(i * 3 * area, (i + 100) * 3 * area);
    const { logits } = await session.run({
      images: new Tensor('float32', part, [100, 3, side, side]),
    });
    result.push(...(logits!.data as Float32Array));
  }
  await session.release();
  return Float32Array.from(result);
}

const tops = (logits: ArrayLike<number>) =>
  Array.from({ length: count }, (_, i) => {
    const row = Array.from({ length: classes }, (_, k) => logits[i * classes + k]!);
    return row.indexOf(Math.max(...row));
  });

function expectSame(name: string, logits: ArrayLike<number>) {
  const error = nmse(logits, want);
  const right = tops(logits).filter((top, i) => top === labels[i]).length;
  console.log(`${name}: NMSE ${error.toExponential(1)}, ${right} of ${count} right`);
  expect(error).toBeLessThanOrEqual(tolerances.sameAnswers);
  expect(tops(logits)).toEqual(tops(want));
}

describe.skipIf(!data)('1,000 test images of CIFAR-10', () => {
  it('are the same to the native kernels', async () => {
    expectSame('native', await byRuntime({ kernels: 'auto' }));
  });
  it('are the same to wasm in Node', async () => {
    expectSame('wasm in Node', await byRuntime({ kernels: 'wasm' }));
  });
  it('are the same to ONNX Runtime on the exported file', async () => {
    expectSame('ONNX Runtime Web', await byOnnxRuntime());
  });

  describe.skipIf(!chromiumPath)('in Chromium', () => {
    let browser: Browser;
    let server: PageServer;
    beforeAll(async () => {
      browser = await startChromium();
      const answers = {
        '/images': pixels,
        '/model.safetensors': readFileSync(path.join(record, 'model.safetensors')),
        '/model.onnx': readFileSync(path.join(root, 'model.onnx')),
      };
      server = await servePage({ answers, isolated: true });
    });
    afterAll(async () => {
      await browser?.close();
      await server?.close();
    });
    const call = async <T>(expression: string) => {
      const page = await browser.newPage();
      await page.goto(`${server.url}test/browser/runtime.html`);
      await page.waitForFunction('window.ready');
      const answer = (await page.evaluate(expression)) as T;
      await page.close();
      return answer;
    };
    const options = JSON.stringify({ count, side });

    it.each(['{}', '{ threads: 1 }', "{ variant: 'simd128' }"])(
      'are the same with %s',
      async (engine) => {
        interface Answer {
          readonly kernels: { readonly name: string; readonly threads: number };
          readonly logits: number[];
        }
        const { kernels, logits } = await call<Answer>(`classifyAll(${options}, ${engine})`);
        expectSame(`Chromium, ${kernels.name}, ${kernels.threads} threads`, logits);
      },
    );

    it('one image takes at most a third of ONNX Runtime Web’s time, on one thread', async () => {
      interface Race {
        readonly ours: number;
        readonly ort: number;
        readonly worst: number;
      }
      const rounds: Race[] = [];
      for (let i = 0; i < 3; i++) rounds.push(await call<Race>(`race(${options}, 320)`));
      for (const { ours, ort, worst } of rounds) {
        console.log(
          `one image: ${ours.toFixed(2)} ms, ONNX Runtime Web ${ort.toFixed(2)} ms, ratio ${(ort / ours).toFixed(2)}`,
        );
        expect(worst).toBeLessThan(1e-3);
      }
      const ratios = rounds.map(({ ours, ort }) => ort / ours).sort((a, b) => a - b);
      expect(ratios[1]).toBeGreaterThanOrEqual(3);
    });
  });
});

it('has what it needs', () => {
  expect(existsSync(path.join(record, 'model.safetensors'))).toBe(true);
});
