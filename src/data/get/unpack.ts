/**
 * Unpacks a .tar.gz of known files into a folder, which appears when it is whole. The archive may hold nothing else:
 * no links, no other names, no other sizes; what is unpacked never leaves a temporary folder beside the target.
 */

import { createReadStream, existsSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { createTarDecoder, type TarHeader } from 'modern-tar';
import { failAsWriteError, syncFolder } from '../../core/durable-files.ts';
import { FormatError } from '../format-error.ts';
import type { ArchiveMember } from './downloads.ts';

/** Tar's own blocks and headers, on top of the files. */
const overheadBytes = 2 ** 20;

/**
 * Unpacks `archive`, whose files lie in a folder of the name of `target`, to `target`.
 *
 * Throws `FormatError`s; nothing is left behind then.
 */
export async function unpackArchive(
  archive: string,
  target: string,
  members: readonly ArchiveMember[],
): Promise<void> {
  const fresh = path.join(path.dirname(target), `.${path.basename(target)}.${process.pid}.new`);
  await rm(fresh, { recursive: true, force: true });
  try {
    await mkdir(fresh, { recursive: true });
    await unpackInto(archive, path.basename(target), fresh, members);
    syncFolder(fresh);
    await replaceFolder(target, fresh);
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    if (error instanceof FormatError) throw error;
    failAsWriteError(target, () => {
      throw error;
    });
  }
}

async function replaceFolder(target: string, fresh: string): Promise<void> {
  const old = `${fresh}.old`;
  if (existsSync(target)) await rename(target, old);
  await rename(fresh, target);
  syncFolder(path.dirname(target));
  await rm(old, { recursive: true, force: true });
}

async function unpackInto(
  archive: string,
  folder: string,
  fresh: string,
  members: readonly ArchiveMember[],
): Promise<void> {
  const most = members.reduce((sum, { sizeBytes }) => sum + sizeBytes, overheadBytes);
  const bytes = Readable.toWeb(Readable.from(unzip(archive, most))) as ReadableStream<Uint8Array>;
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
  const missing = members.filter(({ name }) => !seen.has(name)).map(({ name }) => name);
  if (missing.length === 0) return;
  throw fault(archive, `the files ${missing.join(', ')}`, 'an archive without them');
}

/** The archive's bytes, unzipped; no more than `most`. */
async function* unzip(archive: string, most: number): AsyncGenerator<Uint8Array> {
  const file = createReadStream(archive);
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
  const isSized = member.isText ? size <= member.sizeBytes : size === member.sizeBytes;
  if (isSized) return member;
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

/** Errors of the system stay; those of gzip and tar are the archive's. */
function asFormatError(archive: string, error: unknown): unknown {
  if (error instanceof FormatError) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (/^E[A-Z]+$/.test(code)) return error;
  const got = `"${error instanceof Error ? error.message : error}"`;
  return fault(archive, 'a gzipped tar archive', got);
}

/** Whether the folder holds every member with its size. */
export async function isUnpacked(
  target: string,
  members: readonly ArchiveMember[],
): Promise<boolean> {
  const names = new Set(await readdir(target).catch(() => []));
  const { stat } = await import('node:fs/promises');
  for (const { name, sizeBytes, isText } of members) {
    if (isText) continue; // those of another origin may lack them
    if (!names.has(name)) return false;
    if ((await stat(path.join(target, name))).size !== sizeBytes) return false;
  }
  return true;
}
