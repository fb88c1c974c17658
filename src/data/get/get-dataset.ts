/**
 * Gets a data set: finds what is there already, downloads or takes from a folder what is missing, verifies it and
 * unpacks it. One process at a time gets a set to a folder.
 */

import { existsSync } from 'node:fs';
import { copyFile, open, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { failAsWriteError, makeFolder } from '../../core/durable-files.ts';
import { dataError, IgcError, suggestName, usageError } from '../../core/errors.ts';
import { usualDataFolders } from '../readers/data-folder.ts';
import { type DownloadOptions, downloadFile } from './download-file.ts';
import { type DatasetDownloads, type Download, downloads } from './downloads.ts';
import { isUnpacked, unpackArchive } from './unpack.ts';
import { findFault, verifyFile } from './verify.ts';

/** What to get, from where, to where. */
export interface GetRequest extends Omit<DownloadOptions, 'onProgress' | 'onRetry'> {
  /** A name of `downloads`. */
  readonly name: string;
  /** Another address of the files' folder, or a folder or file at hand. */
  readonly from?: string | undefined;
  /** Folder of data sets; the first of `usualDataFolders()`. */
  readonly output?: string | undefined;
  /** Also the files that are extra (svhn). */
  readonly extra?: boolean | undefined;
  readonly onEvent?: ((event: GetEvent) => void) | undefined;
  /** Instead of `downloads`, for tests. */
  readonly table?: readonly DatasetDownloads[] | undefined;
}

/** What happens. */
export type GetEvent =
  | { readonly kind: 'progress'; readonly file: string; readonly done: number; readonly of: number }
  | { readonly kind: 'retry'; readonly file: string; readonly reason: string }
  | { readonly kind: 'note'; readonly text: string };

/** What was done. */
export interface GotDataset {
  readonly name: string;
  readonly folder: string;
  /** Everything was there before. */
  readonly wasThere: boolean;
  readonly files: readonly string[];
}

/**
 * Gets the data set.
 *
 * Throws usage errors, data errors (unreachable, missing, corrupt: with what to do by hand), `interrupted`, failures to write.
 */
export async function getDataset(request: GetRequest): Promise<GotDataset> {
  const { name, extra = false, table = downloads, output = usualDataFolders()[0]! } = request;
  const set = table.find((known) => known.name === name);
  if (set === undefined) {
    const names = table.map((known) => known.name);
    const hint = suggestName(name, names);
    throw usageError({ path: 'data get', rule: 'unknown data set', got: `"${name}"`, hint });
  }
  if (extra && set.extra === undefined) {
    throw usageError({ path: '--extra', rule: `is not an option of ${name}` });
  }
  const files = [...set.files, ...(extra ? set.extra! : [])];
  const root = path.resolve(output);
  const folder = path.join(root, set.folder);
  makeFolder(root);
  return withLock(path.join(root, `.${set.folder}.lock`), name, async () => {
    let wasThere = true;
    for (const download of files) {
      if (await isThere(folder, download)) continue;
      wasThere = false;
      await getFile({ ...request, from: request.from }, set, download, root);
    }
    return { name, folder, wasThere, files: files.map(({ file }) => file) };
  });
}

async function isThere(folder: string, download: Download): Promise<boolean> {
  if (download.members !== undefined) return isUnpacked(folder, download.members);
  const file = path.join(folder, download.file);
  return existsSync(file) && (await findFault(file, download)) === undefined;
}

async function getFile(
  request: GetRequest,
  set: DatasetDownloads,
  download: Download,
  root: string,
): Promise<void> {
  const folder = path.join(root, set.folder);
  const isArchive = download.members !== undefined;
  const place = isArchive ? root : folder;
  makeFolder(place);
  const file = path.join(place, download.file);
  const local = await findLocal(request.from, download);
  if (local !== undefined) {
    await verifyFile(local, download);
    if (isArchive) return unpackArchive(local, folder, download.members!);
    return copyInto(local, file);
  }
  const wasPutByHand = existsSync(file);
  if (wasPutByHand) await verifyFile(file, download);
  else await fetchFile(request, set, download, file);
  if (!isArchive) return;
  request.onEvent?.({ kind: 'note', text: `unpacking ${download.file}` });
  await unpackArchive(file, folder, download.members!);
  if (!wasPutByHand) await rm(file, { force: true });
}

/** The file at hand that `from` means; undefined when `from` is an address or absent. */
async function findLocal(
  from: string | undefined,
  { file }: Download,
): Promise<string | undefined> {
  if (from === undefined || /^https?:\/\//i.test(from)) return undefined;
  const kind = await stat(from).catch(() => undefined);
  const found = kind?.isDirectory() ? path.join(from, file) : from;
  if (kind && path.basename(found) === file && existsSync(found)) return found;
  throw dataError({
    path: '--from',
    rule: `must be an address (http…), or hold ${file}`,
    got: from,
  });
}

async function copyInto(from: string, file: string): Promise<void> {
  if (path.resolve(from) === path.resolve(file)) return;
  const fresh = `${file}.${process.pid}.new`;
  try {
    await copyFile(from, fresh);
    await rename(fresh, file);
  } catch (error) {
    await rm(fresh, { force: true });
    failAsWriteError(file, () => {
      throw error;
    });
  }
}

async function fetchFile(
  request: GetRequest,
  set: DatasetDownloads,
  download: Download,
  file: string,
): Promise<void> {
  const { onEvent, from = set.address } = request;
  const url = new URL(download.file, from.endsWith('/') ? from : `${from}/`).href;
  const of = download.sizeBytes;
  try {
    await downloadFile(url, file, download, {
      ...request,
      onProgress: (done) => onEvent?.({ kind: 'progress', file: download.file, done, of }),
      onRetry: (reason) => onEvent?.({ kind: 'retry', file: download.file, reason }),
    });
  } catch (error) {
    throw withWayByHand(error, set, download, file);
  }
}

/** What to do without this machine's network. */
function withWayByHand(
  error: unknown,
  set: DatasetDownloads,
  { file: name, sizeBytes, md5 }: Download,
  file: string,
): unknown {
  if (!(error instanceof IgcError) || error.kind !== 'data') return error;
  const bytes = sizeBytes.toLocaleString('en-US');
  const way = `or put ${name} (${bytes} bytes, MD5 ${md5}, from ${set.address}) into ${path.dirname(file)} by hand and run this again`;
  const joint = error.message.includes('; ') ? ', ' : '; ';
  return new IgcError('data', `${error.message}${joint}${way}`, { cause: error });
}

/** Runs `work` unless another process that lives holds the lock. */
async function withLock<T>(lock: string, name: string, work: () => Promise<T>): Promise<T> {
  for (;;) {
    const handle = await open(lock, 'wx').catch((error) => {
      if (error.code === 'EEXIST') return undefined;
      return failAsWriteError(lock, () => {
        throw error;
      });
    });
    if (handle !== undefined) {
      await handle.writeFile(String(process.pid));
      await handle.close();
      break;
    }
    const holder = Number(await readFile(lock, 'utf8').catch(() => ''));
    if (isAlive(holder)) {
      const hint = 'wait for it to end';
      const message = `${name}: process ${holder} is getting it to this folder; ${hint}`;
      throw new IgcError('failure', message);
    }
    await rm(lock, { force: true }); // of a process that was killed
  }
  try {
    return await work();
  } finally {
    await rm(lock, { force: true });
  }
}

function isAlive(pid: number): boolean {
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
