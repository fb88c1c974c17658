/**
 * Obtains one file of a data set: from a server, from a folder at hand, or where somebody put it by hand; verifies it
 * and unpacks it.
 */

import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { makeFolder, writing } from '../../core/durable-files.ts';
import { dataError, IgcError } from '../../core/errors.ts';
import { type DownloadOptions, downloadFile } from './download-file.ts';
import type { Download } from './downloads.ts';
import { unpackArchive } from './unpack.ts';
import { verifyFile } from './verify.ts';

/** What happens. */
export type GetEvent =
  | { readonly kind: 'progress'; readonly file: string; readonly done: number; readonly of: number }
  | { readonly kind: 'retry'; readonly file: string; readonly reason: string }
  | { readonly kind: 'unpack'; readonly file: string };

/** Where from, and how. */
export interface ObtainOptions extends Omit<DownloadOptions, 'onProgress' | 'onRetry'> {
  /** Another address of the files' folder, or a folder or file at hand. */
  readonly from?: string | undefined;
  readonly onEvent?: ((event: GetEvent) => void) | undefined;
}

/** Where the files are put, and come from. */
export interface Place {
  /** Archives are put here, other files into `folder`. */
  readonly root: string;
  readonly folder: string;
  readonly address: string;
}

/** Obtains `download`; `others` are missing, too, which is told when there is no server. */
export async function obtainFile(
  options: ObtainOptions,
  place: Place,
  download: Download,
  others: readonly Download[],
): Promise<void> {
  const { from, signal, onEvent } = options;
  const { members } = download;
  const folder = folderOf(place, download);
  const file = path.join(folder, download.file);
  makeFolder(folder);
  const local = await findLocal(from, download);
  const isAtHand = local !== undefined || existsSync(file);
  if (isAtHand) await verifyFile(local ?? file, download, signal);
  else await fetchFile(options, place, file, [download, ...others]);
  if (members === undefined) {
    if (local !== undefined) await copyFile(local, file, signal);
    return;
  }
  onEvent?.({ kind: 'unpack', file: download.file });
  await unpackArchive(local ?? file, place.folder, members, signal);
  if (!isAtHand) await rm(file, { force: true });
}

/** Whether `from` is an address, not a path. */
export function isAddress(from: string): boolean {
  return /^https?:\/\//i.test(from);
}

/** Where a file is put by us, or by hand. */
function folderOf({ root, folder }: Place, { members }: Download): string {
  return members === undefined ? folder : root;
}

/** The file at hand that `from` means; undefined when `from` is an address or absent. */
async function findLocal(
  from: string | undefined,
  { file }: Download,
): Promise<string | undefined> {
  if (from === undefined || isAddress(from)) return undefined;
  const kind = await stat(from).catch(() => undefined);
  const found = kind?.isDirectory() ? path.join(from, file) : from;
  if (kind && path.basename(found) === file && existsSync(found)) return found;
  const rule = `must be an address (http…), or hold ${file}`;
  throw dataError({ path: '--from', rule, got: from });
}

/** Copies under another name first, which makes the file whole at once. */
async function copyFile(
  from: string,
  file: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (path.resolve(from) === path.resolve(file)) return;
  const fresh = `${file}.new`;
  await writing(file, async () => {
    try {
      const copy = createWriteStream(fresh, { flush: true });
      await pipeline(createReadStream(from), copy, { ...(signal && { signal }) });
      await rename(fresh, file);
    } finally {
      await rm(fresh, { force: true });
    }
  });
}

async function fetchFile(
  options: ObtainOptions,
  place: Place,
  file: string,
  wanted: readonly [Download, ...Download[]],
): Promise<void> {
  const { onEvent, from = place.address } = options;
  const [download] = wanted;
  const url = new URL(download.file, from.endsWith('/') ? from : `${from}/`).href;
  const of = download.sizeBytes;
  try {
    await downloadFile(url, file, download, {
      ...options,
      onProgress: (done) => onEvent?.({ kind: 'progress', file: download.file, done, of }),
      onRetry: (reason) => onEvent?.({ kind: 'retry', file: download.file, reason }),
    });
  } catch (error) {
    if (!(error instanceof IgcError) || error.kind !== 'data') throw error;
    const joint = error.message.includes('; ') ? ', ' : '; ';
    const message = error.message + joint + wayByHand(place, wanted);
    throw new IgcError('data', message, { cause: error });
  }
}

/** What to do without this machine's network. */
function wayByHand(place: Place, wanted: readonly [Download, ...Download[]]): string {
  const listed = wanted.map(({ file, sizeBytes, md5 }) => {
    return `${file} (${sizeBytes.toLocaleString('en-US')} bytes, MD5 ${md5})`;
  });
  const folder = folderOf(place, wanted[0]);
  return `or put ${listed.join(', ')} from ${place.address} into ${folder} by hand and run this again`;
}
