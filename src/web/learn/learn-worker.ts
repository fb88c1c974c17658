/** The worker in which a page trains, so that the page itself stays live. */
import { digitsDataset } from '../../data/readers/digits-csv.ts';
import { fetchKernels } from '../../kernels/wasm-browser.ts';
import { learn } from './browser-trainer.ts';
import type { FromWorker, LearnImages, ToWorker } from './messages.ts';

const scope = self as unknown as {
  onmessage: (event: MessageEvent<ToWorker>) => void;
  postMessage(message: FromWorker, transfer?: Transferable[]): void;
};

let isStopped = false;

/** Steps in a second are many; the page is told of ten. */
const tellMs = 100;

scope.onmessage = ({ data }) => {
  if (data.kind === 'stop') isStopped = true;
  else {
    run(data).catch((error: unknown) => {
      scope.postMessage({
        kind: 'error',
        message: error instanceof Error ? error.message : String(error),
      });
    });
  }
};

async function run({ settings, images }: Extract<ToWorker, { kind: 'start' }>): Promise<void> {
  const [kernels, set] = await Promise.all([
    fetchKernels({}, false, (file) => modules[file]!()),
    images instanceof ArrayBuffer ? readDigits(images) : images,
  ]);
  await pause(); // lets the threads of the kernels begin
  let toldAt = 0;
  let pausedAt = 0;
  for (const event of learn(set, settings, kernels, () => isStopped)) {
    const now = performance.now();
    const isDue = event.kind !== 'step' || now - toldAt >= tellMs;
    if (isDue) {
      scope.postMessage(event, event.kind === 'done' ? [event.model.buffer] : []);
      toldAt = now;
    }
    if (now - pausedAt < tellMs && event.kind === 'step') continue;
    await pause(); // hears "stop"
    pausedAt = performance.now();
  }
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 0));

async function readDigits(zipped: ArrayBuffer): Promise<LearnImages> {
  const stream = new Blob([zipped]).stream().pipeThrough(new DecompressionStream('gzip'));
  return digitsDataset(await new Response(stream).text());
}

/** Written out, so that the bundler sees them. */
const modules: Readonly<Record<string, () => URL>> = {
  'simd128.wasm': () => new URL('../../../wasm/simd128.wasm', import.meta.url),
  'simd128-threads.wasm': () => new URL('../../../wasm/simd128-threads.wasm', import.meta.url),
  'relaxed-simd.wasm': () => new URL('../../../wasm/relaxed-simd.wasm', import.meta.url),
  'relaxed-simd-threads.wasm': () =>
    new URL('../../../wasm/relaxed-simd-threads.wasm', import.meta.url),
};
