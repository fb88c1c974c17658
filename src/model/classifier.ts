/** Probabilities of the classes for images in memory: normalise, run an inference plan, softmax. */
import type { Executor } from '../kernels/contract.ts';
import { type Model, planModel } from './model.ts';

export interface Classifier {
  /** Of planar C×H×W bytes, one image behind the other; `table` is their `normalisationTable`. */
  classify(images: Uint8Array, table: Float32Array): Float32Array[];
  dispose(): void;
}

const largestBatch = 64;

/** Plans are made when they are first needed: for powers of two of images, so that few of them cost little. */
export function makeClassifier(model: Model): Classifier {
  const { channels, height, width } = model.spec.input;
  const area = height * width;
  const size = channels * area;
  const executors = new Map<number, Executor>();
  const labels = new Int32Array(largestBatch);
  const input = new Float32Array(largestBatch * size);
  const executorFor = (images: number): Executor => {
    const batch = 2 ** Math.ceil(Math.log2(images));
    const known = executors.get(batch);
    if (known) return known;
    const plan = planModel(model, { batch, training: false });
    const executor = model.kernels.instantiate(plan, model);
    executors.set(batch, executor);
    return executor;
  };
  return {
    classify(images, table) {
      const results: Float32Array[] = [];
      const total = images.length / size;
      for (let first = 0; first < total; first += largestBatch) {
        const count = Math.min(largestBatch, total - first);
        for (let i = 0; i < count * size; i++) {
          const channel = Math.floor(i / area) % channels;
          input[i] = table[channel * 256 + images[first * size + i]!]!;
        }
        const executor = executorFor(count);
        executor.setBatch(input, labels, count);
        executor.forward({ oldWeight: 1 });
        const logits = executor.output();
        const { classes } = model.spec;
        for (let i = 0; i < count; i++) results.push(softmax(logits, i * classes, classes));
      }
      return results;
    },
    dispose() {
      for (const executor of executors.values()) executor.dispose();
      executors.clear();
    },
  };
}

/** exp(x_k − max) / Σ exp(x_j − max) of `classes` logits from `at`. */
function softmax(logits: ArrayLike<number>, at: number, classes: number): Float32Array {
  let max = Number.NEGATIVE_INFINITY;
  for (let k = 0; k < classes; k++) max = Math.max(max, logits[at + k]!);
  const exponentials = Array.from({ length: classes }, (_, k) => Math.exp(logits[at + k]! - max));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return Float32Array.from(exponentials, (value) => value / sum);
}
