/**
 * Opens packed files: the header is read and checked, pixels are mapped, images that stay encoded are left where
 * they are. The hashes are for `verifyPack`; opening does not compute them.
 */

import { createHash } from 'node:crypto';
import * as v from 'valibot';
import type { AnyImageSet, Dataset } from '../dataset.ts';
import { FormatError } from '../format-error.ts';
import { mapFilePart, mappingUnit, mapsFiles } from '../mapped-file.ts';
import { readBytes, withFile } from '../readers/reading.ts';
import {
  longestHeader,
  type PackHeader,
  type PackSection,
  type PackSplit,
  packHeaderSchema,
  packMagic,
  sectionsOf,
} from './pack-layout.ts';

/** Reads and checks the header. Throws `FormatError`s, and a data error for an unreadable file. */
export async function readPackHeader(file: string): Promise<PackHeader> {
  return withFile(file, async (handle) => {
    const { size } = await handle.stat();
    const start = await readBytes(handle, 0, Math.min(12, size));
    if (start.toString('latin1', 0, 8) !== packMagic) {
      const got = JSON.stringify(start.toString('latin1', 0, 8));
      throw new FormatError({ file, offset: 0, expected: `"${packMagic}"`, got });
    }
    const length = start.length < 12 ? 0 : start.readUInt32LE(8);
    if (length === 0 || length > longestHeader || 12 + length > size) {
      const most = Math.min(longestHeader, Math.max(0, size - 12));
      const expected = `the length of a header, from 1 to ${most}`;
      throw new FormatError({ file, offset: 8, expected, got: String(length) });
    }
    const header = parseHeader(file, (await readBytes(handle, 12, length)).toString('utf8'));
    for (const split of header.splits) checkSplit(file, size, split);
    checkSplitNames(file, header);
    return header;
  });
}

/** Opens a packed file: at once, whatever its size. Throws `FormatError`s. */
export async function openPack(file: string): Promise<Dataset> {
  const { name, classes, splits } = await readPackHeader(file);
  const sets = new Map(splits.map((split) => [split.split, openSplit(file, classes, split)]));
  const validation = sets.get('validation');
  return {
    name,
    classes,
    train: sets.get('train')!,
    ...(validation && { validation }),
    test: sets.get('test')!,
    skipped: [],
  };
}

/** Compares every section with its SHA-256. Throws a `FormatError` for the first that differs. */
export async function verifyPack(file: string): Promise<void> {
  const { splits } = await readPackHeader(file);
  for (const split of splits) {
    for (const [name, { offset, length, sha256 }] of sectionsOf(split)) {
      const got = await hashPart(file, offset, length);
      if (got === sha256) continue;
      throw new FormatError({
        file,
        offset,
        expected: `the ${name} of ${split.split} with SHA-256 ${sha256}`,
        got,
        hint: 'the file is damaged; pack it again',
      });
    }
  }
}

function parseHeader(file: string, text: string): PackHeader {
  const fault = (expected: string, got: string) =>
    new FormatError({ file, offset: 12, expected, got });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw fault('a header of JSON', JSON.stringify(text.slice(0, 20)));
  }
  const parsed = v.safeParse(packHeaderSchema, json);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw fault(
    `a header with ${issue.expected ?? 'other values'} in ${v.getDotPath(issue) ?? 'it'}`,
    issue.received,
  );
}

function checkSplitNames(file: string, { splits, classes }: PackHeader): void {
  const names = splits.map(({ split }) => split);
  const isComplete = names.includes('train') && names.includes('test');
  const isUnique = new Set(names).size === names.length && new Set(classes).size === classes.length;
  if (isComplete && isUnique) return;
  const expected = 'splits train and test, each once, and different class names';
  throw new FormatError({ file, offset: 12, expected, got: names.join(', ') });
}

function checkSplit(file: string, size: number, split: PackSplit): void {
  const { count, channels, height, width } = split;
  const exact: Readonly<Record<string, number>> = {
    labels: 2 * count,
    pixels: count * channels * height * width,
    ends: 8 * count,
  };
  for (const [name, { offset, length }] of sectionsOf(split)) {
    const place = `section ${name} of ${split.split}`;
    if (offset % mappingUnit !== 0 || offset + length > size) {
      const expected = `${place} at a multiple of ${mappingUnit} and within the file of ${size} bytes`;
      const hint = 'the file is truncated or damaged';
      throw new FormatError({ file, offset: 12, expected, got: `${offset} + ${length}`, hint });
    }
    const wanted = exact[name];
    if (wanted === undefined || wanted === length) continue;
    const expected = `${place} of ${wanted} bytes`;
    throw new FormatError({ file, offset: 12, expected, got: String(length) });
  }
}

function openSplit(file: string, classes: readonly string[], split: PackSplit): AnyImageSet {
  const { channels, height, width, count, maxValue } = split;
  const shape = { channels, height, width, count, maxValue };
  const labels = new Uint16Array(shared(file, split.labels).buffer, 0, count);
  const wrong = labels.findIndex((label) => label >= classes.length);
  if (wrong >= 0) {
    throw new FormatError({
      file,
      offset: split.labels.offset + 2 * wrong,
      expected: `a label below ${classes.length}`,
      got: String(labels[wrong]),
    });
  }
  if (split.kind === 'encoded') return { ...shape, labels, encoded: openEncoded(file, split) };
  const { offset, length } = split.pixels;
  const part = { file, offset, length };
  return { ...shape, labels, pixels: mapFilePart(part), ...(mapsFiles() && { mapped: part }) };
}

function openEncoded(file: string, { count, bytes, ends }: PackSplit & { kind: 'encoded' }) {
  const endOf = new Float64Array(shared(file, ends).buffer, 0, count);
  const starts = new Float64Array(new SharedArrayBuffer(8 * count));
  const sizes = new Uint32Array(new SharedArrayBuffer(4 * count));
  for (let i = 0, start = 0; i < count; i++) {
    const end = endOf[i]!;
    if (!(Number.isInteger(end) && end > start && end <= bytes.length && end - start < 2 ** 31)) {
      const expected = `an end of image ${i} from ${start + 1} to ${bytes.length}`;
      throw new FormatError({ file, offset: ends.offset + 8 * i, expected, got: String(end) });
    }
    starts[i] = bytes.offset + start;
    sizes[i] = end - start;
    start = end;
  }
  return { kind: 'packed', file, starts, sizes } as const;
}

/** A section's bytes in shared memory. */
function shared(file: string, { offset, length }: PackSection): Uint8Array {
  const bytes = new Uint8Array(new SharedArrayBuffer(length));
  bytes.set(mapFilePart({ file, offset, length }));
  return bytes;
}

async function hashPart(file: string, offset: number, length: number): Promise<string> {
  return withFile(file, async (handle) => {
    const hash = createHash('sha256');
    for (let at = 0; at < length; at += 2 ** 22) {
      hash.update(await readBytes(handle, offset + at, Math.min(2 ** 22, length - at)));
    }
    return hash.digest('hex');
  });
}
