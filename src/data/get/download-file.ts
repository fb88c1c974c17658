/**
 * Downloads one file: goes on where a broken download stopped, tries again when the connection breaks or stalls, and
 * gives the file its name only when its size and MD5 sum are right.
 */

import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { failAsWriteError, syncFolder } from '../../core/durable-files.ts';
import { dataError, IgcError } from '../../core/errors.ts';
import type { Download } from './downloads.ts';
import { findFault } from './verify.ts';

/** How patient a download is. */
export interface DownloadOptions {
  /** A connection without a byte for so long has stalled, in milliseconds; 30,000. */
  readonly timeoutMs?: number | undefined;
  /** How often it is tried again after a failure that may pass; 5. */
  readonly retries?: number | undefined;
  /** Wait before the first retry, doubled for each further one, in milliseconds; 1000. */
  readonly backoffMs?: number | undefined;
  /** Told after every piece: bytes of the file that are there. */
  readonly onProgress?: ((doneBytes: number) => void) | undefined;
  /** Told before every retry. */
  readonly onRetry?: ((reason: string) => void) | undefined;
  /** Stops the download; what is there is kept. */
  readonly signal?: AbortSignal | undefined;
}

/** What may pass, and is worth another try. */
class Passing extends Error {}

/** Errors of a machine without a network, or of a wrong address: waiting would not help. */
const offlineCodes = ['ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED', 'ENETUNREACH', 'EHOSTUNREACH'];

/**
 * Downloads `url` to `file`. A part stays as `file.part` when it is broken off, and the next call goes on with it.
 *
 * Throws data errors (offline, refused by the server, wrong size or sum), `interrupted` by the signal, failures to write.
 */
export async function downloadFile(
  url: string,
  file: string,
  download: Download,
  options: DownloadOptions = {},
): Promise<void> {
  const { retries = 5, backoffMs = 1000, onRetry, signal } = options;
  const part = `${file}.part`;
  for (let attempt = 0; ; attempt++) {
    const doneBefore = await sizeOf(part);
    try {
      await fetchRest(url, part, download, options);
      await settle(part, file, url, download, doneBefore > 0);
      return;
    } catch (error) {
      if (signal?.aborted) throw interrupted(file);
      if (!(error instanceof Passing)) throw error;
      if (attempt >= retries) {
        const hint = 'try again: it goes on from where it stopped';
        throw dataError({ path: url, rule: 'must be downloadable', got: error.message, hint });
      }
      onRetry?.(error.message);
      await wait(backoffMs * 2 ** attempt, undefined, { signal }).catch(() => {});
      if (signal?.aborted) throw interrupted(file);
    }
  }
}

/** Gives the part its name, or deletes what is wrong: once more from the beginning, if it was put together. */
async function settle(
  part: string,
  file: string,
  url: string,
  download: Download,
  isResumed: boolean,
): Promise<void> {
  const fault = await findFault(part, download);
  if (fault === undefined) {
    await rename(part, file);
    syncFolder(path.dirname(file));
    return;
  }
  await rm(part, { force: true });
  if (isResumed) throw new Passing(`a part that does not fit (${fault.rule}, got ${fault.got})`);
  throw dataError({
    path: url,
    ...fault,
    hint: 'what came was deleted; the server has another file, or it was damaged on the way',
  });
}

async function fetchRest(
  url: string,
  part: string,
  download: Download,
  options: DownloadOptions,
): Promise<void> {
  let done = await sizeOf(part);
  if (done > download.sizeBytes) {
    await rm(part, { force: true });
    done = 0;
  }
  if (done === download.sizeBytes) return;
  const stall = new StallTimer(options);
  try {
    const response = await request(url, done, stall);
    if (response.status === 416) {
      await rm(part, { force: true });
      throw new Passing('that the part is longer than the file (HTTP 416)');
    }
    refuseStatus(url, response);
    const begin = beginOf(response);
    if (begin !== done && begin !== 0) throw new Passing(`bytes from ${begin}, not from ${done}`);
    await append(part, begin, response, download, stall, options);
  } finally {
    stall.stop();
  }
}

