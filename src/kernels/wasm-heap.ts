/** Places in a wasm memory: taken, filled, read and given back. Views are made anew, since memory moves as it grows. */
import { IgcError } from '../core/errors.ts';
import type { WasmExports, WasmMemory } from './web-assembly.ts';

export interface Heap {
  /** Bytes at a vector's alignment; throws when there is no memory for them. */
  take(bytes: number): number;
  give(pointer: number): void;
  floats(pointer: number, length: number): Float32Array;
  doubles(pointer: number, length: number): Float64Array;
  integers(pointer: number, length: number): Int32Array;
}

export function heapOf(memory: WasmMemory, exports: WasmExports): Heap {
  return {
    take(bytes) {
      const pointer = bytes < 2 ** 32 ? exports.take(bytes) >>> 0 : 0;
      if (pointer === 0) throw memoryError();
      return pointer;
    },
    give: (pointer) => exports.give(pointer),
    floats: (pointer, length) => new Float32Array(memory.buffer, pointer, length),
    doubles: (pointer, length) => new Float64Array(memory.buffer, pointer, length),
    integers: (pointer, length) => new Int32Array(memory.buffer, pointer, length),
  };
}

/** What all kernel sets say. */
export function memoryError(): IgcError {
  return new IgcError(
    'failure',
    'memory: not enough for this network and batch, choose a smaller batch (-b)',
  );
}
