/** --dist and what belongs to it: training by several processes that mpirun or srun started. */
import { hostname } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import { IgcError, usageError } from '../core/errors.ts';
import { readLauncher } from '../team/launcher.ts';
import { overlaps } from '../train/team-step.ts';
import type { DistOptions } from '../train/trainer-messages.ts';
import { parseDuration } from './options.ts';

export interface DistFlags {
  readonly dist?: 'mpi';
  readonly distTimeout?: string;
  readonly distOverlap?: DistOptions['overlap'];
}

const group = 'Several processes:';
const defaultTimeoutMs = 600_000;

export function addDistFlags(command: Command): Command {
  return command
    .addOption(
      new Option('--dist <kind>', 'train with all processes that mpirun or srun started: mpi')
        .choices(['mpi'])
        .helpGroup(group),
    )
    .addOption(
      new Option(
        '--dist-timeout <time>',
        'how long to wait for the other ranks (default: 10m)',
      ).helpGroup(group),
    )
    .addOption(
      new Option(
        '--dist-overlap <when>',
        'sum gradients while backward goes on (default: auto, which tries)',
      )
        .choices(overlaps)
        .helpGroup(group),
    );
}

/** Undefined without --dist. Throws usage errors. */
export function readDistFlags(flags: DistFlags): DistOptions | undefined {
  const { dist: kind, distTimeout, distOverlap: overlap } = flags;
  if (kind !== undefined) {
    const timeoutMs =
      distTimeout === undefined ? defaultTimeoutMs : parseDuration('--dist-timeout', distTimeout);
    return { kind, timeoutMs, overlap };
  }
  const alone = distTimeout !== undefined ? '--dist-timeout' : '--dist-overlap';
  if (distTimeout === undefined && overlap === undefined) return undefined;
  throw usageError({ path: alone, rule: 'is only for --dist mpi' });
}

/** A launcher ends all ranks when the first one ends with a mistake; so rank 0 goes first, and tells it once. */
const headStartMs = 5000;

/**
 * A mistake that this rank found by itself. Those of all ranks rank 0 tells; another rank is still here seconds later when the
 * mistake is its own, or the launcher leaves it alone, and tells it with its name.
 */
export async function ownMistake(error: unknown): Promise<unknown> {
  const { rank = 0 } = readLauncher(process.env);
  if (rank === 0 || !(error instanceof IgcError) || error.isToldElsewhere) return error;
  if (error.kind !== 'usage') return error;
  await setTimeout(headStartMs);
  return new IgcError('usage', `rank ${rank} on ${hostname()}: ${error.message}`, { cause: error });
}

/** What a user should hear who started several ranks and did not say that they belong together. */
export function aloneNote(flags: DistFlags): string | undefined {
  const { rank = 0, ranks = 1 } = readLauncher(process.env);
  if (flags.dist !== undefined || ranks === 1 || rank > 0) return undefined;
  return `${ranks} processes were started, and each trains by itself; --dist mpi trains together`;
}

/** Is this the rank that prints? */
export function isFirstRank(): boolean {
  return (readLauncher(process.env).rank ?? 0) === 0;
}
