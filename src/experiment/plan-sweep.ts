/** From a question of a user's own, as a grid or a list of choices, to single runs. */
import { usageError } from '../core/errors.ts';
import { setPath, valueText } from '../core/nested-values.ts';
import { type ConfigOverrides, resolveConfig } from '../train/config.ts';
import { mostRuns, planRun, type RunPlan, uniqueRuns } from './run-plan.ts';

/** What to vary around `base`: every choice of `list` with every combination of the `grid`, for every seed. */
export interface SweepRequest {
  readonly base?: ConfigOverrides | undefined;
  /** Values by keys like `optimizer.learningRate`. */
  readonly grid?: Readonly<Record<string, readonly unknown[]>> | undefined;
  /** Choices by keys of the same kind, one object a setting. */
  readonly list?: readonly Readonly<Record<string, unknown>>[] | undefined;
  /** Default: seed 0 alone. */
  readonly seeds?: readonly number[] | undefined;
}

/**
 * The runs of a sweep, all seeds of a setting one after the other.
 *
 * Throws usage errors for keys and values that the configuration has not, naming the setting.
 * @example planSweep({ grid: { 'optimizer.learningRate': [0.05, 0.1] }, seeds: [0, 1] }).runs.length // 4
 */
export function planSweep({
  base = {},
  grid = {},
  list = [{}],
  seeds = [0],
}: SweepRequest): RunPlan {
  const keys = Object.keys(grid);
  const empty = keys.find((key) => grid[key]!.length === 0);
  if (empty !== undefined) throw usageError({ path: empty, rule: 'must have values to try' });
  checkKeys(keys, list);
  const count = keys.reduce(
    (product, key) => product * grid[key]!.length,
    list.length * seeds.length,
  );
  if (count === 0 || (keys.length === 0 && list.every((one) => Object.keys(one).length === 0))) {
    throw usageError({ path: 'sweep', rule: 'must vary something', hint: 'give a grid or a list' });
  }
  if (count > mostRuns) {
    throw usageError({
      path: 'sweep',
      rule: `must have at most ${mostRuns} runs`,
      got: `${count}`,
    });
  }
  const settings = keys.reduce<readonly Readonly<Record<string, unknown>>[]>(
    (before, key) => before.flatMap((one) => grid[key]!.map((value) => ({ ...one, [key]: value }))),
    list,
  );
  const runs = settings.flatMap((setting) =>
    seeds.map((seed) => {
      const config = resolveSetting(base, setting, seed);
      return planRun(config, settingText(setting));
    }),
  );
  const varied = [...new Set([...list.flatMap((one) => Object.keys(one)), ...keys])];
  return { experiment: 'sweep', varied, evaluate: ['test'], runs: uniqueRuns(runs) };
}

/** Keys that change no result: runs that differ in nothing else are one run. */
const idle = ['threads', 'kernels', 'output', 'name', 'checkpointEvery', 'checkpointSteps'];

function checkKeys(
  keys: readonly string[],
  list: readonly Readonly<Record<string, unknown>>[],
): void {
  const listed = new Set(list.flatMap((one) => Object.keys(one)));
  const wrong = [...keys, ...listed].find((key) => idle.includes(key));
  if (wrong !== undefined) {
    const hint = 'it changes no result; give it as a flag for all of them';
    throw usageError({ path: wrong, rule: 'cannot be varied', hint });
  }
  const both = keys.find((key) => listed.has(key));
  if (both === undefined) return;
  throw usageError({ path: both, rule: 'must be in the grid or in the list, not in both' });
}

function resolveSetting(
  base: ConfigOverrides,
  setting: Readonly<Record<string, unknown>>,
  seed: number,
) {
  const overrides = structuredClone(base) as Record<string, unknown>;
  for (const [key, value] of Object.entries(setting)) {
    if (/(^|\.)(__proto__)?(\.|$)/.test(key))
      throw usageError({ path: key, rule: 'unknown option' });
    setPath(overrides, key, value);
  }
  // `seed` may itself be varied; then it is the setting's.
  return resolveConfig(undefined, 'seed' in setting ? overrides : { ...overrides, seed });
}

/** What a run's label says of itself. */
const labelled = new Set(['net', 'depth', 'data.name', 'epochs', 'seed']);

function settingText(setting: Readonly<Record<string, unknown>>): string {
  return Object.entries(setting)
    .filter(([key]) => !labelled.has(key))
    .map(([key, value]) => `${key} ${valueText(value)}`)
    .join(', ');
}
