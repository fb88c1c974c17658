/**
 * A part of a file as bytes in memory: mapped where the addon is there, so that it opens at once and takes no memory
 * of its own, else read. Each thread maps for itself; a mapping does not travel.
 */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import { loadAddon } from '../core/addon.ts';
import { dataError } from '../core/errors.ts';

/** Which bytes of which file; `offset` is a multiple of `mappingUnit`. */
export interface FilePart {
  readonly file: string;
  readonly offset: number;
  readonly length: number;
}

/** The largest page there is, of 64 KiB, so that every system can map at its multiples. */
export const mappingUnit = 65_536;

interface MappingAddon {
  /** An ArrayBuffer, or the number of a system error. Absent on Windows. */
  mapFile?(file: string, offset: number, length: number): ArrayBuffer | number;
}

/**
 * The bytes of a part of a file; writing to them changes nothing on disk. A mapped file that is cut short while it
 * is in use ends the process: replace files by renaming, never in place.
 *
 * Throws a data error when it cannot be opened or is too short.
 */
export function mapFilePart(part: FilePart): Uint8Array {
  const { file, offset, length } = part;
  checkLength(part);
  if (length === 0) return new Uint8Array(0);
  const loaded = loadAddon<MappingAddon>();
  if ('reason' in loaded || !loaded.addon.mapFile) return readPart(part);
  const mapped = loaded.addon.mapFile(file, offset, length);
  if (typeof mapped === 'number') throw unmappable(file, getSystemErrorName(-mapped));
  return new Uint8Array(mapped);
}

/** Whether parts of files are mapped here, or read. */
export function mapsFiles(): boolean {
  const loaded = loadAddon<MappingAddon>();
  return 'addon' in loaded && loaded.addon.mapFile !== undefined;
}

/** Runs `use` with the opened file; a system error becomes a data error. */
function withFile<T>(file: string, use: (descriptor: number) => T): T {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, 'r');
    return use(descriptor);
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause)) throw cause;
    throw unmappable(file, String(cause.code), cause);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function checkLength({ file, offset, length }: FilePart): void {
  const { size } = withFile(file, fstatSync);
  if (size >= offset + length) return;
  throw dataError({
    path: file,
    rule: `must have at least ${offset + length} bytes`,
    got: `${size}`,
    hint: 'the file is truncated',
  });
}

function readPart({ file, offset, length }: FilePart): Uint8Array {
  return withFile(file, (descriptor) => {
    const bytes = new Uint8Array(new SharedArrayBuffer(length));
    for (let at = 0; at < length; ) {
      // Node reads at most 2^31 − 1 bytes at a time.
      const wanted = Math.min(length - at, 2 ** 30);
      const read = readSync(descriptor, bytes, at, wanted, offset + at);
      if (read === 0) throw unmappable(file, `its end at byte ${offset + at}`);
      at += read;
    }
    return bytes;
  });
}

function unmappable(file: string, got: string, cause?: unknown): Error {
  return dataError({ path: file, rule: 'must be readable', got }, cause);
}
