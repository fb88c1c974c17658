/**
 * The values of one flat column of a Parquet row group, page by page. The package hyparquet reads the metadata;
 * pages are read here, because it believes their numbers, and a hostile file would take all memory.
 * Byte arrays and integers, plain or in a dictionary, of at most one value a row: what images and labels need.
 * @source apache/parquet-format: README.md, Encodings.md
 */

import type { FileHandle } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import type { ColumnMetaData } from 'hyparquet';
import { deserializeTCompactProtocol } from 'hyparquet/src/thrift.js';
import { FormatError } from '../format-error.ts';
import { readBytes } from './reading.ts';
import { unpackSnappy } from './snappy.ts';
import { isSoundStruct, readVarint } from './thrift-check.ts';

/** Where a column's pages lie. */
export interface ColumnChunkPlace {
  readonly file: string;
  readonly handle: FileHandle;
  readonly column: ColumnMetaData;
  /** Rows of the row group: as many values, nulls included. */
  readonly rows: number;
  /** Definition level of a value that is there. */
  readonly maxDefinition: number;
}

/** A byte array or an integer. */
export type ColumnValue = Uint8Array | number;

interface PageHeader {
  readonly kind: 'dictionary' | 'data' | 'data2';
  readonly offset: number;
  readonly packedBytes: number;
  readonly bytes: number;
  readonly values: number;
  readonly encoding: number;
  /** data2: bytes of the levels, that are never compressed. */
  readonly levelBytes: number;
  readonly isCompressed: boolean;
}

const headerBytes = 4096;
const mostPageBytes = 2 ** 30;
const plain = 0;
const dictionaryEncodings: ReadonlySet<number> = new Set([2, 8]);
/** Most bytes that one packed byte can become. */
const mostPacked = { UNCOMPRESSED: 1, SNAPPY: 64, GZIP: 1032 } as const;

/** The values of every data page in order. Throws `FormatError`s; a null is one. */
export async function* readColumnPages(
  place: ColumnChunkPlace,
): AsyncGenerator<readonly ColumnValue[]> {
  const { column, rows } = place;
  const dataStart = Number(column.data_page_offset);
  const start = Math.min(dataStart, Number(column.dictionary_page_offset ?? dataStart));
  const end = start + Number(column.total_compressed_size);
  let dictionary: readonly ColumnValue[] | undefined;
  let seen = 0;
  for (let at = start; seen < rows; ) {
    const { header, next } = await readPageHeader(place, at, end);
    const body = await readPageBody(place, header);
    if (header.kind === 'dictionary') {
      dictionary = readPlain(place, header, body, header.values);
    } else {
      const values = readDataPage(place, header, body, dictionary);
      seen += values.length;
      if (seen > rows) throw fault(place, header.offset, `${rows} values`, `${seen} or more`);
      yield values;
    }
    at = next;
  }
}

function fault(
  { file }: ColumnChunkPlace,
  offset: number,
  expected: string,
  got: string,
  cause?: unknown,
): FormatError {
  return new FormatError({ file, offset, expected, got }, { cause });
}

async function readPageHeader(
  place: ColumnChunkPlace,
  at: number,
  end: number,
): Promise<{ readonly header: PageHeader; readonly next: number }> {
  const bytes = await readBytes(place.handle, at, Math.max(0, Math.min(headerBytes, end - at)));
  const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), offset: 0 };
  if (!isSoundStruct(bytes)) throw fault(place, at, 'a page header', 'other bytes');
  const fields: Record<string, unknown> = deserializeTCompactProtocol(reader);
  const offset = at + reader.offset;
  const header = pageHeader(fields, offset);
  const codec = place.column.codec as keyof typeof mostPacked;
  const isSound =
    header !== undefined &&
    header.packedBytes >= 0 &&
    offset + header.packedBytes <= end &&
    header.bytes >= 0 &&
    header.bytes <= Math.min(mostPageBytes, (header.packedBytes + 1) * mostPacked[codec]) &&
    header.values >= 0 &&
    header.values <= place.rows &&
    header.levelBytes >= 0 &&
    header.levelBytes <= Math.min(header.bytes, header.packedBytes);
  if (isSound) return { header, next: offset + header.packedBytes };
  const expected = `a page of at most ${place.rows} values within ${end - offset} bytes`;
  throw fault(place, at, expected, header ? describe(header) : 'another page');
}

