/** One process at a time trains into a run folder: its file `lock` names the process that does. */
import path from 'node:path';
import type { FileContent } from '../core/durable-files.ts';
import { complain, IgcError } from '../core/errors.ts';
import { holderText } from '../core/lock-holder.ts';
import {
  keepProcessLock,
  processLockHolder,
  processLockText,
  releaseProcessLock,
  takeProcessLock,
} from '../core/process-lock.ts';

/** The lock as a file of a folder that is being made; `keepLock` once it is there. */
export function lockFile(): FileContent {
  return { name: 'lock', bytes: processLockText() };
}

/** Gives signs of life for the lock of a folder that was made with it. */
export function keepLock(folder: string): void {
  keepProcessLock(path.join(folder, 'lock'));
}

/**
 * Locks an existing run folder for this process.
 *
 * Throws a failure that names the process which holds it.
 */
export function takeLock(folder: string): void {
  takeProcessLock(path.join(folder, 'lock'), (holder) => {
    const message = complain({
      path: folder,
      rule: 'must not be trained by two processes at once',
      got: `${holderText(holder)}, which is training it`,
      hint: 'stop that one first, or wait until it is done',
    });
    return new IgcError('failure', message);
  });
}

/** Is a process training into the folder? */
export function isLocked(folder: string): boolean {
  return processLockHolder(path.join(folder, 'lock')) !== undefined;
}

/** Gives the folder free, if this process holds it. */
export function releaseLock(folder: string): void {
  releaseProcessLock(path.join(folder, 'lock'));
}
