/**
 * Writes a data set as one packed file, streaming: no split is in memory. The file appears under its name when it
 * is whole and on the disk.
 */

import { createHash } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { writePiece } from '../../core/durable-files.ts';
import { dataError, IgcError } from '../../core/errors.ts';
import type { AnyImageSet, SplitName } from '../dataset.ts';
import { readEncoded } from '../images/encoded-images.ts';
import { mappingUnit } from '../mapped-file.ts';
import type { SplitSource } from '../source.ts';
import { type PackHeader, type PackSection, type PackSplit, packMagic } from './pack-layout.ts';
import { sourceOf } from './split-of-set.ts';

/** What is packed: splits that stream from disk, or that are open already. */
export interface PackInput {
  readonly name: string;
  readonly classes: readonly string[];
  readonly train: SplitSource | AnyImageSet;
  readonly validation?: SplitSource | AnyImageSet;
  readonly test: SplitSource | AnyImageSet;
}

/** Told after every some images; what it throws ends the packing, and nothing is left behind. */
export type PackProgress = (split: SplitName, done: number, count: number) => void;

/** Most bytes of a packed split of pixels: what Node 20 can map as one array. */
const mostPixelBytes = 2 ** 32 - 1;

/**
 * Packs `input` into `file` and returns the header that was written.
 *
 * Throws `FormatError`s of the source, a data error for a split too large, a failure when the file cannot be written;
 * nothing is left behind then.
 */
export async function writePack(
  file: string,
  input: PackInput,
  onProgress: PackProgress = () => {},
): Promise<PackHeader> {
  const fresh = `${file}.${process.pid}.new`;
  try {
    const handle = await open(fresh, 'wx');
    try {
      const header = await writeSplits(handle, input, onProgress);
      await handle.sync();
      await handle.close();
      await rename(fresh, file);
      return header;
    } finally {
      await handle.close().catch(() => {});
    }
  } catch (error) {
    await rm(fresh, { force: true });
    throw asWriteError(file, fresh, error);
  }
}

async function writeSplits(
  handle: FileHandle,
  input: PackInput,
  onProgress: PackProgress,
): Promise<PackHeader> {
  const splits = (['train', 'validation', 'test'] as const).flatMap((split) => {
    const set = input[split];
    return set === undefined ? [] : [{ split, set }];
  });
  for (const { split, set } of splits) checkSize(input.name, split, set);
  const { name, classes } = input;
  const planned = { name, classes: [...classes], splits: splits.map(planSplit) };
  const writer = makeWriter(handle, alignUp(12 + headerBytes(planned).length + headerSlack));
  const written: PackSplit[] = [];
  for (const { split, set } of splits) {
    written.push(
      await writeSplit(writer, split, set, (done) => onProgress(split, done, set.count)),
    );
  }
  const header = { ...planned, splits: written };
  const bytes = headerBytes(header);
  const start = Buffer.alloc(12);
  start.write(packMagic, 'latin1');
  start.writeUInt32LE(bytes.length, 8);
  await handle.write(Buffer.concat([start, bytes]), 0, 12 + bytes.length, 0);
  return header;
}

/** Offsets and lengths are not known before they are written: room for 16 digits each in every section. */
const headerSlack = 3 * 3 * 32;

/** A split's row of the header with nothing in its sections yet: as long as it can become but for the digits. */
function planSplit({
  split,
  set,
}: {
  split: SplitName;
  set: SplitSource | AnyImageSet;
}): PackSplit {
  const { channels, height, width, count, maxValue } = set;
  const empty: PackSection = { offset: 0, length: 0, sha256: '0'.repeat(64) };
  const shape = { split, channels, height, width, count, maxValue, labels: empty };
  return 'encoded' in set
    ? { kind: 'encoded', ...shape, bytes: empty, ends: empty }
    : { kind: 'pixels', ...shape, pixels: empty };
}

function headerBytes(header: PackHeader): Buffer {
  return Buffer.from(JSON.stringify(header));
}

async function writeSplit(
  writer: PackWriter,
  split: SplitName,
  set: SplitSource | AnyImageSet,
  onProgress: (done: number) => void,
): Promise<PackSplit> {
  const plan = planSplit({ split, set });
  const labels = new Uint16Array(set.count);
  if ('encoded' in set) {
    labels.set(set.labels);
    const ends = new Float64Array(set.count);
    writer.begin();
    for (let i = 0, end = 0; i < set.count; i++) {
      const bytes = await readEncoded(set.encoded, i);
      await writer.write(bytes);
      end += bytes.length;
      ends[i] = end;
      onProgress(i + 1);
    }
    const bytes = writer.end();
    const sections = {
      bytes,
      ends: await writer.section(ends),
      labels: await writer.section(labels),
    };
    return { ...plan, kind: 'encoded', ...sections };
  }
  const source = 'chunks' in set ? set : sourceOf(set);
  let done = 0;
  writer.begin();
  for await (const chunk of source.chunks()) {
    await writer.write(chunk.pixels);
    labels.set(chunk.labels, done);
    done += chunk.labels.length;
    onProgress(done);
  }
  const pixels = writer.end();
  return { ...plan, kind: 'pixels', pixels, labels: await writer.section(labels) };
}

interface PackWriter {
  begin(): void;
  write(bytes: Uint8Array): Promise<void>;
  end(): PackSection;
  /** A section of one array. */
  section(values: Uint16Array | Float64Array): Promise<PackSection>;
}

function makeWriter(handle: FileHandle, first: number): PackWriter {
  let offset = first;
  let at = first;
  let hash = createHash('sha256');
  const writer: PackWriter = {
    begin() {
      offset = alignUp(at);
      at = offset;
      hash = createHash('sha256');
    },
    async write(bytes) {
      hash.update(bytes);
      await writePiece(handle, bytes, at);
      at += bytes.length;
    },
    end: () => ({ offset, length: at - offset, sha256: hash.digest('hex') }),
    async section(values) {
      writer.begin();
      await writer.write(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
      return writer.end();
    },
  };
  return writer;
}

function alignUp(offset: number): number {
  return Math.ceil(offset / mappingUnit) * mappingUnit;
}

function checkSize(name: string, split: SplitName, set: SplitSource | AnyImageSet): void {
  const bytes = set.count * set.channels * set.height * set.width;
  if ('encoded' in set || bytes <= mostPixelBytes) return;
  throw dataError({
    path: name,
    rule: `the pixels of ${split} must take less than 4 GiB to be packed`,
    got: `${(bytes / 2 ** 30).toFixed(1)} GiB`,
    hint: 'choose smaller images, or pack it as imagenet, whose images stay encoded',
  });
}

function asWriteError(file: string, fresh: string, error: unknown): unknown {
  if (error instanceof IgcError || !(error instanceof Error) || !('code' in error)) return error;
  const isOurs = !('path' in error) || error.path === fresh;
  if (!isOurs) return error;
  const message = `${file}: must be writable, got ${String(error.code)}`;
  return new IgcError('failure', message, { cause: error });
}
