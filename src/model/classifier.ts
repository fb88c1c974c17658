/** What a network says of images in memory: normalises them, runs an inference plan, and softmax. */
import { IgcError } from '../core/errors.ts';
import type { Executor } from '../kernels/contract.ts';
import { type Model, planModel } from './model.ts';

/** A network in memory for images in memory. */
export interface Classifier {
  /**
   * The logits [count][classes] of planar C×H×W bytes, one image behind the other; `table` is their
   * `normalisationTable`.
   */
  logits(images: Uint8Array, table: Float32Array): Float32Array;
  /** The probabilities of the classes, one array an image. */
  classify(images: Uint8Array, table: Float32Array): Float32Array[];
  dispose(): void;
}

/** A class and how likely it is. */
export interface ClassProbability {
  readonly name: string;
  /** 0…1 */
  readonly probability: number;
}

/** Fewer where they would take more numbers than this. */
const largestBatch = 64;
const mostNumbers = 2 ** 26;

/** Plans are made when they are first needed: for powers of two of images, so that few of them cost little. */
export function makeClassifier(model: Model): Classifier {
  const { spec, kernels } = model;
  const { channels, height, width } = spec.input;
  const area = height * width;
  const size = channels * area;
  const executors = new Map<number, Executor>();
  const atOnce = Math.max(
    1,
    Math.min(largestBatch, 2 ** Math.floor(Math.log2(mostNumbers / size))),
  );
  const labels = new Int32Array(atOnce);
  const input = allocate(atOnce * size);
  const executorFor = (images: number): Executor => {
    const batch = 2 ** Math.ceil(Math.log2(images));
    const known = executors.get(batch);
    if (known) return known;
    const plan = planModel(model, { batch, training: false, loss: false });
    const executor = kernels.instantiate(plan, model);
    executors.set(batch, executor);
    return executor;
  };
  const logits = (images: Uint8Array, table: Float32Array) => {
    const total = images.length / size;
    const all = new Float32Array(total * spec.classes);
    for (let first = 0; first < total; first += atOnce) {
      const count = Math.min(atOnce, total - first);
      const pixels = images.subarray(first * size, (first + count) * size);
      normalise(input, pixels, table, { area, channels });
      const executor = executorFor(count);
      executor.setBatch(input, labels, count);
      executor.forward({ oldWeight: 1 });
      all.set(executor.output(), first * spec.classes);
    }
    return all;
  };
  return {
    logits,
    classify(images, table) {
      return softmaxRows(logits(images, table), spec.classes);
    },
    dispose() {
      for (const executor of executors.values()) executor.dispose();
      executors.clear();
    },
  };
}

function allocate(length: number): Float32Array {
  try {
    return new Float32Array(length);
  } catch (cause) {
    const rule = 'not enough for one image of this network';
    throw new IgcError('failure', `memory: ${rule}`, { cause });
  }
}

function normalise(
  out: Float32Array,
  pixels: Uint8Array,
  table: Float32Array,
  { area, channels }: { readonly area: number; readonly channels: number },
): void {
  for (let from = 0, map = 0; from < pixels.length; from += area, map++) {
    const row = (map % channels) * 256;
    for (let i = from; i < from + area; i++) out[i] = table[row + pixels[i]!]!;
  }
}

/** The softmax of each image's logits [count][classes], one array an image. */
export function softmaxRows(logits: Float32Array, classes: number): Float32Array[] {
  const starts = Array.from({ length: logits.length / classes }, (_, i) => i * classes);
  return starts.map((at) => softmax(logits.subarray(at, at + classes)));
}

/** Every class with its probability, likeliest first; of equal ones the lower label first. */
export function rankClasses(
  classes: readonly string[],
  probabilities: ArrayLike<number>,
): ClassProbability[] {
  return classes
    .map((name, i) => ({ name, probability: probabilities[i]! }))
    .sort((a, b) => b.probability - a.probability);
}

/** exp(x_k − max) / Σ exp(x_j − max) */
export function softmax(logits: Float32Array): Float32Array {
  const max = logits.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const exponentials = Array.from(logits, (x) => Math.exp(x - max));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return Float32Array.from(exponentials, (value) => value / sum);
}
