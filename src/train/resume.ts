/**
 * What may change when a run is resumed: where things are, how fast it goes, and how long it is, as long as
 * nothing that was computed would have been computed otherwise.
 */
import { usageError } from '../core/errors.ts';
import { differingValues, mergeOver } from '../core/nested-values.ts';
import type { TrainState } from './checkpoint.ts';
import { type ConfigOverrides, type RunConfig, resolveConfig } from './config.ts';
import { sameRates } from './schedule.ts';

const changeable = [
  'epochs',
  'threads',
  'kernels',
  'checkpointEvery',
  'checkpointSteps',
  'data.dir',
];

/**
 * The run's configuration with the overrides laid over it.
 *
 * Throws a usage error naming the first override that a run cannot change on its way.
 */
export function resumedConfig(stored: RunConfig, overrides: ConfigOverrides): RunConfig {
  const { recipe, ...rest } = overrides;
  const config = resolveConfig(
    recipe ?? stored.recipe,
    // So that no recipe's value comes in between.
    mergeOver(stored, rest) as ConfigOverrides,
  );
  for (const [path, was, now] of differingValues(stored, config)) {
    if (changeable.includes(path)) continue;
    throw usageError({
      path,
      rule: 'cannot change when a run is resumed',
      got: `${JSON.stringify(now)}, was ${JSON.stringify(was)}`,
      hint: `start a new run; only ${changeable.join(', ')} may change`,
    });
  }
  return config;
}

/**
 * Other epochs are fine while the schedule gives every step that is done the rate it had.
 *
 * Throws usage errors otherwise, and for fewer epochs than are done.
 */
export function checkRates(
  stored: RunConfig,
  config: RunConfig,
  { epoch, step }: Pick<TrainState, 'epoch' | 'step'>,
  stepsPerEpoch: number,
): void {
  if (config.epochs < epoch || config.epochs * stepsPerEpoch < step) {
    throw usageError({
      path: 'epochs',
      rule: `must be at least the ${Math.ceil(step / stepsPerEpoch)} that the run has begun`,
      got: `${config.epochs}`,
    });
  }
  if (sameRates(stored, config, step, stepsPerEpoch)) return;
  throw usageError({
    path: 'epochs',
    rule: `cannot change from ${stored.epochs} after ${step} steps`,
    got: `${config.epochs}`,
    hint: `the ${config.schedule.kind} schedule would have given them other learning rates; start a new run`,
  });
}
