/**
 * File reading whose failures are data errors that name the file and the system's reason.
 */

import { type FileHandle, open, readFile } from 'node:fs/promises';
import { dataError } from '../../core/errors.ts';

/** Reads a whole file. Throws a data error that begins with `owner` (a data set's name, say). */
export async function readWhole(owner: string, file: string): Promise<Buffer<ArrayBuffer>> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw unreadable(owner, file, cause);
  }
}

/** Opens a file for `use` and closes it; what the system refuses becomes a data error. */
export async function withFile<T>(
  file: string,
  use: (handle: FileHandle) => Promise<T>,
): Promise<T> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file);
    return await use(handle);
  } catch (cause) {
    const isSystems = cause instanceof Error && 'syscall' in cause;
    throw isSystems ? unreadable(file, file, cause) : cause;
  } finally {
    await handle?.close();
  }
}

/** The `length` bytes from `offset` on, or as many as there are. */
export async function readBytes(
  handle: FileHandle,
  offset: number,
  length: number,
): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(bytes, done, length - done, offset + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes.subarray(0, done);
}

/** The data error for a file or folder that the system refused to read. */
export function unreadable(owner: string, file: string, cause: unknown): Error {
  return dataError(
    {
      path: owner,
      rule: owner === file ? 'must be readable' : `${file} must be readable`,
      got: systemCode(cause),
    },
    cause,
  );
}

/** `ENOENT`, `EACCES`…, or the message of an error that has no code. */
export function systemCode(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}
