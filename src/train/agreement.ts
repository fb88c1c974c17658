/**
 * What the ranks of a team do together outside of steps: all succeed or all fail with the same error, and what only rank 0
 * can know, the others are told. A team of one does all of it by itself.
 */
import { createHash } from 'node:crypto';
import { dataError, IgcError } from '../core/errors.ts';
import { fromPlainError, type PlainError, toPlainError } from '../core/plain-error.ts';
import type { RealArray } from '../kernels/contract.ts';
import { gatherNumbers, type Team } from '../team/team.ts';

const agreedErrors = new WeakSet<Error>();

/**
 * Whether all ranks have this error, so that the team can still be ended together: one of `agree`, a stop that the ranks agreed
 * on, or a loss that they have in common.
 */
export function isAgreed(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (agreedErrors.has(error)) return true;
  return error instanceof IgcError && (error.kind === 'interrupted' || error.kind === 'diverged');
}

/** Does something on every rank. Throws, on all of them, the error of the first one that failed. */
export async function agree<T>(team: Team, what: string, work: () => T | Promise<T>): Promise<T> {
  if (team.ranks === 1) return work();
  let failure: unknown;
  let value: T | undefined;
  try {
    value = await work();
  } catch (error) {
    failure = error ?? new Error(`${what} failed`);
  }
  const failed = gatherNumbers(team, [Number(failure !== undefined)], what);
  const first = failed.indexOf(1);
  if (first < 0) return value as T;
  throw agreedError(team, first, what, failure);
}

/** The error of rank `first`, told to all. */
function agreedError(team: Team, first: number, what: string, failure: unknown): Error {
  const own = team.rank === first ? JSON.stringify(toPlainError(failure)) : '';
  const told = JSON.parse(tell(team, first, own, what)) as PlainError;
  const who = first === 0 ? '' : `rank ${first} on ${team.hosts[first]}: `;
  const error = fromPlainError({ ...told, message: `${who}${told.message}` });
  agreedErrors.add(error);
  return error;
}

/** What rank 0 makes, plain data, on every rank. Throws its error on all of them. */
export async function fromFirst<T>(
  team: Team,
  what: string,
  make: () => T | Promise<T>,
): Promise<T> {
  if (team.ranks === 1) return make();
  const text = await agree(team, what, async () =>
    team.rank === 0 ? JSON.stringify(await make()) : '',
  );
  return JSON.parse(tell(team, 0, text, what)) as T;
}

/** The text of rank `from`, on every rank. */
function tell(team: Team, from: number, own: string, what: string): string {
  const isTeller = team.rank === from;
  const length = Float64Array.of(isTeller ? Buffer.byteLength(own) : 0);
  team.sum(length, what);
  const bytes = new Float64Array(length[0]!);
  if (isTeller) bytes.set(Buffer.from(own));
  team.sum(bytes, what);
  return Buffer.from(Uint8Array.from(bytes)).toString('utf8');
}

/** The values of rank 0, in place. */
export function takeFromFirst(team: Team, what: string, values: RealArray): void {
  const { buffer, byteOffset, byteLength } = values;
  if (byteLength > 0) team.broadcast(new Uint8Array(buffer, byteOffset, byteLength), what);
}

/**
 * Checks that all ranks have the same bytes, by a hash of them.
 *
 * Throws a data error that names the first rank whose are others than rank 0's.
 */
export function checkSame(
  team: Team,
  what: string,
  content: string | RealArray | Uint8Array,
  hint: string,
): void {
  if (team.ranks === 1) return;
  const bytes =
    typeof content === 'string'
      ? content
      : new Uint8Array(content.buffer, content.byteOffset, content.byteLength);
  const hash = createHash('sha256').update(bytes).digest().readUIntBE(0, 6);
  const hashes = gatherNumbers(team, [hash], what);
  const other = hashes.findIndex((one) => one !== hashes[0]);
  if (other < 0) return;
  const error = dataError({
    path: 'dist',
    rule: `all ranks must have the same ${what}`,
    got: `others on rank ${other} (${team.hosts[other]}) than on rank 0 (${team.hosts[0]})`,
    hint,
  });
  agreedErrors.add(error);
  throw error;
}
