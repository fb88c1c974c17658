/**
 * A file that names the process which uses what the file stands for, so that no other does. A lock whose process is
 * gone (killed, or of another boot of the machine) is taken over. No protection between machines or containers that
 * share a disk.
 */
import { constants, copyFileSync, linkSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { threadId } from 'node:worker_threads';
import { codeOf, failAsWriteError, writeDurably } from './durable-files.ts';

/** What a lock says about the process that holds it. */
interface Holder {
  readonly pid: number;
  /** Identity of the machine's boot, and when in it the process began; null where the system does not tell. */
  readonly boot: string | null;
  readonly began: string | null;
}

/** The error for a lock that a living process holds. */
export type InUseError = (pid: number) => Error;

/** Takes the lock, a file in a folder that exists, or throws what `inUse` makes of its holder. */
export function takeProcessLock(lock: string, inUse: InUseError): void {
  const own = `${lock}.${process.pid}.${threadId}`;
  failAsWriteError(lock, () => {
    try {
      writeDurably(own, processLockText());
      while (!linkUnlessThere(own, lock)) removeStale(lock, own, inUse);
    } finally {
      rmSync(own, { force: true });
    }
  });
}

/** Gives the lock free, if this process holds it. */
export function releaseProcessLock(lock: string): void {
  if (readText(lock) === processLockText()) rmSync(lock, { force: true });
}

/** The number of the living process that holds the lock, or undefined. */
export function processLockHolder(lock: string): number | undefined {
  const holder = parseHolder(readText(lock) ?? '');
  return holder !== undefined && isAlive(holder) ? holder.pid : undefined;
}

/** What a lock of this process says. */
export function processLockText(): string {
  const { pid } = process;
  const holder: Holder = { pid, boot: bootId(), began: processBegan(pid) };
  return `${JSON.stringify(holder)}\n`;
}

/** Takes a lock away whose process is gone. Throws when it is not. */
function removeStale(lock: string, own: string, inUse: InUseError): void {
  const text = readText(lock);
  if (text === undefined) return; // given free just now
  const holder = parseHolder(text);
  if (holder !== undefined && isAlive(holder)) throw inUse(holder.pid);
  const aside = `${own}.stale`;
  try {
    renameSync(lock, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return; // another process was faster
    throw error;
  }
  // Another process may have taken the stale lock over in between; then this is its lock, and goes back.
  if (readText(aside) !== text) linkUnlessThere(aside, lock);
  rmSync(aside, { force: true });
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

/** Undefined for a text that no process wrote whole. */
function parseHolder(text: string): Holder | undefined {
  try {
    const holder = JSON.parse(text) as Holder | null;
    return Number.isInteger(holder?.pid) ? (holder as Holder) : undefined;
  } catch {
    return undefined;
  }
}

function isAlive({ pid, boot, began }: Holder): boolean {
  if (boot !== bootId()) return false;
  try {
    process.kill(pid, 0); // signal 0 only asks
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false;
  }
  return began === processBegan(pid); // else the number was given to another process
}

function bootId(): string | null {
  return readText('/proc/sys/kernel/random/boot_id')?.trim() ?? null;
}

/** Field 22 of /proc/<pid>/stat; null where there is none, `zombie` for a process that has ended. */
function processBegan(pid: number): string | null {
  const stat = readText(`/proc/${pid}/stat`);
  if (stat === undefined) return null;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // names may hold blanks
  return fields[0] === 'Z' ? 'zombie' : fields[19]!;
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
