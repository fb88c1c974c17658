/**
 * The wasm kernel sets in the browser: modules by URL, threads as Web Workers, which only a cross-origin isolated page
 * has (headers COOP: same-origin, COEP: require-corp).
 */
import { IgcError } from '../core/errors.ts';
import type { KernelSet } from './contract.ts';
import { wasmKernelSet } from './wasm-kernels.ts';
import {
  type WasmVariant,
  wasmFile,
  wasmObstacle,
  wasmThreadsObstacle,
  wasmVariants,
} from './wasm-variants.ts';
import { type WasmThread, webAssembly } from './web-assembly.ts';

export interface BrowserWasmOptions {
  /** Default: the best that this engine runs. */
  readonly variant?: WasmVariant;
  /** The calling one included; default: all cores, or 1 where a page may not have threads. */
  readonly threads?: number;
  /** The folder of the .wasm files, with a slash at its end; default: the package's wasm/. */
  readonly folder?: URL;
}

/** The wasm kernels of one variant; fails with the reason where the page cannot have them. */
export async function fetchWasmKernels(options: BrowserWasmOptions = {}): Promise<KernelSet> {
  const { folder = new URL('../../wasm/', import.meta.url) } = options;
  const variant = options.variant ?? wasmVariants.find((name) => !wasmObstacle(name)) ?? 'simd128';
  const threads =
    options.threads ?? (wasmThreadsObstacle() ? 1 : page.navigator.hardwareConcurrency);
  const obstacle = wasmObstacle(variant) ?? (threads > 1 ? wasmThreadsObstacle() : undefined);
  if (obstacle !== undefined) throw new IgcError('failure', `wasm-${variant}: ${obstacle}`);
  const url = new URL(wasmFile(variant, threads), folder);
  const response = await fetch(url);
  if (!response.ok) throw new IgcError('failure', `${url}: the server says ${response.status}`);
  const module = await webAssembly!.compile(await response.arrayBuffer());
  return wasmKernelSet(module, { variant, threads, startThread });
}

interface WebWorker {
  postMessage(message: WasmThread): void;
  terminate(): void;
}

const page = globalThis as unknown as {
  readonly navigator: { readonly hardwareConcurrency: number };
  readonly Worker: new (url: URL, options: { readonly type: 'module' }) => WebWorker;
};

/** Begins its work once the page's script has returned to the browser. */
function startThread(thread: WasmThread): () => void {
  const worker = new page.Worker(new URL('./wasm-web-worker.js', import.meta.url), {
    type: 'module',
  });
  worker.postMessage(thread);
  return () => worker.terminate();
}
