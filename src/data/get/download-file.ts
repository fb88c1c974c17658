/**
 * Downloads one file: goes on where a broken download stopped, tries again when the connection breaks or stalls, and
 * gives the file its name only when its size and MD5 sum are right.
 */

import { rename } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { syncFolder, writePiece, writing } from '../../core/durable-files.ts';
import { dataError, IgcError } from '../../core/errors.ts';
import type { Download } from './downloads.ts';
import {
  missing,
  PassingError,
  Patience,
  piecesOf,
  requestFile,
  UnreachableError,
} from './http-answer.ts';
import { dropPart, forgetTag, knownTag, openPart, partOf, partSize } from './part-file.ts';
import { findFault } from './verify.ts';

/** How patient a download is. */
export interface DownloadOptions {
  /** A connection without a byte for so long has stalled, in milliseconds; 30,000. */
  readonly timeoutMs?: number | undefined;
  /** How often it is tried again after a failure that may pass; 5. */
  readonly retries?: number | undefined;
  /** Wait before the first retry, doubled for each further one up to half a minute, in milliseconds; 1000. */
  readonly backoffMs?: number | undefined;
  /** Told after every piece: bytes of the file that are there. */
  readonly onProgress?: ((doneBytes: number) => void) | undefined;
  /** Told before every retry. */
  readonly onRetry?: ((reason: string) => void) | undefined;
  /** Stops the download; what is there is kept. */
  readonly signal?: AbortSignal | undefined;
}

/** One file of one server. */
interface Source {
  readonly url: string;
  readonly download: Download;
  readonly options: DownloadOptions;
}

const longestWaitMs = 30_000;

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
  const source = { url, download, options };
  for (let attempt = 0; ; attempt++) {
    try {
      return await attemptDownload(source, file);
    } catch (error) {
      if (signal?.aborted) throw interrupted(file);
      if (!(error instanceof PassingError)) throw error;
      if (error instanceof UnreachableError && attempt === 0) {
        throw dataError({ path: error.url, rule: 'must be reachable', got: error.message }, error);
      }
      if (attempt >= retries) {
        const hint = 'try again: it goes on from where it stopped';
        throw dataError({ path: url, rule: 'must be downloadable', got: error.message, hint });
      }
      onRetry?.(error.message);
      const waitMs = Math.min(longestWaitMs, backoffMs * 2 ** attempt);
      await wait(waitMs, undefined, { signal }).catch(() => {});
      if (signal?.aborted) throw interrupted(file);
    }
  }
}

/** Fetches what is missing; gives the part its name, or deletes it: once more, if it was put together. */
async function attemptDownload(source: Source, file: string): Promise<void> {
  const { url, download, options } = source;
  const part = partOf(file);
  const begin = await fetchRest(source, part);
  const fault = await findFault(part, download, options.signal);
  if (fault === undefined) {
    await writing(file, () => rename(part, file));
    await forgetTag(part);
    syncFolder(path.dirname(file));
    return;
  }
  await dropPart(part);
  if (begin > 0)
    throw new PassingError(`a part that does not fit (${fault.rule}, got ${fault.got})`);
  const hint = 'what came was deleted; the server has another file, or it was damaged on the way';
  throw dataError({ path: url, ...fault, hint });
}

/** Downloads what is not in the part yet, and gives the byte at which it went on. */
async function fetchRest(source: Source, part: string): Promise<number> {
  const { url, download, options } = source;
  const done = await partSize(part);
  if (done === download.sizeBytes) return done;
  if (done > download.sizeBytes) {
    await dropPart(part);
    return fetchRest(source, part);
  }
  const patience = new Patience(options.timeoutMs ?? 30_000, options.signal);
  try {
    const tag = done > 0 ? await knownTag(part, url) : undefined;
    const range = { range: `bytes=${done}-`, ...(tag !== undefined && { 'if-range': tag }) };
    const answer = await requestFile(url, done > 0 ? range : {}, patience);
    const mismatch = partMismatch(answer, done, tag, download);
    if (mismatch !== undefined) {
      await dropPart(part);
      throw new PassingError(mismatch);
    }
    refuseStatus(url, answer);
    const begin = answer.statusCode === 206 ? done : 0;
    if (begin === 0) await refuseLength(source, part, answer);
    await append(source, part, begin, answer, patience);
    return begin;
  } finally {
    patience.end();
  }
}

/** Why the answer to the wish to go on from byte `done` is none that the part can be continued with. */
function partMismatch(
  { statusCode, headers }: IncomingMessage,
  done: number,
  tag: string | undefined,
  { sizeBytes }: Download,
): string | undefined {
  if (statusCode === 416) return 'that the file has no such part (HTTP 416)';
  if (statusCode !== 206) return undefined;
  const said = headers['content-range'] ?? '';
  const [, from, of] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(said) ?? [];
  if (Number(from) !== done) return `"${said}" when asked for bytes from ${done}`;
  if (of !== '*' && Number(of) !== sizeBytes) return `a part of a file of ${of} bytes`;
  const isChanged = tag !== undefined && headers.etag !== undefined && headers.etag !== tag;
  return isChanged ? 'a part of a file that has changed' : undefined;
}

function refuseStatus(url: string, { statusCode = 0, statusMessage }: IncomingMessage): void {
  if (statusCode === 200 || statusCode === 206) return;
  const got = `HTTP ${statusCode}${statusMessage ? ` ${statusMessage}` : ''}`;
  const mayPass = statusCode >= 500 || statusCode === 429 || statusCode === 408;
  throw mayPass ? new PassingError(got) : missing(url, got);
}

/** Refuses a whole file of another length before any of it is read: a page to log in at, say. */
async function refuseLength(source: Source, part: string, answer: IncomingMessage): Promise<void> {
  const said = answer.headers['content-length'];
  if (said === undefined || Number(said) === source.download.sizeBytes) return;
  throw await wrongLength(source, part, said);
}

async function wrongLength({ url, download }: Source, part: string, got: string): Promise<Error> {
  await dropPart(part);
  const rule = `must have ${download.sizeBytes} bytes`;
  return dataError({ path: url, rule, got, hint: 'the server has another file' });
}

async function append(
  source: Source,
  part: string,
  begin: number,
  answer: IncomingMessage,
  patience: Patience,
): Promise<void> {
  const { sizeBytes } = source.download;
  const handle = await openPart(part, begin, source.url, answer.headers.etag);
  let at = begin;
  try {
    for await (const piece of piecesOf(answer, patience)) {
      if (at + piece.length > sizeBytes) throw await wrongLength(source, part, 'more');
      await writing(part, () => writePiece(handle, piece, at));
      at += piece.length;
      source.options.onProgress?.(at);
    }
    await writing(part, () => handle.sync());
  } finally {
    await handle.close();
  }
  if (at < sizeBytes) throw new PassingError(`the end after ${at} of ${sizeBytes} bytes`);
}

function interrupted(file: string): Error {
  const message = `${file}: stopped; the same command goes on with ${partOf(file)}`;
  return new IgcError('interrupted', message);
}
