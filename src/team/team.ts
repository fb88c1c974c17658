/**
 * The processes that train one network together, seen from one of them. Every call but the plain values is a collective:
 * all ranks make it, in the same order, and it blocks until they have. What the ranks say to each other is decided in
 * src/train; how it travels, in mpi-team.ts.
 */

/** Values that a sum can be taken over while this thread goes on. */
export type SharedNumbers = Float32Array<SharedArrayBuffer> | Float64Array<SharedArrayBuffer>;

/** A team of one or several processes. */
export interface Team {
  /** This process, from 0; rank 0 alone reads and writes the run's folder. */
  readonly rank: number;
  readonly ranks: number;
  /** Of every rank, by its number. */
  readonly hosts: readonly string[];
  /** `Open MPI 4.1.4`; null for a team of one. */
  readonly library: string | null;
  /** The step of training that goes on, for errors. */
  step: number;
  /** Whether a collective has failed: then none can be made any more, nor the thread that makes them be ended. */
  readonly isLost: boolean;
  /** Begins to replace the values by their sums over all ranks; sums are taken one after the other. */
  startSum(values: SharedNumbers, what: string): void;
  /** Waits for all sums that were begun. */
  finishSums(): void;
  /** The sums over all ranks, in place. */
  sum(values: Float64Array, what: string): void;
  /** The bytes of rank 0, in place. */
  broadcast(bytes: Uint8Array, what: string): void;
  /** Ends the team, with all ranks. */
  close(): void;
}

/** How a team of several processes is made. */
export interface TeamRequest {
  readonly kind: 'mpi';
  /** How long a collective may wait for the other ranks, in milliseconds. */
  readonly timeoutMs: number;
}

/** A process that trains alone. */
export function soloTeam(): Team {
  return {
    rank: 0,
    ranks: 1,
    hosts: ['localhost'],
    library: null,
    step: 0,
    isLost: false,
    startSum() {},
    finishSums() {},
    sum() {},
    broadcast() {},
    close() {},
  };
}

/** The numbers of every rank, in the order of the ranks; all have as many. */
export function gatherNumbers(team: Team, own: ArrayLike<number>, what: string): Float64Array {
  const all = new Float64Array(team.ranks * own.length);
  all.set(own, team.rank * own.length);
  team.sum(all, what);
  return all;
}
