/** The entry of a Web Worker of the wasm kernels in the browser; its first message is its work. */
import { type WasmThread, workInWasm } from './web-assembly.ts';

const self = globalThis as unknown as {
  onmessage: (event: { readonly data: WasmThread }) => void;
};
self.onmessage = ({ data }) => workInWasm(data);
