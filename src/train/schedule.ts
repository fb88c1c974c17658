/**
 * What changes from step to step by plan: the learning rate, and what batch norm's old averages weigh. Pure
 * functions of the step, so that a resumed run needs no memory of them.
 * Letters: t the step from 0, S steps per epoch, E epochs, T = E·S steps, W warm-up steps.
 */
import type { RunConfig } from './config.ts';
import type { MetricsRow } from './events.ts';

type Scheduled = Pick<RunConfig, 'epochs' | 'schedule' | 'optimizer'>;

/**
 * The learning rate of step t: optimizer.learningRate · kind(t) · warm-up(t).
 *
 * step: factor^k, k the number of milestones f with ⌊f·E·S⌋ ≤ t. cosine: from 1 at W along half a cosine to
 * finalFactor at T − 1. one-cycle: from startFactor linearly to 1 at ⌊peakAt·T⌋, then linearly to finalFactor
 * at T − 1. Warm-up: warmupFrom + (1 − warmupFrom)·t/W below W = ⌊warmupEpochs·S⌋.
 * @source paper §5.1 and the authors' train_model.py (step); Loshchilov and Hutter 2017 (cosine); Smith and
 * Topin 2018 (one-cycle)
 */
export function learningRateAt(config: Scheduled, step: number, stepsPerEpoch: number): number {
  const { schedule, optimizer, epochs } = config;
  const total = epochs * stepsPerEpoch;
  const warmup = Math.floor(schedule.warmupEpochs * stepsPerEpoch);
  const rate = optimizer.learningRate * shapeOf(config, step, total, warmup);
  if (step >= warmup) return rate;
  return rate * (schedule.warmupFrom + (1 - schedule.warmupFrom) * (step / warmup));
}

function shapeOf({ schedule }: Scheduled, step: number, total: number, warmup: number): number {
  const { kind, milestones, factor, finalFactor, startFactor, peakAt } = schedule;
  switch (kind) {
    case 'constant':
      return 1;
    case 'step': {
      let rate = 1;
      for (const f of milestones) if (step >= Math.floor(f * total)) rate *= factor;
      return rate;
    }
    case 'cosine': {
      const done = share(step - warmup, total - 1 - warmup);
      return finalFactor + (1 - finalFactor) * 0.5 * (1 + Math.cos(Math.PI * done));
    }
    case 'one-cycle': {
      const peak = Math.floor(peakAt * total);
      if (step < peak) return startFactor + (1 - startFactor) * (step / peak);
      return 1 + (finalFactor - 1) * share(step - peak, total - 1 - peak);
    }
  }
}

/** part / whole within 0…1; 0 where there is no whole. */
function share(part: number, whole: number): number {
  return whole <= 0 ? 0 : Math.min(1, Math.max(0, part / whole));
}

/**
 * What batch norm's old running averages weigh in step t: min(w, (1 + t)/(10 + t)) when warm, else w.
 *
 * Differs: the authors' start from zero and weigh w throughout, which leaves short runs with averages of
 * their first steps.
 */
export function oldWeightAt(
  { oldWeight, warm }: Pick<RunConfig['bn'], 'oldWeight' | 'warm'>,
  step: number,
): number {
  return warm ? Math.min(oldWeight, (1 + step) / (10 + step)) : oldWeight;
}

/** What an EMA's old average weighs in step t: min(decay, (1 + t)/(10 + t)), so that it forgets the first weights. */
export function averageWeightAt({ decay }: NonNullable<RunConfig['ema']>, step: number): number {
  return oldWeightAt({ oldWeight: decay, warm: true }, step);
}

/**
 * Has the validation accuracy not risen by more than `minDelta` for `patience` epochs? A function of the rows alone, so
 * that a resumed run decides the same.
 */
export function isStoppedEarly(
  stopping: RunConfig['earlyStopping'],
  rows: readonly Pick<MetricsRow, 'epoch' | 'validationAccuracy'>[],
): boolean {
  if (stopping === null) return false;
  let best = { epoch: 0, accuracy: Number.NEGATIVE_INFINITY };
  for (const { epoch, validationAccuracy: accuracy } of rows) {
    if (accuracy === undefined || accuracy <= best.accuracy + stopping.minDelta) continue;
    best = { epoch, accuracy };
  }
  const last = rows.at(-1);
  return last?.validationAccuracy !== undefined && last.epoch - best.epoch >= stopping.patience;
}

/** Do both configurations have the same rate in each of the first `steps` steps? */
export function sameRates(
  a: Scheduled,
  b: Scheduled,
  steps: number,
  stepsPerEpoch: number,
): boolean {
  for (let step = 0; step < steps; step++) {
    if (learningRateAt(a, step, stepsPerEpoch) !== learningRateAt(b, step, stepsPerEpoch)) {
      return false;
    }
  }
  return true;
}
