/**
 * Finds the variables of a MATLAB v5 file and reads the numbers of one, streaming: compressed ones are inflated on
 * the way and never beyond what their header declares. Numeric arrays only; others are passed over.
 * @source MathWorks, "MAT-File Format", version 5
 */

import type { FileHandle } from 'node:fs/promises';
import { FormatError } from '../format-error.ts';
import { type ByteSource, type ByteStream, openByteStream } from './byte-stream.ts';
import { withFile } from './reading.ts';

/** A numeric array of the file, in column-major order. */
export interface MatVariable {
  readonly name: string;
  /** At least two. */
  readonly dimensions: readonly number[];
  /** How its numbers are stored. */
  readonly type: MatNumber;
  /** Number of values. */
  readonly length: number;
  /** Bytes behind them, up to a multiple of 8. */
  readonly paddingBytes: number;
  /** A stream that stands before the first number; `expectEndOfNumbers` reads what follows the last one. */
  openNumbers(): Promise<ByteStream>;
  /** Bytes are in this order. */
  readonly littleEndian: boolean;
}

export type MatNumber = keyof typeof numberBytes;

const numberBytes = {
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  single: 4,
  double: 8,
} as const;

/** Types of elements that are numbers. */
const numberTypes: Readonly<Record<number, MatNumber>> = {
  1: 'int8',
  2: 'uint8',
  3: 'int16',
  4: 'uint16',
  5: 'int32',
  6: 'uint32',
  7: 'single',
  9: 'double',
};
const matrixType = 14;
const compressedType = 15;
/** Classes 6 to 15 of array flags are numeric. */
const numericClass = (flags: number) => (flags & 0xff) >= 6 && (flags & 0xff) <= 15;
const complexFlag = 0x0800;
const headerBytes = 128;
const longestName = 63; // MATLAB's own
const mostVariables = 1000;

/** All numeric variables of the file, by name. Throws `FormatError`s. */
export async function readMatVariables(file: string): Promise<ReadonlyMap<string, MatVariable>> {
  return withFile(file, async (handle) => {
    const { size } = await handle.stat();
    const littleEndian = await readFileHeader(file, handle);
    const variables = new Map<string, MatVariable>();
    for (let at = headerBytes, n = 0; at < size && n < mostVariables; n++) {
      const element = await readTopTag(file, handle, { at, size, littleEndian });
      const variable = await readVariable(element, littleEndian);
      if (variable) variables.set(variable.name, variable);
      at = element.end;
    }
    return variables;
  });
}

/** Whether numbers are little-endian. */
async function readFileHeader(file: string, handle: FileHandle): Promise<boolean> {
  const header = Buffer.alloc(headerBytes);
  const { bytesRead } = await handle.read(header, 0, headerBytes, 0);
  const order = header.toString('latin1', 126, 128);
  if (bytesRead === headerBytes && (order === 'IM' || order === 'MI')) {
    const littleEndian = order === 'IM';
    const version = littleEndian ? header.readUInt16LE(124) : header.readUInt16BE(124);
    if (version === 0x0100) return littleEndian;
  }
  throw new FormatError({
    file,
    offset: 124,
    expected: 'the header of a MATLAB v5 file',
    got: bytesRead < headerBytes ? `the end after ${bytesRead} bytes` : JSON.stringify(order),
  });
}

interface Place {
  readonly at: number;
  readonly size: number;
  readonly littleEndian: boolean;
}

/** The bytes of an element at the top of the file, and whether they are compressed. */
async function readTopTag(
  file: string,
  handle: FileHandle,
  { at, size, littleEndian }: Place,
): Promise<ByteSource & { readonly end: number }> {
  const tag = Buffer.alloc(8);
  const { bytesRead } = await handle.read(tag, 0, 8, at);
  const read = (offset: number) =>
    littleEndian ? tag.readUInt32LE(offset) : tag.readUInt32BE(offset);
  const [type, length] = [read(0), read(4)];
  const isKnown = type === matrixType || type === compressedType;
  if (bytesRead === 8 && isKnown && length <= size - at - 8) {
    // A matrix's own tag belongs to what is read of it, as it does inside a compressed element.
    const start = type === matrixType ? at : at + 8;
    return {
      file,
      packing: type === matrixType ? 'plain' : 'zlib',
      start,
      end: at + 8 + length,
    };
  }
  throw new FormatError({
    file,
    offset: at,
    expected: `an array of at most ${Math.max(0, size - at - 8)} bytes (type 14 or 15)`,
    got: bytesRead < 8 ? 'the end of the file' : `type ${type} of ${length} bytes`,
  });
}

/** Undefined for an array that is not numeric. */
async function readVariable(
  source: ByteSource,
  littleEndian: boolean,
): Promise<MatVariable | undefined> {
  const stream = openByteStream(source);
  try {
    const shape = await readMatrixHeader(source.file, stream, littleEndian);
    if (shape === undefined) return undefined;
    return {
      ...shape,
      littleEndian,
      async openNumbers() {
        const numbers = openByteStream(source);
        try {
          await readMatrixHeader(source.file, numbers, littleEndian);
          return numbers;
        } catch (error) {
          numbers.close();
          throw error;
        }
      },
    };
  } finally {
    stream.close();
  }
}

