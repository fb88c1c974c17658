/**
 * The wasm kernel sets in the browser: modules by URL, threads as Web Workers, which only a cross-origin isolated page
 * has (headers COOP: same-origin, COEP: require-corp).
 */
import { IgcError } from '../core/errors.ts';
import type { KernelSet } from './contract.ts';
import { wasmKernelSet } from './wasm-kernels.ts';
import {
  bestWasmVariant,
  type WasmFileName,
  type WasmVariant,
  wasmFile,
  wasmObstacle,
  wasmThreadsObstacle,
} from './wasm-variants.ts';
import { type WasmThread, webAssembly } from './web-assembly.ts';

/** Which kernels, on how many threads, and where their files lie. */
export interface BrowserWasmOptions {
  /** Default: the best that this engine runs. */
  readonly variant?: WasmVariant | undefined;
  /** The calling one included; default: all cores, or 1 where a page may not have threads. */
  readonly threads?: number | undefined;
  /** The folder of the .wasm files, with a slash at its end; default: the package's wasm/. */
  readonly folder?: URL | string | undefined;
}

/** The wasm kernels of one variant; fails with the reason where the page cannot have them. */
export function fetchWasmKernels({
  folder = new URL(/* @vite-ignore */ '../../wasm/', import.meta.url),
  ...options
}: BrowserWasmOptions = {}): Promise<KernelSet> {
  return fetchKernels(options, false, (file) => new URL(file, folder));
}

/**
 * The same for one use: `locate` says where a file of wasm/ lies. With `inference` they run plans for inference alone.
 */
export async function fetchKernels(
  options: Omit<BrowserWasmOptions, 'folder'>,
  inference: boolean,
  locate: (file: WasmFileName) => URL,
): Promise<KernelSet> {
  const { variant = bestWasmVariant() } = options;
  const threads =
    options.threads ?? (wasmThreadsObstacle() ? 1 : page.navigator.hardwareConcurrency);
  const obstacle = wasmObstacle(variant) ?? (threads > 1 ? wasmThreadsObstacle() : undefined);
  if (obstacle !== undefined) throw new IgcError('failure', `wasm-${variant}: ${obstacle}`);
  const url = locate(wasmFile({ variant, threads, inference }));
  const response = await fetch(url);
  if (!response.ok) throw new IgcError('failure', `${url}: the server says ${response.status}`);
  const module = await webAssembly!.compile(await response.arrayBuffer());
  return wasmKernelSet(module, { variant, threads, inference, startThread });
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
  const { Worker } = page; // bundlers look for `new Worker(new URL(…`
  const worker = new Worker(new URL('./wasm-web-worker.js', import.meta.url), { type: 'module' });
  worker.postMessage(thread);
  return () => worker.terminate();
}
