/** Slurm's own commands, as anybody would call them; what they refuse becomes one line. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { codeOf } from '../core/durable-files.ts';
import { complain, IgcError } from '../core/errors.ts';

const call = promisify(execFile);

export type SlurmCommand = 'sbatch' | 'squeue' | 'sacct' | 'scontrol';

/**
 * What the command writes on stdout. Throws a failure with what it says when it refuses, or that it is not installed.
 * What is said is in English and its times are ISO 8601, whatever the user has chosen.
 */
export async function callSlurm(command: SlurmCommand, args: readonly string[]): Promise<string> {
  const { SLURM_TIME_FORMAT: _, SQUEUE_FORMAT: _format, ...env } = process.env;
  try {
    const options = { env: { ...env, LC_ALL: 'C' }, timeout: 120_000, maxBuffer: 2 ** 28 };
    return (await call(command, args, options)).stdout;
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') throw missingError(command, cause);
    const { stderr = '' } = cause as { readonly stderr?: string };
    const said = stderr.trim().split('\n').filter(Boolean);
    const got = said.length > 0 ? said.join(' / ') : `"${(cause as Error).message}"`;
    const message = complain({ path: command, rule: 'was refused by Slurm', got });
    throw new IgcError('failure', message, { cause });
  }
}

/** Of a cluster that this machine is no part of. */
export function isMissing(error: unknown): boolean {
  return error instanceof IgcError && codeOf(error.cause) === 'ENOENT';
}

function missingError(command: SlurmCommand, cause: unknown): Error {
  const message = complain({
    path: command,
    rule: "must be on PATH for Slurm's jobs",
    got: 'no such command',
    hint: 'call igc on a login node of the cluster; without Slurm, "igc sweep" runs here',
  });
  return new IgcError('failure', message, { cause });
}
