/**
 * Unpacks a .tar.gz of known files into a folder, which appears when it is whole. The archive may hold nothing else:
 * no links, no other names, no other sizes; what is unpacked never leaves a temporary folder beside the target.
 */

import { createReadStream } from 'node:fs';
import { lstat, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { createTarDecoder, type TarHeader } from 'modern-tar';
import { syncFolder, writing } from '../../core/durable-files.ts';
import { FormatError } from '../format-error.ts';
import { type ArchiveMember, fitsMember } from './downloads.ts';

/** Tar's own blocks and headers, on top of the files. */
const overheadBytes = 2 ** 20;

/**
 * Unpacks `archive`, whose files lie in a folder of the name of `target`, to `target`. Of a folder that is there only
 * the files of these names are replaced. One at a time for each `target`.
 *
 * Throws `FormatError`s, failures to write, the signal's reason; nothing is left behind then.
 */
export async function unpackArchive(
  archive: string,
  target: string,
  members: readonly ArchiveMember[],
  signal?: AbortSignal,
): Promise<void> {
  const fresh = path.join(path.dirname(target), `.${path.basename(target)}.new`);
  await writing(target, async () => {
    await rm(fresh, { recursive: true, force: true }); // of a process that was killed
    try {
      await mkdir(fresh, { recursive: true });
      await unpackInto(archive, path.basename(target), fresh, members, signal);
      syncFolder(fresh);
      await putInPlace(target, fresh);
    } finally {
      await rm(fresh, { recursive: true, force: true });
    }
  });
}

/** A folder that is there may hold what is not ours, and stays; a link to one goes. */
async function putInPlace(target: string, fresh: string): Promise<void> {
  const there = await lstat(target).catch(() => undefined);
  if (there?.isDirectory()) {
    const names = await readdir(fresh);
    for (const name of names) await rename(path.join(fresh, name), path.join(target, name));
    syncFolder(target);
  } else {
    if (there?.isSymbolicLink()) await rm(target);
    await rename(fresh, target);
  }
  syncFolder(path.dirname(target));
}

async function unpackInto(
  archive: string,
  folder: string,
  fresh: string,
  members: readonly ArchiveMember[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const most = members.reduce((sum, { sizeBytes }) => sum + sizeBytes, overheadBytes);
  const bytes = Readable.toWeb(
    Readable.from(unzip(archive, most, signal)),
  ) as ReadableStream<Uint8Array>;
  const seen = new Set<string>();
  const entries = bytes.pipeThrough(createTarDecoder({ strict: true }));
  try {
    for await (const { header, body } of entries) {
      const member = memberOf(archive, folder, header, members, seen);
      if (member === undefined) {
        await body.cancel();
        continue;
      }
      seen.add(member.name);
      await writeMember(path.join(fresh, member.name), body);
    }
  } catch (error) {
    throw asFormatError(archive, error);
  }
  const needed = members.filter(({ isOptional }) => !isOptional).map(({ name }) => name);
  const missing = needed.filter((name) => !seen.has(name));
  if (missing.length === 0) return;
  throw fault(archive, `the files ${missing.join(', ')}`, 'an archive without them');
}

/** The archive's bytes, unzipped; no more than `most`. */
async function* unzip(
  archive: string,
  most: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const file = createReadStream(archive, { signal });
  const gunzip = createGunzip();
  file.on('error', (error) => gunzip.destroy(error));
  file.pipe(gunzip);
  let total = 0;
  try {
    for await (const piece of gunzip) {
      total += piece.length;
      if (total > most) throw fault(archive, `at most ${most} bytes unpacked`, 'more', total);
      yield piece;
    }
  } finally {
    file.destroy();
    gunzip.destroy();
  }
}

/** The member that an entry is; undefined for the folder itself. Throws for anything else. */
function memberOf(
  archive: string,
  folder: string,
  { name, type = 'file', size }: TarHeader,
  members: readonly ArchiveMember[],
  seen: ReadonlySet<string>,
): ArchiveMember | undefined {
  const plain = name.replace(/^\.\//, '');
  if (type === 'directory' && plain.replace(/\/$/, '') === folder) return undefined;
  const member = members.find((known) => plain === `${folder}/${known.name}`);
  const quoted = JSON.stringify(name);
  if (type !== 'file' || member === undefined) {
    const expected = `only the files of ${folder}: ${members.map((one) => one.name).join(', ')}`;
    throw fault(archive, expected, `${type} ${quoted}`);
  }
  if (seen.has(member.name)) throw fault(archive, 'every file once', `${quoted} again`);
  if (fitsMember(member, size)) return member;
  const bytes = `${member.isText ? 'at most ' : ''}${member.sizeBytes} bytes`;
  throw fault(archive, `${bytes} of ${member.name}`, String(size));
}

async function writeMember(file: string, body: ReadableStream<Uint8Array>): Promise<void> {
  const handle = await open(file, 'wx');
  try {
    for await (const piece of body) await handle.writeFile(piece);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function fault(file: string, expected: string, got: string, offset = 0): FormatError {
  return new FormatError({ file, offset, expected, got, hint: 'nothing was unpacked' });
}

/** Errors of the system, and a stop, stay; those of gzip and tar are the archive's. */
function asFormatError(archive: string, error: unknown): unknown {
  if (error instanceof FormatError) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (/^(E[A-Z]+|ABORT_ERR)$/.test(code)) return error;
  const got = `"${error instanceof Error ? error.message : error}"`;
  return fault(archive, 'a gzipped tar archive', got);
}

/** Whether the folder holds every member that is needed, with its size. */
export async function isUnpacked(
  target: string,
  members: readonly ArchiveMember[],
): Promise<boolean> {
  for (const member of members.filter(({ isOptional }) => !isOptional)) {
    const there = await stat(path.join(target, member.name)).catch(() => undefined);
    if (!there?.isFile() || !fitsMember(member, there.size)) return false;
  }
  return true;
}
