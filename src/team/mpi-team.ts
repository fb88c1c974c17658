/**
 * A team over MPI. A thread of its own makes the calls, which block, so that this one can compute meanwhile, and can stop
 * waiting for a rank that is gone.
 */
import { hostname } from 'node:os';
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { complain, IgcError, internalError } from '../core/errors.ts';
import { fromPlainError } from '../core/plain-error.ts';
import { workerUrl } from '../core/worker-url.ts';
import {
  announce,
  asked,
  controlBytes,
  done,
  type MpiAnswer,
  type MpiJob,
  type MpiStarted,
  type MpiWorkerData,
} from './mpi-jobs.ts';
import { gatherNumbers, type Team, type TeamRequest } from './team.ts';

/**
 * Joins the team that mpirun or srun started.
 *
 * Throws usage errors when MPI, or koffi by which it is called, is not there or does not fit the launcher.
 */
export function joinMpiTeam({ timeoutMs }: TeamRequest): Team {
  const caller = startCaller(timeoutMs);
  const started = caller.start();
  const hosts: string[] = [];
  const team: Team = {
    rank: started.rank,
    ranks: started.ranks,
    hosts,
    library: started.library,
    step: 0,
    get isLost() {
      return caller.isLost();
    },
    startSum: (values, what) => caller.ask({ kind: 'sum', values }, `MPI_Allreduce of ${what}`),
    finishSums: () => caller.finish(team),
    sum(values, what) {
      const shared = new Float64Array(new SharedArrayBuffer(values.byteLength));
      shared.set(values);
      caller.ask({ kind: 'sum', values: shared }, `MPI_Allreduce of ${what}`);
      caller.finish(team);
      values.set(shared);
    },
    broadcast(bytes, what) {
      const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
      shared.set(bytes);
      caller.ask({ kind: 'broadcast', bytes: shared }, `MPI_Bcast of ${what}`);
      caller.finish(team);
      bytes.set(shared);
    },
    close() {
      caller.ask({ kind: 'finalize' }, 'MPI_Finalize');
      caller.finish(team);
    },
  };
  hosts.push(...exchangeHosts(team));
  return team;
}

/** The thread that calls MPI. */
interface Caller {
  start(): MpiStarted;
  /** Has a job done after those before it; `what` names it in errors. */
  ask(job: MpiJob, what: string): void;
  /** Waits until all jobs are done. Throws a failure that names the one which is not. */
  finish(team: Team): void;
  isLost(): boolean;
}

function startCaller(timeoutMs: number): Caller {
  const memory = new SharedArrayBuffer(controlBytes);
  const control = new Int32Array(memory);
  const limitMs = 0.95 * timeoutMs; // the rest is for the end of the process
  const { port1: port, port2 } = new MessageChannel();
  const workerData: MpiWorkerData = { control: memory, port: port2 };
  const worker = new Worker(workerUrl(import.meta.url, 'mpi-worker'), {
    workerData,
    transferList: [port2],
    name: 'igcnet MPI',
  });
  worker.unref();
  const pending: string[] = []; // what the jobs not known to be done are
  let jobs = 0;
  let isLost = false;
  const ask = (job: MpiJob, what: string) => {
    if (isLost) throw internalError(`${what} was asked for after a collective had failed`);
    pending.push(what);
    port.postMessage(job);
    announce(control, asked, ++jobs);
  };
  const answer = () => receiveMessageOnPort(port)?.message as MpiAnswer | undefined;
  /** Waits for all jobs; what is left, with the time waited, when the limit has passed or one has failed. */
  const wait = (): { readonly waitedMs: number; readonly isLate: boolean } | undefined => {
    const began = performance.now();
    for (;;) {
      const count = Atomics.load(control, done);
      const waitedMs = performance.now() - began;
      isLost = count < 0 || (count < jobs && waitedMs >= limitMs);
      pending.splice(0, pending.length - (jobs - (count < 0 ? -1 - count : count)));
      if (isLost) return { waitedMs, isLate: count >= 0 };
      if (count === jobs) return undefined;
      Atomics.wait(control, done, count, limitMs - waitedMs);
    }
  };
  return {
    ask,
    start() {
      ask({ kind: 'start' }, 'MPI_Init');
      const lost = wait();
      const said = answer();
      if (said !== undefined && 'started' in said) return said.started;
      throw said === undefined ? lateError('MPI_Init', lost!.waitedMs) : fromPlainError(said.error);
    },
    finish(team) {
      const lost = wait();
      if (lost === undefined) return;
      const what = pending[0]!;
      throw lost.isLate ? lateError(what, lost.waitedMs, team) : failedError(what, answer(), team);
    },
    isLost: () => isLost,
  };
}

/** Where errors of a collective are, in words: `step 17` of `rank 1 on host-b`. */
function placeOf(team?: Team): { readonly path: string; readonly who: string } {
  if (team === undefined) return { path: 'dist', who: hostname() };
  return { path: `step ${team.step}`, who: `rank ${team.rank} of ${team.ranks} on ${hostname()}` };
}

function lateError(what: string, waitedMs: number, team?: Team): IgcError {
  const { path, who } = placeOf(team);
  const message = complain({
    path,
    rule: `${what} must end within --dist-timeout`,
    got: `${(waitedMs / 1000).toFixed(1)} s of waiting for the other ranks by ${who}`,
    hint: 'a rank or its network is gone; go on from the last checkpoint with --resume',
  });
  return new IgcError('failure', message);
}

function failedError(what: string, answer: MpiAnswer | undefined, team: Team): IgcError {
  const { path, who } = placeOf(team);
  const said = answer !== undefined && 'error' in answer ? answer.error.message : 'no reason';
  const message = complain({
    path,
    rule: `${what} must succeed`,
    got: `"${said}" by ${who}`,
    hint: 'a rank or its network is gone; go on from the last checkpoint with --resume',
  });
  return new IgcError('failure', message);
}

const hostBytes = 64;

/** The name of every rank's host. */
function exchangeHosts(team: Team): readonly string[] {
  const name = Buffer.alloc(hostBytes);
  name.write(hostname());
  const letters = gatherNumbers(team, name, 'the names of the hosts');
  return Array.from({ length: team.ranks }, (_, rank) => {
    const own = letters.subarray(rank * hostBytes, (rank + 1) * hostBytes);
    return Buffer.from(Uint8Array.from(own)).toString('utf8').replaceAll('\0', '');
  });
}
