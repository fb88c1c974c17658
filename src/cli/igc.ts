#!/usr/bin/env node
/** The executable: hands the command line to program.ts and exits with its code. */
import { runCommand } from './program.ts';

// `igc describe | head`: a reader that has seen enough is no failure.
for (const pipe of [process.stdout, process.stderr]) {
  pipe.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    if (pipe === process.stdout) process.stderr.write(`stdout: ${error.message}\n`);
    process.exit(1);
  });
}

process.exitCode = await runCommand(process.argv.slice(2));