type MatShape = Pick<MatVariable, 'name' | 'dimensions' | 'type' | 'length' | 'paddingBytes'>;

/** Reads up to the first number. Undefined for an array that is not numeric, or complex. */
async function readMatrixHeader(
  file: string,
  stream: ByteStream,
  littleEndian: boolean,
): Promise<MatShape | undefined> {
  const elements = elementReader(file, stream, littleEndian);
  const matrix = await elements.tag('an array');
  if (matrix.type !== matrixType) throw elements.fault('an array (type 14)', `type ${matrix.type}`);
  const flags = await elements.numbers('the array flags', 8);
  if (!numericClass(flags[0] ?? 0) || (flags[0]! & complexFlag) !== 0) return undefined;
  const dimensions = await elements.numbers('the dimensions', 64);
  if (dimensions.length < 2 || dimensions.some((n) => n > 0x7fff_ffff)) {
    throw elements.fault('at least two dimensions below 2^31', dimensions.join('×') || 'none');
  }
  const name = (await elements.bytes('the name', longestName)).toString('latin1');
  const data = await elements.tag('the numbers');
  const type = numberTypes[data.type];
  if (type === undefined) throw elements.fault('numbers', `type ${data.type}`);
  const length = dimensions.reduce((product, n) => product * n, 1);
  if (data.length === length * numberBytes[type]) {
    const paddingBytes = data.isSmall ? 4 - data.length : (8 - (data.length % 8)) % 8;
    return { name, dimensions, type, length, paddingBytes };
  }
  throw elements.fault(
    `${length * numberBytes[type]} bytes for ${dimensions.join('×')} of ${type}`,
    `${data.length} bytes`,
  );
}

interface ElementReader {
  tag(what: string): Promise<{
    readonly type: number;
    readonly length: number;
    /** Up to 4 bytes stand in the tag's own 8. */
    readonly isSmall: boolean;
  }>;
  bytes(what: string, most: number): Promise<Buffer>;
  /** An element of 32-bit numbers. */
  numbers(what: string, mostBytes: number): Promise<readonly number[]>;
  fault(expected: string, got: string): FormatError;
}

/** Reads the elements inside an array: a tag, then bytes to a multiple of 8; small ones have both in 8 bytes. */
function elementReader(file: string, stream: ByteStream, littleEndian: boolean): ElementReader {
  const word = (bytes: Buffer, at: number) =>
    littleEndian ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
  const fault = (expected: string, got: string) =>
    new FormatError({ file, offset: stream.offset, expected, got });
  const readTag = async (what: string) => {
    const first = word(await stream.read(4, `the tag of ${what}`), 0);
    const isSmall = first >>> 16 !== 0;
    if (isSmall) return { type: first & 0xffff, length: first >>> 16, isSmall };
    return { type: first, length: word(await stream.read(4, `the length of ${what}`), 0), isSmall };
  };
  const reader: ElementReader = {
    fault,
    tag: readTag,
    async bytes(what, most) {
      const { length, isSmall } = await readTag(what);
      if (length > (isSmall ? 4 : most)) {
        throw fault(`${what} of at most ${most} bytes`, `${length} bytes`);
      }
      const padded = isSmall ? 4 : Math.ceil(length / 8) * 8;
      return (await stream.read(padded, what)).subarray(0, length);
    },
    async numbers(what, mostBytes) {
      const bytes = await reader.bytes(what, mostBytes);
      return Array.from({ length: bytes.length >> 2 }, (_, i) => word(bytes, 4 * i));
    },
  };
  return reader;
}

/** Throws when the array goes on behind its last number, or its checksum is wrong. */
export async function expectEndOfNumbers(
  { paddingBytes }: MatVariable,
  numbers: ByteStream,
): Promise<void> {
  await numbers.read(paddingBytes, 'the padding');
  await numbers.expectEnd();
}

/** Reads all numbers of a variable that is known to be small. */
export async function readNumbers(variable: MatVariable): Promise<Float64Array> {
  const { length, type, littleEndian } = variable;
  const stream = await variable.openNumbers();
  try {
    const size = numberBytes[type];
    const bytes = await stream.read(length * size, `the numbers of ${variable.name}`);
    await expectEndOfNumbers(variable, stream);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const read = numberReaders[type];
    return Float64Array.from({ length }, (_, i) => read(view, i * size, littleEndian));
  } finally {
    stream.close();
  }
}

const numberReaders = {
  int8: (view, at) => view.getInt8(at),
  uint8: (view, at) => view.getUint8(at),
  int16: (view, at, little) => view.getInt16(at, little),
  uint16: (view, at, little) => view.getUint16(at, little),
  int32: (view, at, little) => view.getInt32(at, little),
  uint32: (view, at, little) => view.getUint32(at, little),
  single: (view, at, little) => view.getFloat32(at, little),
  double: (view, at, little) => view.getFloat64(at, little),
} as const satisfies Record<MatNumber, (view: DataView, at: number, little: boolean) => number>;
