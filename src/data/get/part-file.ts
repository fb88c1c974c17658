/**
 * The part of a file that has come so far: `<file>.part`, and beside it `<file>.part.etag`, which says what file on
 * which server it is a part of.
 */

import { type FileHandle, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { writing } from '../../core/durable-files.ts';

/** Where the part of `file` is. */
export function partOf(file: string): string {
  return `${file}.part`;
}

/** Bytes that are there; 0 without a part. */
export async function partSize(part: string): Promise<number> {
  return stat(part).then(
    ({ size }) => size,
    () => 0,
  );
}

/** Deletes the part and what is known of it. */
export async function dropPart(part: string): Promise<void> {
  await rm(part, { force: true });
  await forgetTag(part);
}

/** Deletes only what is known of it. */
export async function forgetTag(part: string): Promise<void> {
  await rm(tagFile(part), { force: true });
}

/** The ETag that the server at `url` gave the file of the part, when it can be asked for by it. */
export async function knownTag(part: string, url: string): Promise<string | undefined> {
  const text = await readFile(tagFile(part), 'utf8').catch(() => '');
  const [from, tag] = text.split('\n');
  return from === url ? tag : undefined;
}

/** Opens the part to write on from byte `begin`: at 0 it begins anew, as a part of the file that `tag` names. */
export async function openPart(
  part: string,
  begin: number,
  url: string,
  tag: string | undefined,
): Promise<FileHandle> {
  return writing(part, async () => {
    if (begin > 0) return open(part, 'r+');
    await forgetTag(part);
    const handle = await open(part, 'w');
    // Weak ETags don't promise the same bytes, and no server accepts them for a range.
    if (tag?.startsWith('"')) await writeFile(tagFile(part), `${url}\n${tag}`);
    return handle;
  });
}

function tagFile(part: string): string {
  return `${part}.etag`;
}
