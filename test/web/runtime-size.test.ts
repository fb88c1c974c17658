/** What one page loads to classify: igcnet/runtime bundled, and the one wasm file that it picks. */
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const most = 60_000;
let out: string;

beforeAll(async () => {
  out = await mkdtemp(path.join(tmpdir(), 'igc-runtime-'));
  await build({
    root,
    configFile: false,
    logLevel: 'error',
    base: './',
    publicDir: false,
    build: {
      outDir: out,
      emptyOutDir: true,
      assetsInlineLimit: 0,
      modulePreload: false,
      rollupOptions: {
        input: path.join(root, 'src/runtime/browser.ts'),
        preserveEntrySignatures: 'strict',
      },
    },
  });
}, 60_000);
afterAll(() => rm(out, { recursive: true, force: true }));

const files = (ending: string) =>
  readdirSync(path.join(out, 'assets'))
    .filter((name) => name.endsWith(ending))
    .map((name) => ({
      name,
      bytes: gzipSync(readFileSync(path.join(out, 'assets', name))).length,
    }));

it('is at most 60 KB, gzipped, with any of the wasm files', () => {
  const script = files('.js').reduce((sum, { bytes }) => sum + bytes, 0);
  const modules = files('.wasm');
  expect(modules).toHaveLength(4);
  expect(script).toBeGreaterThan(10_000);
  const [largest] = modules.toSorted((a, b) => b.bytes - a.bytes);
  console.log(`igcnet/runtime: ${script} bytes of scripts, ${largest!.bytes} of ${largest!.name}`);
  expect(script + largest!.bytes).toBeLessThanOrEqual(most);
});

it('brings no kernels for training', () => {
  expect(files('.wasm').every(({ name }) => name.startsWith('inference-'))).toBe(true);
});
