/**
 * The little of WebAssembly's interface that the kernels use, and what their modules export. TypeScript has the former
 * only among the types of a browser, which the rest of the library must not see.
 */

/** A compiled module; opaque. */
export type WasmModule = object;

/** Grows; `buffer` is then another one. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
}

/** See native/wasm/exports.cc; pointers are places in memory. */
export interface WasmExports {
  lanes(): number;
  setThreads(threads: number): void;
  take(bytes: number): number;
  give(pointer: number): void;
  allocationsMade(): number;
  bytesHeld(): number;
  create(
    program: number,
    parameters: number,
    gradients: number,
    state: number,
    poison: number,
  ): number;
  destroy(instance: number): void;
  /** Partners and weights are 0 for images of one class each. */
  setBatch(
    instance: number,
    images: number,
    labels: number,
    count: number,
    partners: number,
    weights: number,
  ): void;
  prepare(instance: number): void;
  forward(instance: number, oldWeight: number): void;
  /** Values of a tensor. */
  readTensor(instance: number, id: number, count: number, out: number): void;
  // From here on not in modules for inference.
  /** Steps from − 1 … to. */
  backward(instance: number, from: number, to: number): void;
  losses(instance: number): number;
  arena(instance: number, gradients: number): number;
  readGradient(instance: number, id: number, count: number, out: number): void;
  writeGradient(instance: number, id: number, values: number): void;
  updateSgd(
    parameters: number,
    gradients: number,
    momentum: number,
    size: number,
    learningRate: number,
    mu: number,
    decay: number,
    nesterov: number,
  ): void;
  /** Modules with threads: the loop of a worker; never returns. */
  work(worker: number): void;
  /** Modules with threads: loops that a worker took part in. */
  loopsShared(): number;
  readonly __stack_pointer: { value: number };
}

interface WebAssemblyInterface {
  validate(bytes: Uint8Array): boolean;
  compile(bytes: ArrayBuffer): Promise<WasmModule>;
  readonly Module: new (bytes: Uint8Array) => WasmModule;
  readonly Memory: new (limits: {
    readonly initial: number;
    readonly maximum: number;
    readonly shared: boolean;
  }) => WasmMemory;
  readonly Instance: new (module: WasmModule, imports: object) => { readonly exports: WasmExports };
}

/** Undefined where an engine has none, or has it forbidden. */
export const webAssembly = (
  globalThis as unknown as { readonly WebAssembly?: WebAssemblyInterface }
).WebAssembly;

/** The exports of a module over a memory, which threads may share. */
export function instantiateWasm(module: WasmModule, memory: WasmMemory): WasmExports {
  const imports = { env: { memory }, math: { exp: Math.exp, log: Math.log } };
  return new webAssembly!.Instance(module, imports).exports;
}

/** What a thread needs to take part in the loops of a kernel set. */
export interface WasmThread {
  readonly module: WasmModule;
  readonly memory: WasmMemory;
  /** 1, 2, …; 0 is the caller. */
  readonly worker: number;
  readonly stackTop: number;
}

/** The life of a thread; returns only with the thread's end. */
export function workInWasm({ module, memory, worker, stackTop }: WasmThread): void {
  const exports = instantiateWasm(module, memory);
  exports.__stack_pointer.value = stackTop;
  exports.work(worker);
}
