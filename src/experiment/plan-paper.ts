/** From what a user asks of one of the paper's experiments to its single runs. */
import { suggestName, usageError } from '../core/errors.ts';
import { valueAt } from '../core/nested-values.ts';
import { type ConfigOverrides, resolveConfig } from '../train/config.ts';
import { type PaperCell, paperExperiment } from './paper-experiments.ts';
import { mostRuns, planRun, type RunPlan, scaleEpochs, uniqueRuns } from './run-plan.ts';

/** What of an experiment is wanted; everything where nothing is said. */
export interface PaperRequest {
  /** Data sets: `cifar10`, … */
  readonly data?: readonly string[] | undefined;
  /** Networks, `IGC-L24M2` or `L24M2`, with `*` for anything; or figure 3's groups, `i` and `ii`. */
  readonly only?: readonly string[] | undefined;
  readonly depths?: readonly number[] | undefined;
  /** Default: one run of each, seed 0. */
  readonly seeds?: readonly number[] | undefined;
  /** Share of the paper's epochs, above 0; default 1. */
  readonly budget?: number | undefined;
  /** What else is to be done otherwise than in the paper; reports list it. */
  readonly overrides?: ConfigOverrides | undefined;
}

/**
 * The runs of an experiment of the paper, all seeds of a network one after the other.
 *
 * Throws usage errors for names, data and depths that the experiment has not.
 * @example planPaper('table4', { data: ['cifar10'], depths: [8], seeds: [0, 1], budget: 0.1 }).runs.length // 10
 */
export function planPaper(name: string, request: PaperRequest = {}): RunPlan {
  const { cells } = paperExperiment(name);
  const { seeds = [0], budget = 1, overrides = {} } = request;
  checkNumbers(seeds, budget);
  checkOverrides(overrides);
  const chosen = chooseCells(cells, request);
  const count = chosen.length * seeds.length;
  if (count > mostRuns) {
    throw usageError({
      path: 'seeds',
      rule: `must make at most ${mostRuns} runs`,
      got: `${count}`,
    });
  }
  const runs = chosen.flatMap((cell) =>
    seeds.map((seed) => planRun(scaleEpochs(cellConfig(cell, overrides, seed), budget))),
  );
  const evaluate = name === 'table6' ? (['test', 'train'] as const) : (['test'] as const);
  return { experiment: name, varied: [], evaluate, runs: uniqueRuns(runs) };
}

/** The paper's configuration of a cell, or one with some things done otherwise. */
export function cellConfig(cell: PaperCell, overrides: ConfigOverrides = {}, seed = 0) {
  const { net, depth, data, recipe, choices } = cell;
  return resolveConfig(recipe, {
    ...overrides,
    ...choices,
    net,
    depth,
    data: { ...overrides.data, name: data },
    seed,
  });
}

function chooseCells(
  cells: readonly PaperCell[],
  { data, only, depths }: PaperRequest,
): readonly PaperCell[] {
  checkAmong('data', data, new Set(cells.map((cell) => cell.data)));
  checkAmong('depth', depths, new Set(cells.map(({ depth }) => depth)));
  const chosen = cells.filter(
    (cell) =>
      (data?.includes(cell.data) ?? true) &&
      (depths?.includes(cell.depth) ?? true) &&
      (only?.some((name) => isMeant(cell, name)) ?? true),
  );
  for (const name of only ?? []) {
    if (cells.some((cell) => isMeant(cell, name))) continue;
    const names = [...new Set(cells.flatMap(({ net, group = [] }) => [net, group].flat()))];
    throw usageError({
      path: 'only',
      rule: 'no such network in the experiment',
      got: JSON.stringify(name),
      hint: suggestName(name, names),
    });
  }
  if (chosen.length > 0) return chosen;
  const rule = 'leave nothing of the experiment';
  throw usageError({ path: 'data, only and depth', rule });
}

/** `IGC-L24M2`, `L24M2`, `IGC-*`; upper and lower case alike. */
function isMeant({ net, row, group }: PaperCell, name: string): boolean {
  const escaped = name.replace(/[.*+?^${}()|[\]\\]/g, (c) => (c === '*' ? '.*' : `\\${c}`));
  const pattern = new RegExp(`^${escaped}$`, 'i');
  const short = net.replace(/^(?:IGC|RegConv)-/, '');
  return [net, row, short, group ?? net].some((known) => pattern.test(known));
}

function checkAmong<T extends string | number>(
  path: string,
  wanted: readonly T[] | undefined,
  known: ReadonlySet<T | string | number>,
): void {
  const wrong = wanted?.find((value) => !known.has(value));
  if (wrong === undefined) return;
  throw usageError({
    path,
    rule: 'is not part of the experiment',
    got: JSON.stringify(wrong),
    hint: `it has ${[...known].join(', ')}`,
  });
}

/** What the cells decide is not for anybody to override, and not to be passed over in silence either. */
function checkOverrides(overrides: ConfigOverrides): void {
  const decided = ['recipe', 'net', 'depth', 'family', 'double', 'variant', 'data.name', 'seed'];
  const wrong = decided.find((path) => valueAt(overrides, path) !== undefined);
  if (wrong === undefined) return;
  throw usageError({
    path: wrong,
    rule: 'is decided by the experiment',
    got: JSON.stringify(valueAt(overrides, wrong)),
    hint: 'choose among its networks with only, data, depth and seeds; a sweep varies anything',
  });
}

function checkNumbers(seeds: readonly number[], budget: number): void {
  const isSeed = (seed: number) => Number.isSafeInteger(seed) && seed >= 0;
  if (seeds.length === 0 || !seeds.every(isSeed)) {
    const got = JSON.stringify(seeds);
    throw usageError({ path: 'seeds', rule: 'must be some whole numbers from 0', got });
  }
  if (budget > 0 && budget <= 100) return;
  const rule = "must be a share of the paper's epochs above 0 and at most 100";
  throw usageError({ path: 'budget', rule, got: `${budget}`, hint: '0.1 is a tenth of them' });
}
