/** What a configuration means for a team of several processes. */
import { availableParallelism, cpus } from 'node:os';
import { usageError } from '../core/errors.ts';
import type { Team } from '../team/team.ts';
import type { RunConfig } from './config.ts';

/**
 * The configuration for so many ranks: the batch stays as it is, and so do its `replicas`, the parts with batch-norm statistics
 * of their own, where every rank can have as many; else each rank has one.
 *
 * Throws a usage error when the batch cannot be shared out equally.
 */
export function sharedConfig(config: RunConfig, ranks: number): RunConfig {
  const { replicas, batchSize } = config;
  if (replicas % ranks === 0) return config;
  if (batchSize === null || batchSize % ranks === 0) return { ...config, replicas: ranks };
  throw usageError({
    path: 'batchSize',
    rule: `must be divisible by the ${ranks} ranks, which have a part of every batch each`,
    got: `${batchSize}`,
    hint: `start ${divisors(batchSize, ranks).join(' or ')} ranks`,
  });
}

/** What `sharedConfig` changed, in words; a single part that became one for each rank is as expected. */
export function sharedNote(asked: RunConfig, shared: RunConfig): readonly string[] {
  const [was, is] = [asked.replicas, shared.replicas];
  if (was === is || was === 1) return [];
  return [`batch norm takes its statistics of 1/${is} of the batch, not of 1/${was}`];
}

/** The divisors of n next to `near`. */
function divisors(n: number, near: number): readonly number[] {
  const all = Array.from({ length: n }, (_, i) => i + 1).filter((d) => n % d === 0);
  const below = all.filter((d) => d < near).at(-1);
  const above = all.find((d) => d > near);
  return [below, above].filter((d) => d !== undefined);
}

/** Ranks on the same host as this one, itself included. */
export function ranksOfHost({ rank, hosts }: Pick<Team, 'rank' | 'hosts'>): number {
  return hosts.filter((host) => host === hosts[rank]).length;
}

/**
 * Threads of this rank, where the configuration leaves them open (0): its share of the host's cores, or fewer where the
 * launcher bound it to fewer.
 */
export function threadsOf({ threads }: Pick<RunConfig, 'threads'>, ranksOfHost: number): number {
  if (threads !== 0 || ranksOfHost === 1) return threads;
  const share = Math.max(1, Math.floor(cpus().length / ranksOfHost));
  return Math.min(availableParallelism(), share);
}
