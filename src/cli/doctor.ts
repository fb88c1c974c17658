/** stub */
import type { Command } from 'commander';
export function doctorCommand(program: Command): void {
  program.command('doctor').description('say what this machine can run, and what is missing');
}
