/**
 * Reads and writes safetensors files: 8 bytes of header length, a JSON header, then the tensors' bytes,
 * little-endian, without gaps. Strict on both sides; knows nothing of networks.
 * @source github.com/huggingface/safetensors, "Format"
 */
import * as v from 'valibot';
import { dataError } from '../core/errors.ts';

/** One tensor as it lies in a file. */
export interface StoredTensor {
  readonly shape: readonly number[];
  /** Row-major; its type is the stored one, see `TensorData`. */
  readonly data: TensorData;
}

/** F32, F64, F16 (the bits of each number; float16.ts reads them), I8, I64. */
export type TensorData = Float32Array | Float64Array | Uint16Array | Int8Array | BigInt64Array;

/** The content of a safetensors file. */
export interface Safetensors {
  /** Free text by name; the `__metadata__` of the header. */
  readonly metadata: ReadonlyMap<string, string>;
  /** In the order of the file. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/** The format's own bound on headers. */
const maxHeaderBytes = 100_000_000;
const metadataKey = '__metadata__';
const arrays = {
  F32: Float32Array,
  F64: Float64Array,
  F16: Uint16Array,
  I8: Int8Array,
  I64: BigInt64Array,
} as const;
type DataType = keyof typeof arrays;
const dataTypes = Object.keys(arrays) as readonly DataType[];

const natural = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const entrySchema = v.strictObject({
  dtype: v.string(),
  shape: v.array(natural),
  data_offsets: v.tuple([natural, natural]),
});

/**
 * The file's bytes. Equal tensors and metadata in equal order give equal bytes.
 *
 * Throws a data error for a tensor whose values do not fill its shape, or the reserved name `__metadata__`.
 */
export function encodeSafetensors(file: Safetensors): Uint8Array {
  const entries: [string, unknown][] = [];
  if (file.metadata.size > 0) entries.push([metadataKey, Object.fromEntries(file.metadata)]);
  let offset = 0;
  for (const [name, { shape, data }] of file.tensors) {
    checkTensor(name, shape, data.length);
    const end = offset + data.byteLength;
    const dtype = dataTypes.find((name) => data instanceof arrays[name]);
    entries.push([name, { dtype, shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  // Object.fromEntries would put integer-like names first; the header keeps the tensors' order.
  const json = `{${entries.map(([k, value]) => `${JSON.stringify(k)}:${JSON.stringify(value)}`).join(',')}}`;
  const text = new TextEncoder().encode(json);
  const headerBytes = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(8 + headerBytes + offset).fill(0x20, 8, 8 + headerBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.set(text, 8);
  let at = 8 + headerBytes;
  for (const { data } of file.tensors.values()) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

/**
 * What the bytes hold; `path` names the file in errors.
 *
 * Throws data errors for anything that is not exactly a file of this format: a header that is cut off, too
 * long or no JSON, unknown types, sizes that contradict shapes, gaps, overlaps, missing or surplus bytes.
 */
export function decodeSafetensors(bytes: Uint8Array, path: string): Safetensors {
  const { header, dataStart } = readHeader(bytes, path);
  const metadata = new Map<string, string>();
  const entries: Entry[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === metadataKey) {
      for (const [key, text] of metadataEntries(path, value)) metadata.set(key, text);
    } else {
      entries.push(parseEntry(path, name, value));
    }
  }
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkCoverage(path, entries, bytes.length - dataStart);
  const tensors = new Map<string, StoredTensor>();
  for (const { name, dtype, shape, begin, end } of entries) {
    // A copy, since the bytes need not lie at a multiple of the element's size (Buffer's slice makes none).
    const { buffer } = new Uint8Array(bytes.subarray(dataStart + begin, dataStart + end));
    tensors.set(name, { shape, data: new arrays[dtype](buffer) });
  }
  return { metadata, tensors };
}

interface Entry {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

function corrupt(path: string, rule: string, got?: string, hint?: string): Error {
  return dataError({ path, rule, ...(got !== undefined && { got }), ...(hint && { hint }) });
}

function readHeader(bytes: Uint8Array, path: string) {
  const truncated = 'the file is truncated';
  if (bytes.length < 8) {
    throw corrupt(path, 'must have at least 8 bytes', `${bytes.length}`, truncated);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes)) {
    const rule = `header must be at most ${maxHeaderBytes} bytes`;
    throw corrupt(path, rule, `${length}`, 'this is no safetensors file');
  }
  const dataStart = 8 + Number(length);
  if (dataStart > bytes.length) {
    const got = `${bytes.length} bytes`;
    throw corrupt(path, `must hold its header of ${length} bytes`, got, truncated);
  }
  const header = parseJson(bytes.subarray(8, dataStart), path);
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw corrupt(path, 'header must be a JSON object');
  }
  return { header, dataStart };
}

function parseJson(bytes: Uint8Array, path: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    throw corrupt(path, 'header must be JSON in UTF-8', undefined, 'the file is corrupt');
  }
}

/** By hand, since valibot's record leaves out names such as `constructor`. */
function metadataEntries(path: string, value: unknown): [string, string][] {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : undefined;
  if (
    entries === undefined ||
    Array.isArray(value) ||
    entries.some(([, x]) => typeof x !== 'string')
  ) {
    throw corrupt(path, 'metadata must be texts by name');
  }
  return entries as [string, string][];
}

function parseEntry(path: string, name: string, value: unknown): Entry {
  const parsed = v.safeParse(entrySchema, value);
  if (!parsed.success) {
    const rule = `tensor ${JSON.stringify(name)} must have a dtype, a shape and data_offsets`;
    throw corrupt(path, rule, JSON.stringify(value)?.slice(0, 80));
  }
  const { shape, data_offsets } = parsed.output;
  const [begin, end] = data_offsets;
  const dtype = dataTypes.find((known) => known === parsed.output.dtype);
  if (dtype === undefined) {
    const rule = `tensor ${JSON.stringify(name)} must be of ${dataTypes.join(', ')}`;
    throw corrupt(path, rule, JSON.stringify(parsed.output.dtype));
  }
  const expected = countValues(shape) * arrays[dtype].BYTES_PER_ELEMENT;
  if (end - begin !== expected) {
    const rule = `tensor ${JSON.stringify(name)} of ${dtype} [${shape}] must take ${expected} bytes`;
    throw corrupt(path, rule, `offsets ${begin}…${end}`);
  }
  return { name, dtype, shape, begin, end };
}

/** The tensors lie one behind the other, from the first byte of the data to the last. */
function checkCoverage(path: string, entries: readonly Entry[], dataBytes: number): void {
  let at = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== at) {
      const rule = `tensor ${JSON.stringify(name)} must begin where the one before ends (${at})`;
      throw corrupt(path, rule, `${begin}`, 'the file is corrupt');
    }
    at = end;
  }
  if (at !== dataBytes) {
    const hint = dataBytes < at ? 'the file is truncated' : 'the file is too long';
    throw corrupt(path, `must hold ${at} bytes of tensors`, `${dataBytes}`, hint);
  }
}

function checkTensor(name: string, shape: readonly number[], length: number): void {
  if (name === metadataKey) throw corrupt(name, 'is reserved and cannot name a tensor');
  if (countValues(shape) !== length) {
    throw corrupt(name, `must hold the ${countValues(shape)} values of [${shape}]`, `${length}`);
  }
}

function countValues(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}
