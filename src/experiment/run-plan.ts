/**
 * The single runs of an experiment: each a resolved configuration with a seed, an id that is its hash, and the name of its
 * folder. Equal configurations are one run, whatever asked for them.
 */
import { createHash } from 'node:crypto';
import path from 'node:path';
import type { RunConfig } from '../train/config.ts';
import { networkName } from '../train/network-choice.ts';
import { hashConfig } from '../train/run-folder.ts';

/** One run of an experiment. */
export interface PlannedRun {
  /** Twelve hexadecimal digits. */
  readonly id: string;
  /** Of its folder. */
  readonly name: string;
  /** What it is called in lists: network, depth, data, epochs, seed, and what a sweep varies. */
  readonly label: string;
  readonly config: RunConfig;
}

/** What belongs together: the paper's experiment, or somebody's sweep. */
export interface RunPlan {
  /** `table4`, or `sweep`. */
  readonly experiment: string;
  /** Keys of the configuration that a sweep varies. */
  readonly varied: readonly string[];
  /** The splits that finished runs are evaluated on. */
  readonly evaluate: readonly ('test' | 'train')[];
  readonly runs: readonly PlannedRun[];
}

/** The hash of everything that decides a run's result: all but where it lies, threads and kernels. */
export function runId(config: RunConfig): string {
  const text = `${hashConfig(config)} ${config.epochs}${dataPlace(config)}`;
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

/** Where data lie that have no name of their own: other images elsewhere are another run. Empty for known sets. */
export function dataPlace({ data: { name, dir } }: RunConfig): string {
  const isOwn = name === 'folder' || name === 'imagenet' || name === 'packed';
  return isOwn && dir !== null ? ` ${path.resolve(dir)}` : '';
}

/** `varied` is what tells it from its neighbours, where network, data and seed do not. */
export function planRun(config: RunConfig, varied = ''): PlannedRun {
  const id = runId(config);
  const { depth, data, epochs, seed } = config;
  const net = networkName(config);
  const said = `${net}-D${depth}-${data.name}-e${epochs}-s${seed}-${id}`;
  const name = said.replaceAll(/[^\w.+-]/g, '_'); // a network of one's own may be called anything
  const what = `${net} D=${depth} on ${data.name}, ${epochs} epochs, seed ${seed}`;
  return {
    id,
    name,
    label: varied === '' ? what : `${what}, ${varied}`,
    config: { ...config, name },
  };
}

/** More are a mistake. */
export const mostRuns = 10_000;

/** Every run once, in order. */
export function uniqueRuns(runs: readonly PlannedRun[]): readonly PlannedRun[] {
  const known = new Map<string, PlannedRun>();
  for (const run of runs) if (!known.has(run.id)) known.set(run.id, run);
  return [...known.values()];
}

/**
 * The epochs of a shorter training: at least one, and the warm-up shortened alike; other schedules are in shares of it.
 * `budget` is above 0 and at most 100.
 */
export function scaleEpochs(config: RunConfig, budget: number): RunConfig {
  const epochs = Math.max(1, Math.round(budget * config.epochs));
  const { warmupEpochs } = config.schedule;
  const schedule = { ...config.schedule, warmupEpochs: (warmupEpochs * epochs) / config.epochs };
  return { ...config, epochs, schedule };
}
