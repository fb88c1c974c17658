/**
 * Finds the folder that holds a data set's files: the given one, or the usual places.
 */

import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { dataError } from '../../core/errors.ts';

/** What is looked for: `files` inside `folder` (an official archive's folder name). */
export interface DataFolderQuery {
  /** The data set's name, for errors. */
  readonly name: string;
  readonly folder: string;
  readonly files: readonly string[];
  /** Every file may have any of these endings; none when left out. */
  readonly endings?: readonly string[];
  /** How to get the files, up to the folder's name: `unpack x.tar.gz`; for the error. */
  readonly remedy: string;
  /** The folder itself or its parent; without it the usual places are searched. */
  readonly dir?: string | undefined;
  /** Places that are searched after the usual ones. */
  readonly alsoIn?: readonly string[];
}

/** `$IGCNET_DATA` when set, then `$HOME/.cache/igcnet-data`. */
export function usualDataFolders(env: NodeJS.ProcessEnv = process.env): readonly string[] {
  const usual = path.join(homedir(), '.cache', 'igcnet-data');
  return env.IGCNET_DATA ? [env.IGCNET_DATA, usual] : [usual];
}

/**
 * The first folder that holds all the files.
 *
 * Throws a data error that names the missing files, or, when none is anywhere, every place that was searched.
 */
export function findDataFolder(query: DataFolderQuery): string {
  const { dir, alsoIn = [] } = query;
  const roots = dir === undefined ? [...usualDataFolders(), ...alsoIn] : [dir];
  const candidates = roots.map((root) => [root, path.join(root, query.folder)]);
  for (const folders of candidates) {
    const complete = folders.find((folder) => missingFiles(query, folder).length === 0);
    if (complete !== undefined) return complete;
    refusePartial(query, folders);
  }
  throw dataError({
    path: query.name,
    rule: `needs a folder that holds ${query.files.join(', ')}`,
    got: `none in ${candidates.flat().join(', ')}`,
    hint: `${query.remedy} in ${roots[0]}, or give its folder as data.dir`,
  });
}

function missingFiles(query: DataFolderQuery, folder: string): readonly string[] {
  const { files, endings = [''] } = query;
  const isThere = (file: string) =>
    endings.some((ending) => existsSync(path.join(folder, file + ending)));
  return files.filter((file) => !isThere(file));
}

function refusePartial(query: DataFolderQuery, folders: readonly string[]): void {
  for (const folder of folders) {
    const missing = missingFiles(query, folder);
    if (missing.length === query.files.length) continue;
    throw dataError({
      path: query.name,
      rule: `${folder} must hold ${query.files.join(', ')}`,
      got: `no ${missing.join(', ')}`,
      hint: `${query.remedy} there again`,
    });
  }
}
