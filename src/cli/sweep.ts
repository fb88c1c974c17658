/** `igc sweep`: a question of one's own as a grid or a list of choices, run as the paper's experiments are. */
import type { Command } from 'commander';
import { usageError } from '../core/errors.ts';
import { isRecord } from '../core/nested-values.ts';
import {
  addExperimentOptions,
  type ExperimentFlags,
  experimentFolder,
  nameExperiment,
  parseSeeds,
  runPlanned,
} from './experiment.ts';
import { parseYaml, readOptionFile } from './option-file.ts';
import { addConfigFlags, nameFlagIn, sharedOptions } from './options.ts';
import { printNews, warningText } from './terminal.ts';

interface SweepFlags extends ExperimentFlags {
  readonly grid?: readonly string[];
  readonly list?: string;
}

/** Adds `sweep`. */
export function sweepCommand(program: Command): void {
  const command = program
    .command('sweep')
    .description('train with every combination of some choices; writes <output>/<name>/')
    .option(
      '--grid <key=values>',
      'values of a key to try: optimizer.learningRate=0.05,0.1; several grids multiply',
      (value: string, before: readonly string[] = []) => [...before, value],
    )
    .option('--list <file>', 'a JSON or YAML list of settings, each an object of keys and values');
  addExperimentOptions(command)
    .addOption(sharedOptions.recipe())
    .addOption(sharedOptions.config())
    .addOption(sharedOptions.set())
    .action((flags: SweepFlags) => runSweep(command, flags));
  addConfigFlags(command);
  nameExperiment(command, 'sweep');
}

async function runSweep(command: Command, flags: SweepFlags): Promise<void> {
  const { chooseConfig } = await import('./run-config.ts');
  const { planSweep } = await import('../experiment/plan-sweep.ts');
  const { overrides, flagOf } = await chooseConfig(command);
  const { output: _output, name: _name, ...base } = overrides;
  const grid: Record<string, readonly unknown[]> = {};
  for (const text of flags.grid ?? []) {
    const [key, values] = await readGrid(text);
    grid[key] = [...(grid[key] ?? []), ...values];
  }
  const list = flags.list === undefined ? undefined : await readList(flags.list);
  try {
    const plan = planSweep({ base, grid, list, seeds: await parseSeeds(flags.seeds) });
    if (plan.runs.every(({ config }) => config.data.valSplit === 0)) {
      printNews(
        warningText(
          'no images are held out for validation, so the test images should choose nothing; --val-split 0.1 holds some out',
        ),
      );
    }
    await runPlanned(await experimentFolder(overrides, 'sweep'), plan, flags);
  } catch (error) {
    throw nameFlagIn(error, flagOf);
  }
}

/** `key=a,b` or `key=[a, b]`, values as in YAML. */
async function readGrid(text: string): Promise<readonly [string, readonly unknown[]]> {
  const at = text.indexOf('=');
  if (at < 1) {
    throw usageError({
      path: '--grid',
      rule: 'must be written key=value,value',
      got: JSON.stringify(text),
      hint: 'for example --grid smoothing=0,0.1',
    });
  }
  const [key, said] = [text.slice(0, at), text.slice(at + 1).trim()];
  const values = await parseYaml(said.startsWith('[') ? said : `[${said}]`, `--grid ${key}`);
  if (Array.isArray(values)) return [key, values];
  throw usageError({ path: `--grid ${key}`, rule: 'must be a list of values', got: said });
}

async function readList(file: string): Promise<readonly Record<string, unknown>[]> {
  const value = await readOptionFile('--list', file);
  if (Array.isArray(value) && value.length > 0 && value.every(isRecord)) return value;
  throw usageError({ path: '--list', rule: `${file} must hold a list of objects of options` });
}
