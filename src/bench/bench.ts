#!/usr/bin/env node
/**
 * `npm run bench -- step --net IGC-L24M2 --depth 20 --batch 64 --peer torch --json`: speed as a ratio against
 * named peers, interleaved in one run. Peers that are not there are said to be absent.
 */
import { cpus } from 'node:os';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { exitCodes, IgcError } from '../core/errors.ts';
import { type KernelChoice, kernelChoices } from '../kernels/choose.ts';
import {
  type Doubling,
  type NetFamily,
  type NetVariant,
  netFamilies,
} from '../spec/named-networks.ts';
import { parseVariant } from '../spec/variant.ts';
import { benchStep, type Comparison, type StepBenchReport } from './step.ts';

const peerNames = ['torch'] as const;
type PeerName = (typeof peerNames)[number];

interface StepFlags {
  net: string;
  depth?: number;
  family: NetFamily;
  double?: Doubling;
  variant?: NetVariant;
  batchSize: number;
  batch?: number;
  classes: number;
  imgSize: number;
  threads: number;
  kernels: KernelChoice;
  peer: PeerName[];
  rounds: number;
  json?: boolean;
}

function positiveInteger(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new InvalidArgumentError(`must be a positive integer, got ${text}`);
}

async function main(): Promise<void> {
  const program = new Command('bench')
    .description('speed beside named peers, interleaved in one run')
    .exitOverride()
    .configureOutput({ outputError: () => {} });
  program
    .command('step')
    .description('images per second of one training step and of inference')
    .option('--net <name>', 'network', 'IGC-L24M2')
    .option('--depth <D>', 'layers; 20 in family cifar', positiveInteger)
    .addOption(new Option('--family <name>', 'layout').choices(netFamilies).default('cifar'))
    .addOption(new Option('--double <letter>', 'what doubles').choices(['M', 'L']))
    .option('--variant <key=value,…>', 'variant of every block', parseVariant)
    .option('-b, --batch-size <N>', 'images per step', positiveInteger, 64)
    .option('--batch <N>', 'the same', positiveInteger)
    .option('--classes <N>', 'classes', positiveInteger, 10)
    .option('--img-size <N>', 'height and width', positiveInteger, 32)
    .option('--threads <N>', 'threads of each side', positiveInteger, 2)
    .addOption(new Option('--kernels <set>', 'our kernels').choices(kernelChoices).default('auto'))
    .addOption(new Option('--peer <names...>', 'peers').choices(peerNames).default([]))
    .option('--rounds <N>', 'interleaved rounds', positiveInteger, 7)
    .option('--json', 'the report as JSON')
    .action(async (flags: StepFlags) => {
      const batch = flags.batch ?? flags.batchSize;
      const depth = flags.depth ?? (flags.family === 'cifar' ? 20 : undefined);
      const sized = depth === undefined ? flags : { ...flags, depth };
      const report = await benchStep({ ...sized, batch, peers: flags.peer });
      const machine = cpus()[0]?.model.trim() ?? 'unknown CPU';
      const date = new Date().toISOString().slice(0, 10);
      const text = flags.json
        ? JSON.stringify({ date, machine, ...report })
        : table(report, machine);
      process.stdout.write(`${text}\n`);
    });
  await program.parseAsync();
}

function table(report: StepBenchReport, machine: string): string {
  const { net, depth, batch, threads, kernels, rounds } = report;
  const head = `${net} D=${depth}, batch ${batch}, ${threads} threads, ${kernels}, ${machine}; median of ${rounds} rounds (slowest to fastest)`;
  const rows = (name: string, { spread, gflops }: Comparison) =>
    Object.entries(spread).map(([who, { median, slowest, fastest }]) => {
      const own = who === 'ours';
      const ratio = own
        ? `${gflops.toFixed(0)} GFLOP/s`
        : `ours is ${(spread.ours!.median / median).toFixed(2)}×`;
      const rate = `${median.toFixed(0)} img/s (${slowest.toFixed(0)} to ${fastest.toFixed(0)})`;
      return `${name.padEnd(10)} ${who.padEnd(20)} ${rate.padEnd(30)} ${ratio}`;
    });
  const absent = Object.entries(report.peers).filter(([, version]) => version === 'absent');
  return [
    head,
    ...rows('train', report.train),
    ...rows('inference', report.inference),
    ...absent.map(([who]) => `${who}: absent`),
  ].join('\n');
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
