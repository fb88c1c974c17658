/** `igc sweep`: a question of one's own as a grid or a list of choices, run as the paper's experiments are. */
import { type Command, Option } from 'commander';
import { usageError } from '../core/errors.ts';
import { isRecord } from '../core/nested-values.ts';
import type { RunPlan } from '../experiment/run-plan.ts';
import {
  addExperimentOptions,
  addSeeds,
  type ExperimentFlags,
  experimentFolder,
  nameExperiment,
  parseSeeds,
  runPlanned,
} from './experiment.ts';
import { parseYaml, readOptionFile } from './option-file.ts';
import { addConfigFlags, nameFlagIn, sharedOptions } from './options.ts';
import { addSlurmOptions, type SlurmFlags, submitToSlurm } from './slurm.ts';
import { statusCommand } from './sweep-status.ts';
import { taskCommand } from './sweep-task.ts';
import { printNews, warningText } from './terminal.ts';

interface GridFlags {
  readonly seeds: string;
  readonly grid?: readonly string[];
  readonly list?: string;
}

type SweepFlags = ExperimentFlags & GridFlags;

/** Adds `sweep`. */
export function sweepCommand(program: Command): void {
  const command = program
    .command('sweep')
    .description('train with every combination of some choices; writes <output>/<name>/')
    .enablePositionalOptions(); // what follows the name of an inner command is that one's
  addExperimentOptions(command);
  addGridOptions(command).action(async (flags: SweepFlags) => {
    await withSweep(command, flags, (folder, plan) => runPlanned(folder, plan, flags));
  });
  submitCommand(command);
  statusCommand(command);
  taskCommand(command);
}

/** `sweep submit`: what `sweep` does here, done by a cluster. */
function submitCommand(sweep: Command): void {
  const command = sweep
    .command('submit')
    .description('have a cluster do it: a job array with a task a run, and a report after it')
    .argument('[folder]', 'of an experiment: what is left of it, instead of a grid or a list')
    .addOption(new Option('--slurm', 'by Slurm').makeOptionMandatory())
    .option('--jobs <n>', 'tasks at a time (default: as many as the cluster gives)')
    .option('--keep-cancelled', 'leave out runs whose tasks somebody has cancelled')
    .option('--dry-run', 'print the scripts, and write and submit nothing')
    .addOption(sharedOptions.json());
  addSlurmOptions(addSeeds(command));
  addGridOptions(command).action(async (folder: string | undefined, flags: SubmitFlags) => {
    if (folder !== undefined) {
      refusePlanFlags(command);
      return submitToSlurm(folder, undefined, flags);
    }
    await withSweep(command, flags, (own, plan) => submitToSlurm(own, plan, flags));
  });
}

type SubmitFlags = SlurmFlags & GridFlags;

/** A folder says itself which runs it holds. */
function refusePlanFlags(command: Command): void {
  const isOwn = (name: string) => submitFlags.has(name);
  const wrong = command.options.find((option) => {
    const name = option.attributeName();
    return !isOwn(name) && command.getOptionValueSource(name) === 'cli';
  });
  if (wrong === undefined) return;
  const hint = "leave it out; without <folder> it makes a sweep's runs";
  throw usageError({ path: `${wrong.long}`, rule: 'is not for the runs of a folder', hint });
}

const submitFlags = new Set([
  ...['slurm', 'jobs', 'keepCancelled', 'dryRun', 'json', 'sbatchArgs', 'time', 'retries'],
]);

/** Adds what says which runs a sweep has. */
function addGridOptions(command: Command): Command {
  command
    .option(
      '--grid <key=values>',
      'values of a key to try: optimizer.learningRate=0.05,0.1; several grids multiply',
      (value: string, before: readonly string[] = []) => [...before, value],
    )
    .option('--list <file>', 'a JSON or YAML list of settings, each an object of keys and values');
  command
    .addOption(sharedOptions.recipe())
    .addOption(sharedOptions.config())
    .addOption(sharedOptions.set());
  addConfigFlags(command);
  nameExperiment(command, 'sweep');
  return command;
}

async function withSweep(
  command: Command,
  flags: GridFlags,
  use: (folder: string, plan: RunPlan) => Promise<void>,
): Promise<void> {
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
    await use(await experimentFolder(overrides, 'sweep'), plan);
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
