/** onnxruntime-web, its WebAssembly provider in Node, on the number of threads that it is told. */
import { readFileSync } from 'node:fs';
import * as runtime from 'onnxruntime-web';
import { onnxEngine } from './onnxruntime.mjs';
import { serve } from './protocol.mjs';

const packageFile = new URL('./node_modules/onnxruntime-web/package.json', import.meta.url);
const { version } = JSON.parse(readFileSync(packageFile, 'utf8'));

await serve(version, (request) => {
  runtime.env.wasm ??= {};
  runtime.env.wasm.numThreads = request.threads;
  return onnxEngine(runtime, { executionProviders: ['wasm'] })(request);
});
