/**
 * Files that survive a kill at any moment: written beside their place, forced to the disk, then renamed. A folder
 * is replaced by two renames; between them it is `<folder>.old`, which `findFolder` knows.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { complain, IgcError } from './errors.ts';

export interface FileContent {
  readonly name: string;
  readonly bytes: Uint8Array | string;
}

/** Replaces one file: after a crash it holds the old or the new content, whole. */
export function replaceFile(file: string, bytes: Uint8Array | string): void {
  failAsWriteError(file, () => {
    const fresh = `${file}.new`;
    try {
      writeDurably(fresh, bytes);
      renameSync(fresh, file);
    } catch (error) {
      rmSync(fresh, { force: true });
      throw error;
    }
    syncFolder(path.dirname(file));
  });
}

/** Makes a folder, and those above it that are missing. Throws a failure that says why it could not. */
export function makeFolder(folder: string): void {
  failAsWriteError(folder, () => makeFolders(folder));
}

/** Replaces a folder and everything in it; after a crash `findFolder` finds the old or the new one, whole. */
export function replaceFolder(folder: string, files: readonly FileContent[]): void {
  const [fresh, old] = [newName(folder), oldName(folder)];
  settleFolder(folder);
  failAsWriteError(folder, () => {
    makeFolders(path.dirname(folder));
    try {
      mkdirSync(fresh);
      for (const { name, bytes } of files) writeDurably(path.join(fresh, name), bytes);
      syncFolder(fresh);
    } catch (error) {
      rmSync(fresh, { recursive: true, force: true });
      throw error;
    }
    if (existsSync(folder)) renameSync(folder, old);
    renameSync(fresh, folder);
    syncFolder(path.dirname(folder));
    rmSync(old, { recursive: true, force: true });
  });
}

/** Undoes what a kill during `replaceFolder` may have left: the folder is there or nothing is. */
export function settleFolder(folder: string): void {
  const old = oldName(folder);
  failAsWriteError(folder, () => {
    if (!existsSync(folder) && existsSync(old)) renameSync(old, folder);
    rmSync(old, { recursive: true, force: true });
    rmSync(newName(folder), { recursive: true, force: true });
  });
}

/** Makes a folder that must not exist, with everything in it at once. False when there is one already. */
export function createFolder(folder: string, files: readonly FileContent[]): boolean {
  if (existsSync(folder)) return false;
  const fresh = path.join(path.dirname(folder), `.${path.basename(folder)}.${process.pid}.new`);
  return failAsWriteError(folder, () => {
    makeFolders(path.dirname(folder));
    rmSync(fresh, { recursive: true, force: true }); // of a process that had our number
    mkdirSync(fresh);
    try {
      for (const { name, bytes } of files) writeDurably(path.join(fresh, name), bytes);
      syncFolder(fresh);
      renameSync(fresh, folder);
      syncFolder(path.dirname(folder));
      return true;
    } catch (error) {
      rmSync(fresh, { recursive: true, force: true });
      if (codeOf(error) === 'ENOTEMPTY' || codeOf(error) === 'EEXIST') return false;
      throw error;
    }
  });
}

/** Where a folder written by `replaceFolder` is now, or undefined when there is none. */
export function findFolder(folder: string): string | undefined {
  return [folder, oldName(folder)].find((candidate) => existsSync(candidate));
}

/** Adds to the end of a file and forces it to the disk. */
export function appendDurably(file: string, bytes: Uint8Array | string): void {
  failAsWriteError(file, () => {
    const descriptor = openSync(file, 'a');
    try {
      writeAll(descriptor, typeof bytes === 'string' ? Buffer.from(bytes) : bytes);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  });
}

/** One by one: Node's own recursive mkdir never returns where none can be made, as below /proc. */
function makeFolders(folder: string): void {
  const missing: string[] = [];
  let at = path.resolve(folder);
  for (; !existsSync(at) && at !== path.dirname(at); at = path.dirname(at)) missing.push(at);
  if (!statSync(at).isDirectory()) {
    throw Object.assign(new Error(`${at} is no folder`), { code: 'ENOTDIR' });
  }
  for (const name of missing.reverse()) {
    try {
      mkdirSync(name);
    } catch (error) {
      // Another process may have been faster.
      if (codeOf(error) !== 'EEXIST' || !existsSync(name)) throw error;
    }
  }
}

function newName(folder: string): string {
  return `${folder}.new`;
}

function oldName(folder: string): string {
  return `${folder}.old`;
}

/** Writes a file and forces it to the disk. */
export function writeDurably(file: string, bytes: Uint8Array | string): void {
  const descriptor = openSync(file, 'w');
  try {
    writeAll(descriptor, typeof bytes === 'string' ? Buffer.from(bytes) : bytes);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** A write may take only a part, on a disk that is nearly full for one. */
function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
}

/** Forces a folder's names to the disk; Windows has no such thing. */
export function syncFolder(folder: string): void {
  if (process.platform === 'win32') return;
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOSPC: 'no space left on the disk',
  EDQUOT: 'the disk quota is used up',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the disk is read-only',
  ENOTDIR: 'a part of its path is a file',
  EISDIR: 'there is a folder of that name',
  ENOENT: 'no folder can be made there',
  EEXIST: 'something else of that name is in the way',
};

/** Runs `write`; an error of the system becomes a failure that says why `target` could not be written. */
export function failAsWriteError<T>(target: string, write: () => T): T {
  try {
    return write();
  } catch (cause) {
    const code = codeOf(cause);
    if (code === undefined) throw cause;
    const got = reasons[code] ? `${code} (${reasons[code]})` : code;
    const hint = 'what was there before is kept';
    const message = complain({ path: target, rule: 'must be writable', got, hint });
    throw new IgcError('failure', message, { cause });
  }
}

/** The same for what is written asynchronously. */
export async function writing<T>(target: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    return failAsWriteError(target, () => {
      throw error;
    });
  }
}

/** Writes all of a piece at byte `at`. */
export async function writePiece(handle: FileHandle, piece: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < piece.length; ) {
    done += (await handle.write(piece, done, piece.length - done, at + done)).bytesWritten;
  }
}

/** The code of an error of the operating system. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}
