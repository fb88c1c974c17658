/**
 * The wasm kernel sets in Node: modules from the package's wasm/ folder, threads as worker threads. They need no
 * compiler and run wherever Node does, at a good part of the native kernels' speed.
 */
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { workerUrl } from '../core/worker-url.ts';
import type { KernelSet } from './contract.ts';
import { wasmKernelSet } from './wasm-kernels.ts';
import {
  bestWasmVariant,
  type WasmVariant,
  wasmFile,
  wasmObstacle,
  wasmVariants,
} from './wasm-variants.ts';
import { type WasmModule, type WasmThread, webAssembly } from './web-assembly.ts';

export interface WasmOptions {
  /** Default: the best that this engine runs. */
  readonly variant?: WasmVariant;
  /** The calling one included; default: all cores. */
  readonly threads?: number;
  /** Modules that run plans for inference alone; default false. */
  readonly inference?: boolean;
}

export type WasmLoad =
  | { readonly kernels: KernelSet; readonly variant: WasmVariant }
  | { readonly reason: string };

/** The wasm kernels of one variant, or the reason why there are none. */
export function loadWasmKernels(options: WasmOptions = {}): WasmLoad {
  if (process.env.IGCNET_NO_WASM) return { reason: 'IGCNET_NO_WASM is set' };
  const { variant = bestWasmVariant(), inference = false } = options;
  const obstacle = wasmObstacle(variant);
  if (obstacle !== undefined) return { reason: obstacle };
  const threads = options.threads ?? availableParallelism();
  const path = fileURLToPath(new URL(wasmFile({ variant, threads, inference }), wasmFolder));
  if (!existsSync(path)) return { reason: `${path} is missing` };
  const module = compiled(path);
  return { kernels: wasmKernelSet(module, { variant, threads, inference, startThread }), variant };
}

/** Every variant's kernels, and why the others are not there. */
export function wasmKernelSets(options: Pick<WasmOptions, 'threads' | 'inference'> = {}): {
  readonly available: readonly KernelSet[];
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
} {
  const available: KernelSet[] = [];
  const skipped: { name: string; reason: string }[] = [];
  for (const variant of wasmVariants) {
    const load = loadWasmKernels({ ...options, variant });
    if ('kernels' in load) available.push(load.kernels);
    else skipped.push({ name: `wasm-${variant}`, reason: load.reason });
  }
  return { available, skipped };
}

/** Seen from src/kernels and dist/kernels alike. */
const wasmFolder = new URL('../../wasm/', import.meta.url);

const modules = new Map<string, WasmModule>();

function compiled(path: string): WasmModule {
  let module = modules.get(path);
  if (!module) {
    module = new webAssembly!.Module(readFileSync(path));
    modules.set(path, module);
  }
  return module;
}

/** The thread ends with the process, and does not keep it. */
function startThread(thread: WasmThread): () => void {
  const worker = new Worker(workerUrl(import.meta.url, 'wasm-worker'), { workerData: thread });
  worker.unref();
  return () => void worker.terminate();
}
