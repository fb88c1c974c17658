/** --dist and what belongs to it: training by several processes that mpirun or srun started. */
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

/** A mistake on the command line, which every rank finds: rank 0 tells it. */
export function toldByFirst(error: unknown): unknown {
  const { rank = 0 } = readLauncher(process.env);
  if (rank === 0 || !(error instanceof IgcError) || error.kind !== 'usage') return error;
  return new IgcError('usage', error.message, { cause: error, isToldElsewhere: true });
}
