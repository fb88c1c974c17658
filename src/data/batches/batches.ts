/**
 * Batches made ahead: threads of their own decode, augment and normalise, and the consumer takes finished batches
 * out of shared memory, in order, blocking when none is ready. For a consumer that may block.
 */

import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { internalError, usageError } from '../../core/errors.ts';
import { workerUrl } from '../../core/worker-url.ts';
import { imageBytes } from '../image-set.ts';
import { sendSet } from '../sent-set.ts';
import {
  type BatchRecipe,
  batchSpan,
  checkRecipe,
  countBatches,
  isDecoded,
  shardSize,
} from './batch-content.ts';
import type { BatchRange, ProducerTask } from './batch-producer.ts';
import { awaitBatch, type BatchRing, endRing, makeRing, openSlots, release } from './batch-ring.ts';
import { isMixing } from './mixing.ts';
import { sizeAt } from './shrink.ts';

/** Which batches, from where to where, and how they are made ahead. */
export interface BatchRequest extends BatchRecipe, BatchRange {
  /** Batches in memory, the one in use included, from 2; 3 and one for every worker. Changes nothing but speed. */
  readonly slots?: number | undefined;
  /** Threads that make batches; 1, or for encoded images as many as cores. Changes nothing but speed. */
  readonly workers?: number | undefined;
  /** How long `next` waits for producers that give no sign of life, in milliseconds; 60,000. */
  readonly patienceMs?: number | undefined;
  /** Entry of a producer's thread, for bundlers; `batch-worker.js` beside this file. */
  readonly worker?: URL | undefined;
}

/** One batch, valid until the next call of `next`. Writing to it is allowed and harms nothing. */
export interface Batch {
  readonly epoch: number;
  readonly step: number;
  /** Number of images, of the shard if there is one; only the last sequential batch, or the only one of a small set, is short. */
  readonly count: number;
  /** count × C × H × W, normalised; of the recipe's smaller side in its epochs. */
  readonly images: Float32Array;
  readonly labels: Int32Array;
  /** Index in the set of each image. */
  readonly indices: Int32Array;
  /** With mixup or cutmix: the other label of each image, and what its own weighs. */
  readonly mix?: { readonly partners: Int32Array; readonly weights: Float32Array };
}

/** Batches in order. Close it in every case, or its threads live until the process ends. */
export interface BatchSource {
  /**
   * The next batch; blocks this thread until it is ready.
   *
   * Throws the producer's error, or one of its own when the producer is silent or the range is used up.
   */
  next(): Batch;
  /** How long `next` has waited in total, in milliseconds. */
  readonly waitedMs: number;
  /** Ends the producers' threads; the views of the last batch stay readable. */
  close(): Promise<void>;
}

/**
 * Starts producing. What is in a batch depends on the recipe, its epoch and its step only.
 *
 * Throws usage errors for impossible requests.
 * @example
 * const source = openBatches({ set: train, batchSize: 64, order: 'shuffled', seed: 0, augment: null,
 *   statistics, firstEpoch: 0, firstStep: 0, stepsPerEpoch: 781, epochs: 400 });
 * const { images, labels } = source.next();
 */
export function openBatches(request: BatchRequest): BatchSource {
  const { set, batchSize, order, seed, augment, statistics, sizes, shard, mixingParts } = request;
  const { firstEpoch, firstStep, stepsPerEpoch, epochs } = request;
  const { workers = isDecoded(request) ? 1 : availableParallelism(), slots = 3 + workers } =
    request;
  checkRecipe(request);
  checkRange(request, { slots, workers });
  const ring = makeRing({ slots, batchSize: shardSize(request), imageSize: imageBytes(set) });
  const choices = { batchSize, order, seed, augment, statistics, sizes, shard, mixingParts };
  const recipe = { set: sendSet(set), ...choices };
  const range = { firstEpoch, firstStep, stepsPerEpoch, epochs };
  const producers = Array.from({ length: workers }, (_, index) =>
    startProducer(request, { recipe, range, ring, index, producers: workers }),
  );
  return makeSource(request, ring, producers);
}

function startProducer(request: BatchRequest, task: ProducerTask): Worker {
  const entry = request.worker ?? workerUrl(import.meta.url, 'batch-worker');
  const worker = new Worker(entry, { workerData: task, name: 'igcnet batches' });
  // These run only while the consumer's thread is idle; while it blocks, its patience is the safeguard.
  worker.on('error', (error) => endRing(task.ring, error));
  worker.on('exit', (code) => {
    if (code !== 0)
      endRing(task.ring, internalError(`the batch producer exited with code ${code}`));
  });
  worker.unref();
  return worker;
}

function makeSource(
  request: BatchRequest,
  ring: BatchRing,
  producers: readonly Worker[],
): BatchSource {
  const { set, stepsPerEpoch, epochs, sizes = [], patienceMs = 60_000 } = request;
  const views = openSlots(ring);
  const mixes = isMixing(request.augment);
  let { firstEpoch: epoch, firstStep: step } = request;
  let batch = 0;
  let waitedMs = 0;
  let isHolding = false; // a batch that is not given back yet
  let isClosed = false;
  return {
    next() {
      if (isClosed) throw internalError('batches: next was called after close');
      if (epoch >= epochs) throw internalError(`batches: next was called after epoch ${epoch}`);
      if (isHolding) release(ring);
      isHolding = false;
      const began = performance.now();
      const isThere = awaitBatch(ring, batch, patienceMs);
      waitedMs += performance.now() - began;
      if (!isThere) throw internalError(`the batch producer was silent for ${patienceMs} ms`);
      isHolding = true;
      const { images, labels, indices, partners, weights } = views[batch++ % ring.slots]!;
      const { count } = batchSpan(request, step);
      const side = sizeAt(sizes, epoch)?.side;
      const imageSize = side === undefined ? ring.imageSize : set.channels * side * side;
      const result: Batch = {
        epoch,
        step,
        count,
        images: images.subarray(0, count * imageSize),
        labels: labels.subarray(0, count),
        indices: indices.subarray(0, count),
        ...(mixes && {
          mix: { partners: partners.subarray(0, count), weights: weights.subarray(0, count) },
        }),
      };
      step = (step + 1) % stepsPerEpoch;
      if (step === 0) epoch++;
      return result;
    },
    get waitedMs() {
      return waitedMs;
    },
    async close() {
      isClosed = true;
      endRing(ring);
      await Promise.all(producers.map((worker) => worker.terminate()));
    },
  };
}

function checkRange(
  request: BatchRequest,
  threads: { readonly slots: number; readonly workers: number },
): void {
  const { firstEpoch, firstStep, stepsPerEpoch, epochs } = request;
  const available = countBatches(request);
  const bounds = {
    epochs: [1, Number.MAX_SAFE_INTEGER],
    stepsPerEpoch: [1, available],
    firstEpoch: [0, epochs - 1],
    firstStep: [0, stepsPerEpoch - 1],
    slots: [2, 1024],
    workers: [1, 256],
  } as const;
  const given = { epochs, stepsPerEpoch, firstEpoch, firstStep, ...threads };
  for (const name of Object.keys(bounds) as (keyof typeof bounds)[]) {
    const [least, most] = bounds[name];
    const value = given[name];
    if (Number.isInteger(value) && value >= least && value <= most) continue;
    throw usageError({
      path: `batches.${name}`,
      rule: `must be a whole number from ${least}${name === 'epochs' ? '' : ` to ${most}`}`,
      got: String(value),
    });
  }
}
