/** Compares a file with its published size and MD5 sum. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dataError } from '../../core/errors.ts';
import { unreadable } from '../readers/reading.ts';
import type { Download } from './downloads.ts';

/** Throws a data error that says what differs. */
export async function verifyFile(
  file: string,
  download: Download,
  signal?: AbortSignal,
): Promise<void> {
  const wrong = await findFault(file, download, signal);
  if (wrong === undefined) return;
  const hint = 'the file is truncated or corrupt: delete or replace it';
  throw dataError({ path: file, ...wrong, hint });
}

/** What differs, or undefined. */
export async function findFault(
  file: string,
  { sizeBytes, md5 }: Download,
  signal?: AbortSignal,
): Promise<{ readonly rule: string; readonly got: string } | undefined> {
  try {
    const { size } = await stat(file);
    if (size !== sizeBytes) return { rule: `must have ${sizeBytes} bytes`, got: String(size) };
    const hash = createHash('md5');
    const pieces = createReadStream(file, { highWaterMark: 2 ** 20, signal });
    for await (const piece of pieces) hash.update(piece);
    const got = hash.digest('hex');
    return got === md5 ? undefined : { rule: `must have the MD5 sum ${md5}`, got };
  } catch (cause) {
    throw unreadable(file, file, cause);
  }
}
