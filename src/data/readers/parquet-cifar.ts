/**
 * CIFAR-10 and CIFAR-100 as Hugging Face has them: Parquet files of PNG images and labels, one or several a split
 * (`train-00000-of-00001.parquet`), in the folder or one below it (`plain_text`, `cifar100`).
 * @source huggingface.co/datasets/uoft-cs/cifar10 and …/cifar100
 */

import { type FileHandle, open, readdir } from 'node:fs/promises';
import path from 'node:path';
import { decode } from 'fast-png';
import { type FileMetaData, parquetMetadata, type RowGroup } from 'hyparquet';
import { FormatError } from '../format-error.ts';
import type { DatasetSource, ImageChunk, SplitSource } from '../source.ts';
import { cifar10Labels, fineLabels } from './cifar-labels.ts';
import { type ColumnValue, isReadable, readColumnPages } from './parquet-pages.ts';
import { readBytes, withFile } from './reading.ts';
import { isSoundStruct } from './thrift-check.ts';

const side = 32;
const area = side * side;
const mostRows = 2 ** 20;
const mostMetadata = 2 ** 24;
/** A PNG of 32×32 has at most 8 KiB of pixels; what inflates from 32 KiB stays small, whatever it claims. */
const mostPngBytes = 2 ** 15;
const chunkImages = 1000;

/** Where the columns may be called. */
const imageColumns = ['img', 'image'];
const labelColumns = { cifar10: ['label', 'labels'], cifar100: ['fine_label', 'fine_labels'] };
const classNames = {
  cifar10: cifar10Labels,
  cifar100: fineLabels,
};

/** A split's files, sorted: a part of each, in order. */
export interface ParquetFiles {
  readonly train: readonly string[];
  readonly test: readonly string[];
}

/** The Parquet files of train and test in a folder or one below it; undefined when it has none. */
export async function findParquet(dir: string): Promise<ParquetFiles | undefined> {
  const below = await readdir(dir, { withFileTypes: true }).catch(() => []);
  const folders = below.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  for (const folder of ['.', ...folders.sort()]) {
    const place = path.join(dir, folder);
    const names = (await readdir(place).catch(() => [])).filter((name) => /\.parquet$/.test(name));
    const split = (prefix: string) =>
      names
        .filter((name) => name.startsWith(prefix))
        .sort()
        .map((name) => path.join(place, name));
    const files = { train: split('train'), test: split('test') };
    if (files.train.length > 0 && files.test.length > 0) return files;
  }
  return undefined;
}

/** Whether a file has the fine labels of CIFAR-100. Throws `FormatError`s. */
export async function isFineLabelled(file: string): Promise<boolean> {
  const { schema } = await withFile(file, async (handle) => {
    return (await readMetadata(file, handle)).metadata;
  });
  return schema.some(({ name }) => labelColumns.cifar100.includes(name));
}

/** Opens the Parquet layout of CIFAR-10, or CIFAR-100 with its fine labels. Throws `FormatError`s. */
export async function openParquetCifar(
  name: 'cifar10' | 'cifar100',
  { train, test }: ParquetFiles,
): Promise<DatasetSource> {
  return {
    name,
    classes: classNames[name],
    train: await openSplit(name, train),
    test: await openSplit(name, test),
  };
}

/** A file whose metadata is checked. */
interface Shard {
  readonly file: string;
  readonly groups: readonly GroupColumns[];
}

/** The columns of one row group that are read; the labels have been. */
interface GroupColumns {
  readonly rows: number;
  readonly image: ColumnPlace;
  readonly labels: Uint8Array;
}

type ColumnPlace = Pick<Parameters<typeof readColumnPages>[0], 'column' | 'maxDefinition'>;

async function openSplit(
  name: 'cifar10' | 'cifar100',
  files: readonly string[],
): Promise<SplitSource> {
  const shards: Shard[] = [];
  for (const file of files) shards.push(await openShard(name, file));
  const rows = shards.flatMap(({ groups }) => groups.map((group) => group.rows));
  const count = rows.reduce((sum, n) => sum + n, 0);
  if (count < 1 || count > mostRows) {
    const expected = `from 1 to ${mostRows} rows`;
    throw new FormatError({ file: files[0]!, offset: 0, expected, got: String(count) });
  }
  return {
    channels: 3,
    height: side,
    width: side,
    maxValue: 255,
    count,
    async *chunks() {
      for (const shard of shards) yield* readShard(shard);
    },
  };
}

async function openShard(name: 'cifar10' | 'cifar100', file: string): Promise<Shard> {
  return withFile(file, async (handle) => {
    const { metadata, size } = await readMetadata(file, handle);
    const groups: GroupColumns[] = [];
    for (const group of metadata.row_groups) {
      const { rows, image, label } = findColumns(name, file, size, metadata, group);
      // Before anything is allocated for as many images, there are as many labels.
      const labels: number[] = [];
      for await (const values of readColumnPages({ file, handle, rows, ...label })) {
        for (const value of values) labels.push(checkLabel(file, value, classNames[name].length));
      }
      groups.push({ rows, image, labels: Uint8Array.from(labels) });
    }
    return { file, groups };
  });
}

