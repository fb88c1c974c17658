/** Entry of the thread that computes the network; network.ts starts it. */
import { parentPort } from 'node:worker_threads';
import { internalError } from '../core/errors.ts';
import { normalisationTable } from '../data/batches/augment.ts';
import { chooseKernels } from '../kernels/choose.ts';
import { makeClassifier } from '../model/classifier.ts';
import { modelFromFile } from '../model/model-file.ts';
import { nameOf, readModel } from '../runtime/model-source.ts';
import { checkChannels } from '../runtime/runtime.ts';
import type { NetworkCall, NetworkFacts, NetworkRequest } from './network.ts';
import { answerCalls } from './worker-calls.ts';

let compute: ((pixels: Uint8Array) => Float32Array<ArrayBuffer>) | undefined;

answerCalls<NetworkCall, NetworkFacts | Float32Array>(parentPort, async (call) => {
  if ('load' in call) return { reply: await load(call.load) };
  if (!compute) throw internalError('pixels came before the network');
  const probabilities = compute(call.pixels);
  return { reply: probabilities, transfer: [probabilities.buffer] };
});

async function load({ model, kernels: choice, threads, batch }: NetworkRequest) {
  const name = nameOf(model);
  const file = await readModel(model);
  const { spec, classes, preprocessing, dataset, epoch } = file.card;
  checkChannels(name, spec.input);
  const { kernels, reason, warnings } = chooseKernels({
    kernels: choice,
    threads,
    inference: true,
  });
  const classifier = makeClassifier(modelFromFile(file, kernels, { inference: true }));
  const table = normalisationTable(255, preprocessing); // pictures are bytes of 0…255
  compute = (pixels) => {
    const rows = classifier.classify(pixels, table);
    const all = new Float32Array(rows.length * classes.length);
    for (const [i, row] of rows.entries()) all.set(row, i * classes.length);
    return all;
  };
  // Every size that will come is planned now, so that no request waits for it and memory stays as it is.
  const size = spec.input.channels * spec.input.height * spec.input.width;
  for (let count = 1; count < 2 * batch; count *= 2) {
    compute(new Uint8Array(Math.min(count, batch) * size));
  }
  return {
    ...{ net: spec.name, depth: spec.depth, classes, preprocessing, dataset, epoch, warnings },
    kernels: { name: kernels.name, threads: kernels.threads, reason },
  };
}
