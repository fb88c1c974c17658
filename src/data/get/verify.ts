/** Compares a file with its published size and MD5 sum. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dataError } from '../../core/errors.ts';
import { unreadable } from '../readers/reading.ts';
import type { Download } from './downloads.ts';

/** Throws a data error that says what differs. */
export async function verifyFile(file: string, { sizeBytes, md5 }: Download): Promise<void> {
  const wrong = await findFault(file, { sizeBytes, md5 });
  if (wrong === undefined) return;
  throw dataError({ path: file, ...wrong, hint: 'the file is truncated or corrupt' });
}

/** What differs, or undefined. */
export async function findFault(
  file: string,
  { sizeBytes, md5 }: Pick<Download, 'sizeBytes' | 'md5'>,
): Promise<{ readonly rule: string; readonly got: string } | undefined> {
  try {
    const { size } = await stat(file);
    if (size !== sizeBytes) return { rule: `must have ${sizeBytes} bytes`, got: String(size) };
    const hash = createHash('md5');
    for await (const piece of createReadStream(file, { highWaterMark: 2 ** 20 }))
      hash.update(piece);
    const got = hash.digest('hex');
    return got === md5 ? undefined : { rule: `must have the MD5 sum ${md5}`, got };
  } catch (cause) {
    throw unreadable(file, file, cause);
  }
}
