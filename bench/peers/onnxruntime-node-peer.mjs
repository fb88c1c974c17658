/** onnxruntime-node, its CPU provider, on the number of threads that it is told. */
import { createRequire } from 'node:module';
import * as runtime from 'onnxruntime-node';
import { onnxEngine } from './onnxruntime.mjs';
import { serve } from './protocol.mjs';

const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json');

await serve(version, (request) => {
  const options = {
    executionProviders: ['cpu'],
    executionMode: 'sequential',
    intraOpNumThreads: request.threads,
    interOpNumThreads: 1,
  };
  return onnxEngine(runtime, options)(request);
});
