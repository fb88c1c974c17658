/** Gets a data set: finds what is there already and obtains what is missing, one process at a time for a folder. */

import { existsSync } from 'node:fs';
import path from 'node:path';
import { makeFolder } from '../../core/durable-files.ts';
import { complain, IgcError, suggestName, usageError } from '../../core/errors.ts';
import { holderText, type LockHolder } from '../../core/lock-holder.ts';
import { releaseProcessLock, takeProcessLock } from '../../core/process-lock.ts';
import { usualDataFolders } from '../readers/data-folder.ts';
import { type DatasetDownloads, type Download, downloads } from './downloads.ts';
import { isAddress, type ObtainOptions, obtainFile } from './obtain-file.ts';
import { isUnpacked } from './unpack.ts';
import { findFault } from './verify.ts';

/** What to get, from where, to where. */
export interface GetRequest extends ObtainOptions {
  /** A name of `downloads`. */
  readonly name: string;
  /** Folder of data sets; the first of `usualDataFolders()`. */
  readonly output?: string | undefined;
  /** Also the files that are extra (svhn). */
  readonly extra?: boolean | undefined;
  /** Instead of `downloads`, for tests. */
  readonly table?: readonly DatasetDownloads[] | undefined;
}

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
  const { name, signal, output = usualDataFolders()[0]! } = request;
  const { set, files } = chooseFiles(request);
  const root = path.resolve(output);
  const folder = path.join(root, set.folder);
  const place = { root, folder, address: set.address };
  makeFolder(root);
  const lock = path.join(root, `.${set.folder}.lock`);
  takeProcessLock(lock, (holder) => inUseError(folder, holder));
  try {
    const missing: Download[] = [];
    for (const download of files) {
      if (!(await isThere(folder, download, signal))) missing.push(download);
    }
    for (const [i, download] of missing.entries()) {
      signal?.throwIfAborted();
      await obtainFile(request, place, download, missing.slice(i + 1));
    }
    return { name, folder, wasThere: missing.length === 0, files: files.map(({ file }) => file) };
  } catch (error) {
    if (!signal?.aborted || (error instanceof IgcError && error.kind === 'interrupted'))
      throw error;
    throw new IgcError('interrupted', `${folder}: stopped; the same command goes on`);
  } finally {
    releaseProcessLock(lock);
  }
}

function chooseFiles({ name, from, extra = false, table = downloads }: GetRequest): {
  readonly set: DatasetDownloads;
  readonly files: readonly Download[];
} {
  const set = table.find((known) => known.name === name);
  if (set === undefined) {
    const names = table.map((known) => known.name);
    const hint = suggestName(name, names);
    throw usageError({ path: 'data get', rule: 'unknown data set', got: `"${name}"`, hint });
  }
  if (extra && set.extra === undefined) {
    throw usageError({ path: '--extra', rule: `is not an option of ${name}` });
  }
  if (from !== undefined && isAddress(from) && !URL.canParse(from)) {
    throw usageError({ path: '--from', rule: 'must be an address or a path', got: `"${from}"` });
  }
  return { set, files: [...set.files, ...(extra ? set.extra! : [])] };
}

function inUseError(folder: string, holder: LockHolder): Error {
  const message = complain({
    path: folder,
    rule: 'must not be got by two processes at once',
    got: `${holderText(holder)}, which is getting it`,
    hint: 'wait until it is done',
  });
  return new IgcError('failure', message);
}

async function isThere(
  folder: string,
  download: Download,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (download.members !== undefined) return isUnpacked(folder, download.members);
  const file = path.join(folder, download.file);
  return existsSync(file) && (await findFault(file, download, signal)) === undefined;
}
