/** What is said when a run's numbers stop being numbers: where first, and what is left to go back to. */
import { complain, IgcError } from '../core/errors.ts';
import type { Executor } from '../kernels/contract.ts';
import { firstNonFinite, type Model, parameterSlices, stateSlices } from '../model/model.ts';

export interface Divergence {
  /** `loss` or `the weights`: what should have been finite. */
  readonly what: string;
  readonly got: number | string;
  /** Steps finished before this one, and the epoch it belongs to, from 1. */
  readonly step: number;
  readonly epoch: number;
  /** Path of the first array with a NaN or an infinity. */
  readonly firstPath: string | undefined;
  /** The last good checkpoint and how far it had come. */
  readonly checkpoint: { readonly folder: string; readonly epoch: number; readonly step: number };
}

/** The error that ends a diverged run (exit code 4). */
export function divergedError(divergence: Divergence): IgcError {
  const { what, got, step, epoch, firstPath, checkpoint } = divergence;
  const where = firstPath === undefined ? '' : `, first in ${firstPath}`;
  return new IgcError(
    'diverged',
    complain({
      path: 'train',
      rule: `${what} must be finite`,
      got: `${got} at step ${step} (epoch ${epoch})${where}`,
      hint:
        `the last good checkpoint is ${checkpoint.folder} (${checkpoint.epoch} epochs, ` +
        `${checkpoint.step} steps); try a lower optimizer.learningRate, or a warm-up (schedule.warmupEpochs)`,
    }),
  );
}

/** The first non-finite parameter, momentum or running average of what a checkpoint would hold. */
export function firstBadValue(model: Model): string | undefined {
  const parameters = parameterSlices(model);
  const momentum = firstNonFinite(model.momentum, parameters);
  return (
    firstNonFinite(model.parameters, parameters) ??
    firstNonFinite(model.state, stateSlices(model)) ??
    (momentum && `the momentum of ${momentum}`)
  );
}

/**
 * Where a non-finite loss came from: the first parameter, gradient (of the step before), running average or
 * stored tensor, in this order and each in the network's, that is not finite.
 */
export function firstOffender(model: Model, executor: Executor): string | undefined {
  const parameters = parameterSlices(model);
  const gradient = firstNonFinite(model.gradients, parameters);
  return (
    firstNonFinite(model.parameters, parameters) ??
    (gradient && `the gradient of ${gradient}`) ??
    firstNonFinite(model.state, stateSlices(model)) ??
    firstTensor(executor)
  );
}

function firstTensor(executor: Executor): string | undefined {
  const bad = executor.plan.tensors.find(({ id }) =>
    executor.readTensor(id).some((value) => !Number.isFinite(value)),
  );
  return bad && `the values of ${bad.path}`;
}
