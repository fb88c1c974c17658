/**
 * The `igc` command and its subcommands. Nothing here does work: every action loads its module when it is called,
 * so that `igc --help` starts at once.
 */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { buildNativeCommand } from './build-native.ts';
import { dataCommand } from './data.ts';
import { describeCommand } from './describe.ts';
import { designCommand } from './design.ts';
import { doctorCommand } from './doctor.ts';
import { drawCommand } from './draw.ts';
import { evalCommand } from './eval.ts';
import { exportCommand } from './export.ts';
import { describeFailure } from './failure.ts';
import { findLrCommand } from './find-lr.ts';
import { importCommand } from './import.ts';
import { predictCommand } from './predict.ts';
import { reportCommand } from './report.ts';
import { reproduceCommand } from './reproduce.ts';
import { runsCommand } from './runs.ts';
import { serveCommand } from './serve.ts';
import { sweepCommand } from './sweep.ts';
import { tableCommand } from './table.ts';
import { printNews } from './terminal.ts';
import { trainCommand } from './train.ts';
import { uiCommand } from './ui.ts';

/** Runs the command line `argv` (without node and script) and gives its exit code. Never throws. */
export async function runCommand(argv: readonly string[]): Promise<number> {
  let where = 'igc';
  const program = makeProgram((name) => {
    where = name;
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return 0;
  } catch (error) {
    const { message, exitCode } = describeFailure(error, where);
    if (message !== '') printNews(message);
    return exitCode;
  }
}

/** The whole command; `onMistake` hears the name of the subcommand whose line is wrong. */
function makeProgram(onMistake: (name: string) => void): Command {
  const program = new Command('igc')
    .description('Train, evaluate and use interleaved group convolution networks (IGCNets).')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .enablePositionalOptions() // or `sweep` would take the options of `sweep submit`
    .configureHelp({
      sortSubcommands: false,
      helpWidth: Math.min(process.stdout.columns ?? 100, 110),
    })
    .configureOutput({ outputError: () => {} })
    .addHelpText(
      'after',
      '\nTry: igc train --data digits\n     igc describe --net IGC-L24M2 --depth 20',
    );
  for (const add of [
    trainCommand,
    evalCommand,
    predictCommand,
    serveCommand,
    exportCommand,
    importCommand,
    findLrCommand,
    describeCommand,
    drawCommand,
    designCommand,
    tableCommand,
    reproduceCommand,
    sweepCommand,
    reportCommand,
    runsCommand,
    uiCommand,
    dataCommand,
    doctorCommand,
    buildNativeCommand,
  ]) {
    add(program);
  }
  nameMistakes(program, 'igc', onMistake);
  return program;
}

function nameMistakes(command: Command, name: string, onMistake: (name: string) => void): void {
  command.exitOverride((error) => {
    onMistake(name);
    throw error;
  });
  for (const inner of command.commands) {
    nameMistakes(inner, `${name} ${inner.name()}`, onMistake);
  }
}

function packageVersion(): string {
  // src/cli and dist/cli are both two levels below the package's root.
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
