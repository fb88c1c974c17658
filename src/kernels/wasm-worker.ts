/** The entry of a worker thread of the wasm kernels in Node. */
import { workerData } from 'node:worker_threads';
import { type WasmThread, workInWasm } from './web-assembly.ts';

workInWasm(workerData as WasmThread);
