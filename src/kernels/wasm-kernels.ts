/**
 * The kernel set of a compiled wasm module: the C++ of native/ in a WebAssembly memory of its own. Knows neither files
 * nor how threads are started, so that it runs in Node (wasm.ts) and in the browser (wasm-browser.ts).
 */
import { internalError } from '../core/errors.ts';
import type { KernelSet, ModelArrays, SgdOptions } from './contract.ts';
import { wasmExecutor } from './wasm-executor.ts';
import { type Heap, heapOf } from './wasm-heap.ts';
import type { WasmVariant } from './wasm-variants.ts';
import {
  instantiateWasm,
  type WasmExports,
  type WasmModule,
  type WasmThread,
  webAssembly,
} from './web-assembly.ts';

export interface WasmKernelOptions {
  readonly variant: WasmVariant;
  /** The calling thread included; a module with threads is needed for more than one. */
  readonly threads: number;
  /** The module has what plans for inference need, and no more. */
  readonly inference: boolean;
  /** Returns what ends it. */
  readonly startThread: (thread: WasmThread) => () => void;
}

/** What a wasm kernel set has done so far. */
export interface WasmUse {
  readonly allocations: number;
  /** Now held in its memory. */
  readonly bytes: number;
  /** Loops that threads besides the caller took part in. */
  readonly sharedLoops: number;
}

/** Zeros for other kernel sets. */
export function wasmUse(kernels: KernelSet): WasmUse {
  const exports = exportsOf.get(kernels);
  if (!exports) return { allocations: 0, bytes: 0, sharedLoops: 0 };
  return {
    allocations: exports.allocationsMade(),
    bytes: exports.bytesHeld(),
    sharedLoops: kernels.threads > 1 ? exports.loopsShared() : 0,
  };
}

const exportsOf = new WeakMap<KernelSet, WasmExports>();

/** Ends the threads of sets that nobody has any more. */
const dropped = new FinalizationRegistry<() => void>((stop) => stop());

/** The limits of wasm/*.wasm, in pages of 64 KiB: 1 MiB to begin with, 4 GiB at the most. */
const limits = { initial: 16, maximum: 65536 };
const stackBytes = 1 << 18;
/** Parameters that the optimizer takes at a time. */
const sgdSize = 1 << 18;

export function wasmKernelSet(module: WasmModule, options: WasmKernelOptions): KernelSet {
  const { variant, threads, inference, startThread } = options;
  const memory = new webAssembly!.Memory({ ...limits, shared: threads > 1 });
  const exports = instantiateWasm(module, memory);
  const heap = heapOf(memory, exports);
  exports.setThreads(threads);
  const stops = Array.from({ length: threads - 1 }, (_, i) => {
    return startThread({
      module,
      memory,
      worker: i + 1,
      stackTop: heap.take(stackBytes) + stackBytes,
    });
  });
  const sgdPlaces = inference ? [] : [0, 1, 2].map(() => heap.take(4 * sgdSize));
  const kernels: KernelSet = {
    name: `wasm-${inference ? 'inference-' : ''}${variant}`,
    arithmetic: 'float32',
    lanes: exports.lanes(),
    chains: true,
    storages: ['float32'],
    threads,
    newArray: (length) => new Float32Array(length),
    instantiate(plan, model, instantiateOptions = {}) {
      if (plan.lanes !== this.lanes) throw internalError(`a plan of ${plan.lanes} lanes for wasm`);
      if (inference && plan.training) throw internalError(`${this.name} has no training`);
      return wasmExecutor(exports, heap, plan, model, instantiateOptions);
    },
    updateSgd: (model, sgd) => updateSgd(exports, heap, sgdPlaces, model, sgd),
  };
  exportsOf.set(kernels, exports);
  dropped.register(kernels, () => {
    for (const stop of stops) stop();
  });
  return kernels;
}

function updateSgd(
  exports: WasmExports,
  heap: Heap,
  places: readonly number[],
  { parameters, gradients, momentum }: ModelArrays,
  options: SgdOptions,
): void {
  const [w, g, m] = places as [number, number, number];
  const { learningRate, momentum: mu, nesterov } = options;
  for (const { offset, size, factor } of options.decay) {
    for (let from = offset; from < offset + size; from += sgdSize) {
      const n = Math.min(sgdSize, offset + size - from);
      heap.floats(w, n).set(parameters.subarray(from, from + n));
      heap.floats(g, n).set(gradients.subarray(from, from + n));
      heap.floats(m, n).set(momentum.subarray(from, from + n));
      exports.updateSgd(w, g, m, n, learningRate, mu, factor, Number(nesterov));
      parameters.set(heap.floats(w, n), from);
      momentum.set(heap.floats(m, n), from);
    }
  }
}
