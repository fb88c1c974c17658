/**
 * A file that names the process which uses what the file stands for, so that no other does, on this machine or on another
 * one that shares the disk. A lock whose process is gone is taken over: at once where the process can be asked for, and
 * else when it has given no sign of life for `staleMs`. The sign is the time of the lock's last change, which its
 * process renews; times are compared with that of a file written just now, so that only the disk's clock counts.
 */
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  constants,
  copyFileSync,
  fstatSync,
  linkSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { codeOf, failAsWriteError, writeDurably } from './durable-files.ts';
import {
  isAliveHere,
  isHere,
  isOwn,
  type LockHolder,
  ownHolder,
  parseHolder,
} from './lock-holder.ts';
import { workerUrl } from './worker-url.ts';

/** A holder gives a sign of life so often. */
export const signOfLifeMs = 10_000;
/** One that gave none for so long is gone. */
export const staleMs = 90_000;

/** The error for a lock that a living process holds. */
export type InUseError = (holder: LockHolder) => Error;

/** What the thread that gives signs of life is told, and what it says: that the lock is another's now. */
export interface SignOfLifeTask {
  readonly lock: string;
  readonly text: string;
  readonly everyMs: number;
}

/** A lock as found. */
export interface FoundLock {
  readonly holder: LockHolder;
  readonly isAlive: boolean;
}

const signs = new Map<string, Worker>();

/**
 * Takes the lock, a file in a folder that exists, or throws what `inUse` makes of its holder. `onLost` is called when
 * another process has taken it over, since this one stood still for too long.
 */
export function takeProcessLock(lock: string, inUse: InUseError, onLost = () => {}): void {
  const own = besideName(lock);
  failAsWriteError(lock, () => {
    try {
      writeDurably(own, processLockText());
      while (!linkUnlessThere(own, lock)) removeStale(lock, own, inUse);
    } finally {
      rmSync(own, { force: true });
    }
  });
  keepProcessLock(lock, onLost);
}

/** Gives signs of life for a lock that this process has written. */
export function keepProcessLock(lock: string, onLost = () => {}): void {
  const task: SignOfLifeTask = { lock, text: readLock(lock)?.text ?? '', everyMs: signOfLifeMs };
  // A thread of its own: others compute for minutes without a look at their timers.
  const worker = new Worker(workerUrl(import.meta.url, 'sign-of-life-worker'), {
    workerData: task,
    name: 'igcnet sign of life',
  });
  worker.unref();
  worker.on('message', onLost);
  worker.on('error', () => {}); // a process that cannot have one more thread goes on without
  signs.set(lock, worker);
}

/** Gives the lock free, if this process holds it. */
export function releaseProcessLock(lock: string): void {
  void signs.get(lock)?.terminate();
  signs.delete(lock);
  const holder = parseHolder(readLock(lock)?.text ?? '');
  if (holder !== undefined && isOwn(holder)) rmSync(lock, { force: true });
}

/** What a lock says, and whether its process lives; undefined where there is none, or one that says nothing. */
export function findProcessLock(lock: string): FoundLock | undefined {
  const found = readLock(lock);
  const holder = parseHolder(found?.text ?? '');
  if (found === undefined || holder === undefined) return undefined;
  return { holder, isAlive: isAlive(lock, found) };
}

/** The living process that holds the lock, or undefined. */
export function processLockHolder(lock: string): LockHolder | undefined {
  const found = findProcessLock(lock);
  return found?.isAlive ? found.holder : undefined;
}

/** What a lock of this process says. */
export function processLockText(): string {
  return `${JSON.stringify(ownHolder())}\n`;
}

/**
 * Takes a lock away whose process is gone. Throws when it is not. Who takes it away holds `<lock>.taking` for that moment:
 * else one process could take away what another has just taken.
 */
function removeStale(lock: string, own: string, inUse: InUseError): void {
  const found = throwIfAlive(lock, inUse);
  if (found === undefined) return; // given free just now
  const taking = `${lock}.taking`;
  if (!linkUnlessThere(own, taking)) {
    const other = readLock(taking);
    if (other === undefined || isAlive(taking, other))
      pause(); // it is faster
    else rmSync(taking, { force: true });
    return;
  }
  try {
    if (throwIfAlive(lock, inUse)?.text === found.text) rmSync(lock, { force: true });
  } finally {
    rmSync(taking, { force: true });
  }
}

function throwIfAlive(lock: string, inUse: InUseError): LockFile | undefined {
  const found = readLock(lock);
  if (found !== undefined && isAlive(lock, found)) throw inUse(parseHolder(found.text)!);
  return found;
}

/** What no process wrote whole is nobody's. */
function isAlive(lock: string, { text, changedMs }: LockFile): boolean {
  const holder = parseHolder(text);
  if (holder === undefined) return false;
  if (isHere(holder)) return isAliveHere(holder);
  return diskTimeMs(path.dirname(lock)) - changedMs < staleMs;
}

/** How far the clock of a folder's disk, which may be another machine's, is ahead of this process's own; and when measured. */
const disks = new Map<string, { readonly aheadMs: number; readonly atMs: number }>();
const measureAgainMs = 60_000;

/** The time by the clock of the disk that the folder lies on. */
function diskTimeMs(folder: string): number {
  const nowMs = performance.now();
  const known = disks.get(folder);
  if (known !== undefined && nowMs - known.atMs < measureAgainMs) return nowMs + known.aheadMs;
  const measured = writtenNowMs(folder);
  disks.set(folder, { aheadMs: measured - nowMs, atMs: nowMs });
  return measured;
}

function writtenNowMs(folder: string): number {
  const probe = besideName(path.join(folder, '.now'));
  try {
    writeFileSync(probe, '');
    return statSync(probe).mtimeMs;
  } catch {
    return Date.now(); // a disk that only lets us read
  } finally {
    rmSync(probe, { force: true });
  }
}

/** A hard link appears at once with all its content; some file systems (USB sticks) can only copy. */
function linkUnlessThere(from: string, to: string): boolean {
  for (const put of [linkSync, copyUnlessThere]) {
    try {
      put(from, to);
      return true;
    } catch (error) {
      const code = codeOf(error);
      if (code === 'EEXIST') return false;
      if (put !== linkSync || code === 'ENOENT' || code === 'ENOSPC') throw error;
    }
  }
  return false;
}

function copyUnlessThere(from: string, to: string): void {
  copyFileSync(from, to, constants.COPYFILE_EXCL);
}

interface LockFile {
  readonly text: string;
  readonly changedMs: number;
}

/** Opened before it is asked for its time: an NFS client looks anew only then. */
function readLock(lock: string): LockFile | undefined {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(lock, 'r');
    const { mtimeMs: changedMs } = fstatSync(descriptor);
    return { text: readFileSync(descriptor, 'utf8'), changedMs };
  } catch {
    return undefined;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** A name that no other process has, of this machine or another. */
function besideName(lock: string): string {
  return `${lock}.${randomUUID()}`;
}

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
}
