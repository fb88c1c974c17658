/** POST /classify: from a request to its answer, by way of the threads that decode and compute. */
import { rankClasses } from '../model/classifier.ts';
import { type Batcher, makeBatcher } from './batcher.ts';
import { type BodyBudget, readBody } from './body.ts';
import { readBodyKind, readImages, readTop, type SentImages } from './classify-request.ts';
import { type Exchange, jsonReply, type Reply } from './exchange.ts';
import { makeGate } from './gate.ts';
import { busy } from './http-error.ts';
import type { ImageReader } from './images.ts';
import type { Metrics } from './metrics.ts';
import type { Network } from './network.ts';
import type { ServeSettings } from './settings.ts';

/** What classifying needs. */
export interface ClassifyParts {
  readonly network: Network;
  readonly images: ImageReader;
  readonly settings: ServeSettings;
  readonly metrics: Metrics;
  readonly hasWebp: boolean;
}

/** Answers requests; says how much is waiting. */
export interface ClassifyService {
  answer(exchange: Exchange): Promise<Reply>;
  waiting(): number;
  readonly budget: BodyBudget;
}

/** Pixels of an image, probabilities of its classes. */
type ImageBatcher = Batcher<Uint8Array, Float32Array>;

const bodiesAtOnce = 16;
const requestsDecodedAtOnce = 4;
const clock = {
  now: () => performance.now(),
  after(timeMs: number, call: () => void) {
    const timer = setTimeout(call, timeMs);
    return () => clearTimeout(timer);
  },
};

/** One for each network; requests share its batches. */
export function makeClassifyService(parts: ClassifyParts): ClassifyService {
  const { network, images, settings, metrics, hasWebp } = parts;
  const { batch, maxWaitMs, queue, maxBodyBytes } = settings;
  const compute = (items: readonly Uint8Array[]) => computeBatch(network, metrics, items);
  const batcher = makeBatcher({ batch, maxWaitMs, queue, share: wholePlan, compute, clock });
  const gate = makeGate(requestsDecodedAtOnce);
  const budget: BodyBudget = { mostBytes: bodiesAtOnce * maxBodyBytes, usedBytes: 0 };

  const probabilitiesOf = async (sent: SentImages, signal: AbortSignal) => {
    const count = sent.images.length;
    const place = enter(batcher, count);
    const leave = () => place.leave(signal.reason);
    signal.addEventListener('abort', leave);
    try {
      signal.throwIfAborted();
      const pixels = await gate.run(signal, () => images.read(sent.images));
      const size = pixels.length / count;
      const items = sent.images.map((_, i) => pixels.subarray(i * size, (i + 1) * size));
      return await place.submit(items);
    } finally {
      signal.removeEventListener('abort', leave);
      place.leave(signal.reason);
    }
  };

  const answer = async ({ request, query, signal, beganMs }: Exchange) => {
    const kind = readBodyKind(request.headers, hasWebp);
    const top = readTop(query);
    const { bytes, release } = await readBody(request, { maxBodyBytes, budget, signal });
    try {
      const sent = readImages(bytes, kind, { ...settings, hasWebp });
      const all = await probabilitiesOf(sent, signal);
      const { classes } = network.facts;
      const results = all.map((row) => ({ predictions: rankClasses(classes, row).slice(0, top) }));
      const timeMs = Math.round(1000 * (performance.now() - beganMs)) / 1000;
      return jsonReply(200, sent.isList ? { results, timeMs } : { ...results[0], timeMs });
    } finally {
      release();
    }
  };
  return { answer, waiting: () => batcher.waiting(), budget };
}

function enter(batcher: ImageBatcher, count: number) {
  const place = batcher.enter(count);
  if (place) return place;
  const got = `${batcher.waiting()} images waiting and ${count} more`;
  throw busy({ path: 'queue', rule: 'must have room', got });
}

/** Networks are planned for powers of two of images: a batch between two would cost what the larger one does. */
function wholePlan(due: number): number {
  return 2 ** Math.floor(Math.log2(due));
}

async function computeBatch(network: Network, metrics: Metrics, items: readonly Uint8Array[]) {
  const size = items[0]!.length;
  const pixels = new Uint8Array(items.length * size);
  for (const [i, item] of items.entries()) pixels.set(item, i * size);
  const all = await network.compute(pixels);
  metrics.countBatch(items.length);
  const classes = all.length / items.length;
  return items.map((_, i) => all.subarray(i * classes, (i + 1) * classes));
}
