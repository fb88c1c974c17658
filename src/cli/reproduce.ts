/** `igc reproduce`: an experiment of the paper, as many runs that resume, with a report. */
import { Argument, type Command, Option } from 'commander';
import { usageError } from '../core/errors.ts';
import { paperExperimentNames } from '../experiment/paper-experiments.ts';
import {
  addExperimentOptions,
  type ExperimentFlags,
  experimentFolder,
  nameExperiment,
  parseList,
  parseSeeds,
  runPlanned,
} from './experiment.ts';
import { addConfigFlags, nameFlagIn, parseNumber, sharedOptions } from './options.ts';
import { addSlurmOptions, type SlurmFlags, submitToSlurm } from './slurm.ts';

interface ReproduceFlags extends ExperimentFlags, SlurmFlags {
  readonly jobs: string;
  readonly launcher: 'local' | 'slurm';
  readonly data?: string;
  readonly only?: string;
  readonly depth?: string;
  readonly budget: string;
}

/** Adds `reproduce`. */
export function reproduceCommand(program: Command): void {
  const command = program
    .command('reproduce')
    .description("run the paper's experiments, resumable, with a report; writes <output>/<name>/")
    .addArgument(new Argument('<experiment>', 'which').choices(paperExperimentNames))
    .option('--data <names>', 'only these: cifar10,cifar100,svhn')
    .option('--only <networks>', 'only these: L24M2,RegConv-* …; of fig3 also i or ii')
    .option('--depth <depths>', 'only these: 8,20')
    .option('--budget <share>', "share of the paper's epochs, the schedule shortened alike", '1');
  addExperimentOptions(command).addOption(
    new Option('--launcher <which>', 'who runs it: processes here, or the tasks of a job array')
      .choices(['local', 'slurm'])
      .default('local'),
  );
  addSlurmOptions(command)
    .addOption(sharedOptions.config())
    .addOption(sharedOptions.set())
    .action((name: string, flags: ReproduceFlags) => runReproduce(command, name, flags));
  addConfigFlags(command, ['data.dir', 'threads', 'kernels', 'storage', 'output', 'name']);
  nameExperiment(command, "the experiment's");
}

/** Throws a usage error for flags of the launcher that is not chosen. */
function checkLauncher(command: Command, { launcher }: ReproduceFlags): void {
  const wrong = launcher === 'slurm' ? ['maxTime'] : ['sbatchArgs', 'time', 'retries'];
  const given = wrong.find((name) => command.getOptionValueSource(name) === 'cli');
  if (given === undefined) return;
  const flag = command.options.find((option) => option.attributeName() === given)?.long;
  const hint = launcher === 'slurm' ? '--time limits each task' : 'add --launcher slurm';
  throw usageError({ path: `${flag}`, rule: `is not for --launcher ${launcher}`, hint });
}

/** One job at a time is what processes here do unless told otherwise, not a cluster. */
function slurmFlags(command: Command, { jobs, ...flags }: ReproduceFlags): SlurmFlags {
  return command.getOptionValueSource('jobs') === 'cli' ? { ...flags, jobs } : flags;
}

async function runReproduce(command: Command, experiment: string, flags: ReproduceFlags) {
  checkLauncher(command, flags);
  const { chooseConfig } = await import('./run-config.ts');
  const { planPaper } = await import('../experiment/plan-paper.ts');
  const { overrides, flagOf } = await chooseConfig(command);
  const { output: _output, name: _name, ...rest } = overrides;
  const list = (key: 'data' | 'only' | 'depth') => {
    const text = flags[key];
    return text === undefined ? undefined : parseList(`--${key}`, text);
  };
  const request = {
    data: list('data'),
    only: list('only'),
    depths: list('depth')?.map((part) => parseNumber('--depth', part)),
    seeds: await parseSeeds(flags.seeds),
    budget: parseNumber('--budget', flags.budget),
    overrides: rest,
  };
  const own = ['data', 'only', 'depth', 'seeds', 'budget'].map((key) => [key, `--${key}`] as const);
  const named = new Map([...flagOf, ...own]);
  try {
    const plan = planPaper(experiment, request);
    const folder = await experimentFolder(overrides, experiment);
    if (flags.launcher === 'slurm') await submitToSlurm(folder, plan, slurmFlags(command, flags));
    else await runPlanned(folder, plan, flags);
  } catch (error) {
    throw nameFlagIn(error, named);
  }
}
