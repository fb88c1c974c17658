#!/usr/bin/env node
/**
 * `npm run bench -- step --net IGC-L24M2 --depth 20 --batch 64 --peer torch --json`: speed as a ratio against
 * named peers, interleaved in one run. Peers that are not there are said to be absent.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, CommanderError, Option } from 'commander';
import { exitCodes, IgcError } from '../core/errors.ts';
import { type KernelChoice, kernelChoices } from '../kernels/choose.ts';
import { readLauncher } from '../team/launcher.ts';
import { type Work, works } from '../train/repeatable-step.ts';
import { benchEncoded, benchPixels, encodedText, pixelText } from './data.ts';
import { benchLayers, layersText } from './layers.ts';
import { machineName } from './machine.ts';
import { benchMemory, memoryText } from './memory.ts';
import {
  addNetworkFlags,
  type NetworkFlags,
  positiveInteger,
  readNetworkFlags,
} from './network-flags.ts';
import { type PeerName, peerNames } from './peer.ts';
import type { Row } from './rows.ts';
import { benchScaling, scalingText } from './scaling.ts';
import { benchStep, chosenNetwork, type NetworkChoice } from './step.ts';
import { stepText } from './step-text.ts';
import { benchStorage, storageText } from './storage.ts';
import { benchTable } from './table.ts';
import { tableChart } from './table-chart.ts';
import { tableMarkdown } from './table-markdown.ts';
import { benchTeam, teamText } from './team.ts';
import { benchRank, type TeamRankOptions } from './team-rank.ts';

const resultsFolder = fileURLToPath(new URL('../../bench/results/', import.meta.url));

interface StepFlags extends NetworkFlags {
  readonly peer: readonly PeerName[];
  readonly work?: Work;
}

async function main(): Promise<void> {
  const program = new Command('bench')
    .description('speed beside named peers, interleaved in one run')
    .exitOverride()
    .configureOutput({ outputError: () => {} });
  addTableCommand(program);
  addStepCommand(program);
  addLayersCommand(program);
  addMemoryCommand(program);
  addScalingCommand(program);
  addStorageCommand(program);
  addDataCommand(program);
  addTeamCommands(program);
  await program.parseAsync();
}

interface TableFlags {
  readonly only?: string;
  readonly rounds: number;
  readonly threads: number;
  readonly kernels: KernelChoice;
  readonly output: string;
  readonly json?: boolean;
}

function addTableCommand(program: Command): void {
  program
    .command('table', { isDefault: true })
    .description('every row of the table, into <output>/<date>.json, .md and .svg')
    .option('--only <part>', 'only rows whose id contains this; files are called <date>-<part>')
    .option('--rounds <N>', 'interleaved rounds of each row', positiveInteger, 3)
    .option('--threads <N>', 'threads of each side', positiveInteger, 2)
    .addOption(new Option('--kernels <set>', 'our kernels').choices(kernelChoices).default('auto'))
    .option('--output <dir>', 'where the results go', resultsFolder)
    .option('--json', 'print JSON instead of Markdown')
    .action(async (flags: TableFlags) => {
      const onRow = ({ title }: Row) => process.stderr.write(`${title} …\n`);
      const report = await benchTable({ ...flags, onRow });
      const json = JSON.stringify(report, null, 2);
      const markdown = tableMarkdown(report);
      mkdirSync(flags.output, { recursive: true });
      const part = flags.only === undefined ? '' : `-${flags.only}`;
      const file = join(flags.output, `${report.date.slice(0, 10)}${part}`);
      writeFileSync(`${file}.json`, `${json}\n`);
      writeFileSync(`${file}.md`, markdown);
      writeFileSync(`${file}.svg`, tableChart(report));
      process.stdout.write(flags.json ? `${json}\n` : markdown);
    });
}

function addStepCommand(program: Command): void {
  const command = program
    .command('step')
    .description('images per second of one training step and of inference');
  addNetworkFlags(command)
    .addOption(new Option('--peer <names...>', 'peers').choices(peerNames).default([]))
    .addOption(new Option('--work <which>', 'only one of the two').choices(works))
    .action(async (flags: StepFlags) => {
      const report = await benchStep({
        ...flags,
        ...readNetworkFlags(flags),
        peers: flags.peer,
        ...(flags.work && { works: [flags.work] }),
      });
      print(flags, report, stepText);
    });
}

function addLayersCommand(program: Command): void {
  const command = program
    .command('layers')
    .description('where the time goes, step by step of the plan');
  addNetworkFlags(command)
    .addOption(new Option('--work <which>', 'what runs').choices(works).default('train'))
    .action((flags: NetworkFlags & { work: Work }) => {
      print(flags, benchLayers({ ...flags, ...readNetworkFlags(flags) }), layersText);
    });
}

function addMemoryCommand(program: Command): void {
  const command = program
    .command('memory')
    .description('resident bytes of training at most, ours and PyTorch’s');
  addNetworkFlags(command)
    .addOption(new Option('--peer <names...>', 'peers').choices(['torch']).default([]))
    .action(async (flags: NetworkFlags & { peer: readonly string[] }) => {
      const withTorch = flags.peer.includes('torch');
      const report = await benchMemory({ ...flags, ...readNetworkFlags(flags), withTorch });
      print(flags, report, memoryText);
    });
}

function addScalingCommand(program: Command): void {
  const command = program
    .command('scaling')
    .description('a training step on --threads against one, beside the FMA peak’s');
  addNetworkFlags(command).action(async (flags: NetworkFlags) => {
    print(flags, await benchScaling({ ...flags, ...readNetworkFlags(flags) }), scalingText);
  });
}

function addStorageCommand(program: Command): void {
  const command = program
    .command('storage')
    .description('a training step with activations in bfloat16 beside float32');
  addNetworkFlags(command).action(async (flags: NetworkFlags) => {
    print(flags, await benchStorage({ ...flags, ...readNetworkFlags(flags) }), storageText);
  });
}

interface DataFlags {
  readonly data: string;
  readonly dataDir?: string;
  readonly images?: string;
  readonly net: string;
  readonly depth: number;
  readonly rounds: number;
  readonly json?: boolean;
}

function addDataCommand(program: Command): void {
  program
    .command('data')
    .description('batches made ahead, beside the training step; of a JPEG folder, beside sharp')
    .option('--data <name>', 'a data set of pixels', 'cifar10')
    .option('--data-dir <dir>', 'where it lies')
    .option('--images <folder>', 'a folder like ImageNet’s instead, of JPEG files')
    .option('--net <name>', 'the network that is trained', 'IGC-L24M2')
    .option('--depth <D>', 'its depth', positiveInteger, 8)
    .option('--rounds <N>', 'interleaved rounds', positiveInteger, 5)
    .option('--json', 'print JSON')
    .action(async (flags: DataFlags) => {
      if (flags.images === undefined) print(flags, await benchPixels(flags), pixelText);
      else print(flags, await benchEncoded(flags.images, flags.rounds), encodedText);
    });
}

interface TeamFlags extends NetworkFlags {
  readonly ranks: number;
  readonly steps: number;
  readonly mpirun: string;
}

function addTeamCommands(program: Command): void {
  const command = program
    .command('team')
    .description('training by the ranks of mpirun on this machine, beside one process');
  addNetworkFlags(command)
    .option('--ranks <N>', 'processes; they share --threads', positiveInteger, 2)
    .option('--steps <N>', 'steps of a turn', positiveInteger, 20)
    .option('--mpirun <command>', 'what starts them', 'mpirun')
    .action((flags: TeamFlags) => {
      print(flags, benchTeam({ ...flags, ...readNetworkFlags(flags) }), teamText);
    });
  program.command('team-rank <request>', { hidden: true }).action((request: string) => {
    const options = JSON.parse(request) as TeamRankOptions & NetworkChoice;
    const report = benchRank(chosenNetwork(options), options);
    const { rank = 0 } = readLauncher(process.env);
    if (rank === 0) process.stdout.write(`${JSON.stringify(report)}\n`);
  });
}

/** The report with date and machine as JSON, or as text for people. */
function print<T extends object>(
  { json }: { readonly json?: boolean },
  report: T,
  text: (report: T, machine: string) => string,
): void {
  const { machine, cores } = machineName();
  const date = new Date().toISOString().slice(0, 10);
  const written = json
    ? JSON.stringify({ date, machine, cores, ...report })
    : text(report, machine);
  process.stdout.write(`${written}\n`);
}

main().catch((error: unknown) => {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return; // help was asked for
    const message = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
    process.stderr.write(`bench: ${message}\n`);
    process.exitCode = exitCodes.usage;
    return;
  }
  if (!(error instanceof IgcError)) throw error;
  process.stderr.write(`bench: ${error.message}\n`);
  process.exitCode = exitCodes[error.kind];
});
