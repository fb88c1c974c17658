/** What both ONNX Runtimes do: the same API, another engine beneath. Layouts are the files' kinds of permutations. */
import { readFileSync } from 'node:fs';
import { randomNumbers } from './protocol.mjs';

/** @param runtime onnxruntime-node or onnxruntime-web */
export function onnxEngine(runtime, sessionOptions) {
  return async ({ files, shape }) => ({
    layouts: { train: [], inference: Object.keys(files) },
    async prepare(_, layout) {
      const options = { ...sessionOptions, graphOptimizationLevel: 'all' };
      const session = await runtime.InferenceSession.create(readFileSync(files[layout]), options);
      const length = shape.reduce((product, n) => product * n, 1);
      const images = new runtime.Tensor('float32', randomNumbers(length), shape);
      return () => session.run({ images });
    },
  });
}
