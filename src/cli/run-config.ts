/**
 * Puts a configuration together from what a command line says, later ones over earlier ones: the recipe, --config
 * FILE (JSON or YAML), --set a.b=c, then flags.
 */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { usageError } from '../core/errors.ts';
import { isRecord, setPath, valueAt } from '../core/nested-values.ts';
import { type ConfigOverrides, dataNames, type RunConfig, resolveConfig } from '../train/config.ts';
import { recipeFor } from '../train/recipes.ts';
import { isNetworkFile, parseYaml, readNetworkFile, readOptionFile } from './option-file.ts';
import { nameFlagIn, readConfigFlags } from './options.ts';

/** Options that say where a configuration comes from. */
interface ConfigSources {
  readonly recipe?: string;
  readonly config?: string;
  readonly set?: readonly string[];
}

/** The parts of a configuration that somebody chose, not yet checked, and what to call them in errors. */
interface ChosenConfig {
  readonly overrides: ConfigOverrides;
  readonly flagOf: ReadonlyMap<string, string>;
}

/** Reads --recipe, --config, --set, flags, and a data set named without a flag. Throws usage errors. */
export async function chooseConfig(command: Command, data?: string): Promise<ChosenConfig> {
  const sources = command.opts<ConfigSources>();
  const chosen = sources.config === undefined ? {} : await readConfigFile(sources.config);
  for (const assignment of sources.set ?? []) await applyAssignment(chosen, assignment);
  const { overrides, flagOf: configFlagOf } = readConfigFlags(command);
  const flagOf = new Map(configFlagOf);
  if (sources.recipe !== undefined) {
    chosen.recipe = sources.recipe;
    flagOf.set('recipe', '--recipe');
  }
  for (const [path] of configFlagOf) setPath(chosen, path, valueAt(overrides, path));
  if (data !== undefined) setPath(chosen, 'data.name', data);
  const isPath = await acceptPathAsData(chosen);
  const dataFlag = flagOf.get('data.name');
  if (isPath && dataFlag !== undefined) flagOf.set('data.dir', dataFlag);
  await acceptFileAsNetwork(chosen);
  return { overrides: chosen as ConfigOverrides, flagOf };
}

/**
 * Does something with the whole configuration; `data` is a data set named without a flag. Errors of both name the
 * flag, or else the key, that is wrong.
 */
export async function withConfig<T>(
  command: Command,
  use: (config: RunConfig) => T | Promise<T>,
  data?: string,
): Promise<T> {
  const { overrides, flagOf } = await chooseConfig(command, data);
  try {
    return await use(resolveConfig(undefined, overrides));
  } catch (error) {
    throw nameFlagIn(error, flagOf);
  }
}

/** --kernels and --threads, checked. */
export function readMachineFlags(command: Command): Pick<RunConfig, 'kernels' | 'threads'> {
  const { overrides, flagOf } = readConfigFlags(command);
  try {
    const { kernels, threads } = resolveConfig(undefined, overrides);
    return { kernels, threads };
  } catch (error) {
    throw nameFlagIn(error, flagOf);
  }
}

async function readConfigFile(file: string): Promise<Record<string, unknown>> {
  const value = await readOptionFile('--config', file);
  if (isRecord(value)) return value;
  throw usageError({ path: '--config', rule: `${file} must hold an object of options` });
}

/** `--net my-net.yaml` means the network that the file holds. */
async function acceptFileAsNetwork(chosen: Record<string, unknown>): Promise<void> {
  const { net } = chosen;
  if (typeof net === 'string' && isNetworkFile(net)) chosen.net = await readNetworkFile(net);
}

async function applyAssignment(target: Record<string, unknown>, assignment: string): Promise<void> {
  const at = assignment.indexOf('=');
  const path = assignment.slice(0, at);
  if (at < 1 || path.split('.').includes('')) {
    throw usageError({
      path: '--set',
      rule: 'must be written a.b=value',
      got: JSON.stringify(assignment),
      hint: 'for example --set schedule.factor=0.2',
    });
  }
  if (path.split('.').includes('__proto__')) {
    throw usageError({ path, rule: 'unknown option' });
  }
  const text = spaceColons(assignment.slice(at + 1));
  setPath(target, path, await parseYaml(text, `--set ${path}`));
}

/** `{count:48}`, which YAML takes for a key without a value, as `{count: 48}`. */
function spaceColons(text: string): string {
  return text.trimStart().startsWith('{') ? text.replace(/([{,]\s*\w+):(?=\S)/g, '$1: ') : text;
}

/** `--data photos/` means `--data folder --data-dir photos/`, by what is there; true when it was so meant. */
async function acceptPathAsData(chosen: Record<string, unknown>): Promise<boolean> {
  const { data } = chosen;
  if (!isRecord(data) || typeof data.name !== 'string' || data.dir !== undefined) return false;
  const place = data.name;
  if ((dataNames as readonly string[]).includes(place)) return false;
  if (!/[/\\]/.test(place) && !existsSync(place)) return false;
  const { recogniseData } = await import('../data/recognise.ts');
  const found = (await recogniseData(place)) ?? { name: 'folder', dir: place };
  setPath(chosen, 'data.dir', found.dir);
  setPath(chosen, 'data.name', found.name);
  if (found.packedName !== undefined) chosen.recipe ??= recipeFor(found.packedName);
  return true;
}