function describe({ values, packedBytes, bytes }: PageHeader): string {
  return `${values} values in ${packedBytes} bytes (${bytes} unpacked)`;
}

/** Undefined when fields are missing. Field numbers are parquet.thrift's. */
function pageHeader(fields: Record<string, unknown>, offset: number): PageHeader | undefined {
  const kinds = { 0: 'data', 2: 'dictionary', 3: 'data2' } as const;
  const kind = kinds[fields.field_1 as keyof typeof kinds];
  if (kind === undefined) return undefined;
  const details = fields[{ data: 'field_5', dictionary: 'field_7', data2: 'field_8' }[kind]];
  if (typeof details !== 'object' || details === null) return undefined;
  const inner = details as Record<string, unknown>;
  const isSecond = kind === 'data2';
  const header = {
    kind,
    offset,
    bytes: fields.field_2,
    packedBytes: fields.field_3,
    values: inner.field_1,
    encoding: isSecond ? inner.field_4 : inner.field_2,
    levelBytes: isSecond ? Number(inner.field_5) + Number(inner.field_6) : 0,
    isCompressed: isSecond ? inner.field_7 !== false : true,
  };
  const numbers = [header.bytes, header.packedBytes, header.values, header.encoding];
  return [...numbers, header.levelBytes].every(Number.isSafeInteger)
    ? (header as PageHeader)
    : undefined;
}

/** The page's bytes, unpacked. */
async function readPageBody(place: ColumnChunkPlace, header: PageHeader): Promise<Buffer> {
  const { offset, packedBytes, bytes, levelBytes, isCompressed } = header;
  const packed = await readBytes(place.handle, offset, packedBytes);
  if (packed.length < packedBytes) {
    throw fault(place, offset, `a page of ${packedBytes} bytes`, 'the end of the file');
  }
  const { codec } = place.column;
  if (codec === 'UNCOMPRESSED' || !isCompressed) {
    if (bytes === packedBytes) return packed;
    throw fault(place, offset, `a page of ${bytes} bytes`, `${packedBytes}`);
  }
  const out = Buffer.alloc(bytes);
  packed.copy(out, 0, 0, levelBytes);
  try {
    unpack(codec, packed.subarray(levelBytes), out.subarray(levelBytes));
    return out;
  } catch (cause) {
    throw fault(
      place,
      offset,
      `a page packed with ${codec}`,
      `"${(cause as Error).message}"`,
      cause,
    );
  }
}

function unpack(codec: string, packed: Buffer, out: Buffer): void {
  if (codec === 'SNAPPY') {
    unpackSnappy(packed, out);
    return;
  }
  const bytes = gunzipSync(packed, { maxOutputLength: Math.max(1, out.length) });
  if (bytes.length !== out.length) throw new Error(`${bytes.length} bytes`);
  bytes.copy(out);
}

function readDataPage(
  place: ColumnChunkPlace,
  header: PageHeader,
  body: Buffer,
  dictionary: readonly ColumnValue[] | undefined,
): readonly ColumnValue[] {
  const { offset, values, encoding } = header;
  const at = header.kind === 'data2' ? header.levelBytes : skipLevels(place, header, body);
  if (header.kind === 'data2') checkLevels(place, header, body.subarray(0, at));
  const rest = body.subarray(at);
  if (encoding === plain) return readPlain(place, header, rest, values);
  if (!dictionaryEncodings.has(encoding) || dictionary === undefined) {
    throw fault(place, offset, 'plain or dictionary encoding', `encoding ${encoding}`);
  }
  const width = rest[0] ?? 33;
  const indices = width <= 32 ? readHybrid(rest.subarray(1), width, values) : undefined;
  if (indices === undefined) throw fault(place, offset, `${values} indices`, 'other bytes');
  const beyond = indices.find((index) => index >= dictionary.length);
  if (beyond !== undefined) {
    throw fault(place, offset, `indices below ${dictionary.length}`, String(beyond));
  }
  return Array.from(indices, (index) => dictionary[index]!);
}

