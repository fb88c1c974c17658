/**
 * Reads a file from its beginning in pieces of wanted lengths, plain or unpacked on the way, so that memory is bounded
 * by the largest piece. What is missing or too much is a `FormatError` at its byte.
 */

import { createReadStream } from 'node:fs';
import { createGunzip, createInflate } from 'node:zlib';
import { FormatError } from '../format-error.ts';
import { unreadable } from './reading.ts';

/** How the bytes lie in the file. */
export type Packing = 'plain' | 'gzip' | 'zlib';

/** A part of a file, all of it by default. */
export interface ByteSource {
  readonly file: string;
  readonly packing: Packing;
  /** The bytes [start, end) of the file. */
  readonly start?: number;
  readonly end?: number;
}

/** Bytes one after the other; offsets count unpacked bytes. Close it in every case. */
export interface ByteStream {
  readonly offset: number;
  /** The next `length` bytes; `what` says what they are, for the error. */
  read(length: number, what: string): Promise<Buffer>;
  /** Throws when there is another byte; checks the checksum of packed bytes. */
  expectEnd(): Promise<void>;
  close(): void;
}

const pieceBytes = 2 ** 18;

/** Opens a stream; the file is opened with the first read. */
export function openByteStream(source: ByteSource): ByteStream {
  const { file } = source;
  const { pieces, close } = openPieces(source);
  const iterator = pieces[Symbol.asyncIterator]();
  let piece: Buffer = Buffer.alloc(0);
  let offset = 0;
  const next = async (): Promise<boolean> => {
    try {
      const { done, value } = await iterator.next();
      if (done) return false;
      piece = value;
      return true;
    } catch (cause) {
      throw streamError(source, offset, cause);
    }
  };
  return {
    get offset() {
      return offset;
    },
    async read(length, what) {
      const parts: Buffer[] = [];
      let missing = length;
      while (missing > 0) {
        if (piece.length === 0 && !(await next())) {
          const expected = `${what} (${length} bytes)`;
          const got = `the end after ${length - missing}`;
          throw new FormatError({ file, offset, expected, got, hint: 'the file is truncated' });
        }
        const part = piece.subarray(0, missing);
        piece = piece.subarray(part.length);
        missing -= part.length;
        parts.push(part);
      }
      offset += length;
      return parts.length === 1 ? parts[0]! : Buffer.concat(parts, length);
    },
    async expectEnd() {
      while (piece.length === 0) if (!(await next())) return;
      throw new FormatError({ file, offset, expected: 'the end of the file', got: 'more bytes' });
    },
    close,
  };
}

function openPieces({ file, packing, start, end }: ByteSource): {
  readonly pieces: AsyncIterable<Buffer>;
  readonly close: () => void;
} {
  if (end !== undefined && end <= (start ?? 0)) return { pieces: nothing(), close: () => {} };
  const range = { start: start ?? 0, ...(end !== undefined && { end: end - 1 }) };
  const bytes = createReadStream(file, { ...range, highWaterMark: pieceBytes });
  if (packing === 'plain') return { pieces: bytes, close: () => bytes.destroy() };
  const unpack = { gzip: createGunzip, zlib: createInflate }[packing]({ chunkSize: pieceBytes });
  bytes.on('error', (error) => unpack.destroy(error));
  bytes.pipe(unpack);
  const close = () => {
    bytes.destroy();
    unpack.destroy();
  };
  return { pieces: unpack, close };
}

async function* nothing(): AsyncGenerator<Buffer> {}

/** Errors of zlib are the file's, others the system's. */
function streamError({ file, packing }: ByteSource, offset: number, cause: unknown): unknown {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (!/^Z_|^ERR_/.test(code)) return unreadable(file, file, cause);
  const got = `"${(cause as Error).message}"`;
  return new FormatError({ file, offset, expected: `${packing} data`, got }, { cause });
}
