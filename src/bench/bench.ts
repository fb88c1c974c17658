#!/usr/bin/env node
/**
 * `npm run bench -- step --net IGC-L24M2 --depth 20 --batch 64 --peer torch --json`: speed as a ratio against
 * named peers, interleaved in one run. Peers that are not there are said to be absent.
 */
import { Command, CommanderError, Option } from 'commander';
import { exitCodes, IgcError } from '../core/errors.ts';
import { machineName } from './machine.ts';
import { addNetworkFlags, type NetworkFlags, readNetworkFlags } from './network-flags.ts';
import { type PeerName, peerNames, type Work, works } from './peer.ts';
import { benchStep } from './step.ts';
import { stepText } from './step-text.ts';

interface StepFlags extends NetworkFlags {
  readonly peer: readonly PeerName[];
  readonly work?: Work;
}

async function main(): Promise<void> {
  const program = new Command('bench')
    .description('speed beside named peers, interleaved in one run')
    .exitOverride()
    .configureOutput({ outputError: () => {} });
  addStepCommand(program);
  await program.parseAsync();
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
