/** One step of training, wherever it runs: forward, backward, update. Nothing of Node. */
import type { Batch } from '../data/batches/batches.ts';
import type { Executor, SgdOptions } from '../kernels/contract.ts';
import type { Model } from '../model/model.ts';

/** What a step changes. */
export interface Stepped {
  readonly model: Model;
  readonly executor: Executor;
  /** Its learning rate is set anew in each step. */
  readonly sgd: { -readonly [K in keyof SgdOptions]: SgdOptions[K] };
}

/** What is different in every step. */
export interface StepRates {
  readonly learningRate: number;
  /** What batch norm's old running averages weigh. */
  readonly oldWeight: number;
}

/**
 * Trains on one batch and returns its mean loss, before the update. A loss that is not finite is returned at once: it leaves
 * the weights as they were.
 */
export function gradientStep(
  { model, executor, sgd }: Stepped,
  { images, labels, count, mix }: Pick<Batch, 'images' | 'labels' | 'count' | 'mix'>,
  { learningRate, oldWeight }: StepRates,
): number {
  executor.setBatch(images, labels, count, mix);
  executor.forward({ oldWeight });
  const loss = executor.loss();
  if (!Number.isFinite(loss)) return loss;
  executor.backward();
  sgd.learningRate = learningRate;
  model.kernels.updateSgd(model, sgd);
  return loss;
}