async function readMetadata(
  file: string,
  handle: FileHandle,
): Promise<{ readonly metadata: FileMetaData; readonly size: number }> {
  const { size } = await handle.stat();
  const tail = await readBytes(handle, Math.max(0, size - 8), 8);
  const length = tail.length === 8 ? tail.readUInt32LE(0) : 0;
  const most = Math.min(mostMetadata, size - 12);
  if (tail.toString('latin1', 4) !== 'PAR1' || length < 1 || length > most) {
    const got = `${length} bytes before ${JSON.stringify(tail.toString('latin1', 4))}`;
    const expected = `metadata of 1 to ${Math.max(1, most)} bytes before "PAR1"`;
    throw new FormatError({ file, offset: Math.max(0, size - 8), expected, got });
  }
  const offset = size - 8 - length;
  const bytes = await readBytes(handle, offset, length + 8);
  try {
    if (!isSoundStruct(bytes.subarray(0, length))) throw new Error('not a Thrift struct');
    return { metadata: parquetMetadata(bytes, { geoparquet: false }), size };
  } catch (cause) {
    const got = `"${(cause as Error).message}"`;
    throw new FormatError({ file, offset, expected: 'Parquet metadata', got }, { cause });
  }
}

function findColumns(
  name: 'cifar10' | 'cifar100',
  file: string,
  size: number,
  metadata: FileMetaData,
  group: RowGroup,
): { readonly rows: number; readonly image: ColumnPlace; readonly label: ColumnPlace } {
  const rows = Number(group.num_rows);
  const find = (what: string, type: RegExp, paths: readonly string[]): ColumnPlace => {
    const columns = group.columns.map(({ meta_data }) => meta_data);
    const column = columns.find((one) => one && paths.includes(one.path_in_schema?.join('.')));
    const depth = column && definitionDepth(metadata, column.path_in_schema);
    const start = Number(column?.dictionary_page_offset ?? column?.data_page_offset);
    const end = start + Number(column?.total_compressed_size);
    const isSound =
      column && isReadable(column) && type.test(column.type) && start >= 4 && end <= size;
    if (isSound && depth !== undefined) return { column, maxDefinition: depth };
    throw new FormatError({
      file,
      offset: size - 8,
      expected: `a flat column ${paths.join(' or ')} of ${what}, packed with Snappy, gzip or not`,
      got: column
        ? `${column.type} ${column.codec} at ${start}…${end}`
        : columns.map((one) => one?.path_in_schema?.join('.')).join(', ') || 'no columns',
    });
  };
  if (!(rows >= 0 && rows <= mostRows)) {
    const expected = `row groups of at most ${mostRows} rows`;
    throw new FormatError({ file, offset: size - 8, expected, got: String(rows) });
  }
  const image = find(
    'PNG files',
    /^BYTE_ARRAY$/,
    imageColumns.map((of) => `${of}.bytes`),
  );
  return { rows, image, label: find('integers', /^INT(32|64)$/, labelColumns[name]) };
}

/** How many of a path's elements are optional; undefined when one is repeated or not in the schema. */
function definitionDepth({ schema }: FileMetaData, names: readonly string[]): number | undefined {
  let depth = 0;
  let at = 0;
  for (const name of names) {
    const found = schema.findIndex((element, i) => i > at && element.name === name);
    if (found < 0 || schema[found]!.repetition_type === 'REPEATED') return undefined;
    if (schema[found]!.repetition_type !== 'REQUIRED') depth++;
    at = found;
  }
  return depth;
}

async function* readShard({ file, groups }: Shard): AsyncGenerator<ImageChunk> {
  await withFile(file, async () => {}); // names the file when it cannot be opened
  const handle = await open(file);
  try {
    for (const { rows, image, labels } of groups) {
      let seen = 0;
      for await (const values of readColumnPages({ file, handle, rows, ...image })) {
        for (let first = 0; first < values.length; first += chunkImages) {
          const files = values.slice(first, first + chunkImages);
          const pixels = new Uint8Array(files.length * 3 * area);
          for (const [i, png] of files.entries()) writePixels(pixels, i, file, png as Uint8Array);
          yield { pixels, labels: labels.subarray(seen, seen + files.length) };
          seen += files.length;
        }
      }
    }
  } finally {
    await handle.close();
  }
}

function checkLabel(file: string, value: ColumnValue, classes: number): number {
  const label = Number(value);
  if (label >= 0 && label < classes) return label;
  const expected = `a label below ${classes}`;
  throw new FormatError({ file, offset: 0, expected, got: String(label) });
}

/** Writes a PNG as planar pixels of place `to`. */
function writePixels(out: Uint8Array, to: number, file: string, png: Uint8Array): void {
  const fault = (got: string, cause?: unknown) => {
    const expected = `a PNG of 32×32 in 8-bit RGB, of at most ${mostPngBytes} bytes`;
    return new FormatError({ file, offset: 0, expected, got }, { cause });
  };
  const view = new DataView(png.buffer, png.byteOffset, png.length);
  const isSized = png.length >= 24 && view.getUint32(16) === side && view.getUint32(20) === side;
  if (!isSized || png.length > mostPngBytes) throw fault(`${png.length} bytes of another kind`);
  let image: ReturnType<typeof decode>;
  try {
    image = decode(png, { checkCrc: true });
  } catch (cause) {
    throw fault(`"${(cause as Error).message}"`, cause);
  }
  const { data, channels, depth, width, height } = image;
  if (channels !== 3 || depth !== 8 || width !== side || height !== side) {
    throw fault(`${width}×${height}, ${channels} channels of ${depth} bits`);
  }
  for (let c = 0, at = to * 3 * area; c < 3; c++) {
    for (let i = 0; i < area; i++) out[at++] = data[3 * i + c]!;
  }
}