/** Aborts when nothing has come for a while, or when the user wants to stop. */
class StallTimer {
  readonly #controller = new AbortController();
  readonly #timeoutMs: number;
  #timer: NodeJS.Timeout | undefined;
  isStalled = false;

  constructor({ timeoutMs = 30_000, signal }: DownloadOptions) {
    this.#timeoutMs = timeoutMs;
    signal?.addEventListener('abort', () => this.#controller.abort(), { once: true });
    if (signal?.aborted) this.#controller.abort();
    this.start();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** A byte has come. */
  start(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.isStalled = true;
      this.#controller.abort();
    }, this.#timeoutMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#controller.abort();
  }

  /** What an error of the connection means. */
  explain(error: unknown): Error {
    if (this.isStalled) return new Passing(`no byte for ${this.#timeoutMs / 1000} s`);
    return new Passing(reasonOf(error));
  }
}

async function request(url: string, done: number, stall: StallTimer): Promise<Response> {
  const headers = done > 0 ? { range: `bytes=${done}-` } : undefined;
  try {
    return await fetch(url, { signal: stall.signal, ...(headers && { headers }) });
  } catch (error) {
    const reason = reasonOf(error);
    if (!stall.isStalled && offlineCodes.some((code) => reason.includes(code))) {
      throw dataError({ path: url, rule: 'must be reachable', got: reason }, error);
    }
    throw stall.explain(error);
  }
}

function refuseStatus(url: string, { status, statusText }: Response): void {
  if (status === 200 || status === 206) return;
  const got = `HTTP ${status}${statusText ? ` ${statusText}` : ''}`;
  if (status >= 500 || status === 429 || status === 408) throw new Passing(got);
  throw dataError({ path: url, rule: 'must be there', got, hint: 'has it moved? give --from' });
}

/** The byte of the file that the answer begins with. */
function beginOf(response: Response): number {
  if (response.status !== 206) return 0;
  const range = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '');
  if (range === null) throw new Passing('a part without saying which');
  return Number(range[1]);
}

async function append(
  part: string,
  begin: number,
  response: Response,
  { sizeBytes }: Download,
  stall: StallTimer,
  { onProgress }: DownloadOptions,
): Promise<void> {
  const handle = await open(part, begin === 0 ? 'w' : 'r+').catch((error) =>
    writeError(part, error),
  );
  let at = begin;
  try {
    const pieces = (response.body ?? []) as AsyncIterable<Uint8Array>;
    for await (const piece of explained(pieces, stall)) {
      stall.start();
      if (at + piece.length > sizeBytes) {
        await handle.truncate(0);
        throw dataError({
          path: response.url,
          rule: `must have ${sizeBytes} bytes`,
          got: `more`,
          hint: 'what came was deleted; the server has another file',
        });
      }
      await writePiece(handle, part, piece, at);
      at += piece.length;
      onProgress?.(at);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  if (at < sizeBytes) throw new Passing(`the end after ${at} of ${sizeBytes} bytes`);
}

/** The pieces of an answer; what breaks the connection is worth another try. */
async function* explained(
  pieces: AsyncIterable<Uint8Array>,
  stall: StallTimer,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of pieces) yield piece;
  } catch (error) {
    throw stall.explain(error);
  }
}

async function writePiece(
  handle: FileHandle,
  part: string,
  piece: Uint8Array,
  at: number,
): Promise<void> {
  for (let done = 0; done < piece.length; ) {
    const { bytesWritten } = await handle
      .write(piece, done, piece.length - done, at + done)
      .catch((error) => writeError(part, error));
    done += bytesWritten;
  }
}

function writeError(part: string, error: unknown): never {
  return failAsWriteError(part, () => {
    throw error;
  });
}

async function sizeOf(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  );
}

/** `ECONNRESET`, or the innermost message. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause instanceof AggregateError) return reasonOf(error.cause.errors[0]);
  if (error.cause instanceof Error) return reasonOf(error.cause);
  const code = 'code' in error ? String(error.code) : '';
  return code === '' || error.message.includes(code)
    ? error.message || code
    : `${code}: ${error.message}`;
}

function interrupted(file: string): Error {
  return new IgcError(
    'interrupted',
    `${file}: stopped; the same command goes on with ${file}.part`,
  );
}