/** First kind of data page: the length of the levels stands before them. Returns where the values begin. */
function skipLevels(place: ColumnChunkPlace, header: PageHeader, body: Buffer): number {
  if (place.maxDefinition === 0) return 0;
  const length = body.length < 4 ? Number.POSITIVE_INFINITY : body.readUInt32LE(0);
  if (length > body.length - 4) {
    throw fault(place, header.offset, `levels of at most ${body.length - 4} bytes`, `${length}`);
  }
  checkLevels(place, header, body.subarray(4, 4 + length));
  return 4 + length;
}

/** Every value must be there. */
function checkLevels(place: ColumnChunkPlace, header: PageHeader, bytes: Buffer): void {
  const { maxDefinition } = place;
  if (maxDefinition === 0) return;
  const width = 32 - Math.clz32(maxDefinition);
  const levels = readHybrid(bytes, width, header.values);
  if (levels?.every((level) => level === maxDefinition)) return;
  throw fault(place, header.offset, 'no nulls', levels ? 'a null' : 'other levels');
}

/** `count` numbers of `width` bits, run-length encoded or bit-packed. Undefined when the bytes end before. */
function readHybrid(bytes: Buffer, width: number, count: number): Uint32Array | undefined {
  const out = new Uint32Array(count);
  const valueBytes = Math.ceil(width / 8);
  let at = 0;
  for (let seen = 0; seen < count; ) {
    const run = readVarint(bytes, at);
    if (run === undefined) return undefined;
    at = run.next;
    if (run.value % 2 === 0) {
      if (at + valueBytes > bytes.length || run.value === 0) return undefined;
      const value = valueBytes === 0 ? 0 : bytes.readUIntLE(at, valueBytes);
      const end = Math.min(count, seen + run.value / 2);
      out.fill(value, seen, end);
      seen = end;
      at += valueBytes;
      continue;
    }
    const packed = ((run.value - 1) / 2) * 8;
    if (packed === 0) return undefined;
    const wanted = Math.min(count - seen, packed);
    if (at + Math.ceil((wanted * width) / 8) > bytes.length) return undefined;
    for (let i = 0; i < wanted; i++) out[seen + i] = readBits(bytes, at * 8 + i * width, width);
    seen += wanted;
    at += (packed * width) / 8;
  }
  return out;
}

/** Bits from bit `from` on, the lowest first. */
function readBits(bytes: Buffer, from: number, width: number): number {
  let value = 0;
  for (let bit = 0; bit < width; ) {
    const place = from + bit;
    const taken = Math.min(8 - (place & 7), width - bit);
    const part = (bytes[place >> 3]! >> (place & 7)) & (2 ** taken - 1);
    value += part * 2 ** bit;
    bit += taken;
  }
  return value;
}

/** `count` values one behind the other; byte arrays are views of `bytes`. */
function readPlain(
  place: ColumnChunkPlace,
  { offset }: PageHeader,
  bytes: Buffer,
  count: number,
): readonly ColumnValue[] {
  const { type } = place.column;
  const tooShort = () => fault(place, offset, `${count} values`, `the end of the page`);
  if (type === 'BYTE_ARRAY') {
    const values: Uint8Array[] = [];
    for (let at = 0; values.length < count; ) {
      const length = at + 4 <= bytes.length ? bytes.readUInt32LE(at) : Number.POSITIVE_INFINITY;
      if (at + 4 + length > bytes.length) throw tooShort();
      values.push(bytes.subarray(at + 4, at + 4 + length));
      at += 4 + length;
    }
    return values;
  }
  const size = type === 'INT32' ? 4 : 8;
  if (bytes.length < count * size) throw tooShort();
  return Array.from({ length: count }, (_, i) =>
    size === 4 ? bytes.readInt32LE(4 * i) : Number(bytes.readBigInt64LE(8 * i)),
  );
}

/** Whether the pages of a column can be read here. */
export function isReadable({ type, codec }: ColumnMetaData): boolean {
  return Object.hasOwn(mostPacked, codec) && ['BYTE_ARRAY', 'INT32', 'INT64'].includes(type);
}
