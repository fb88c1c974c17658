/**
 * TensorBoard's event files: records of (length, its checksum, an Event, its checksum). Only scalars are written.
 * @source tensorflow: core/lib/io/record_writer.cc, core/util/event.proto, core/framework/summary.proto
 */
import {
  bytesField,
  concatenate,
  doubleField,
  floatField,
  integerField,
  messageField,
  textField,
} from './protobuf.ts';

/** Numbers at one step, by their names (`test/accuracy`). */
export interface ScalarEvent {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step: number;
  readonly scalars: Readonly<Record<string, number>>;
}

/** What a file begins with: its version. */
export function fileHeader(wallTime: number): Uint8Array {
  return record([doubleField(1, wallTime), textField(3, 'brain.Event:2')]);
}

/** One event with a value for each scalar. */
export function scalarEvent({ wallTime, step, scalars }: ScalarEvent): Uint8Array {
  const values = Object.entries(scalars).map(([name, value]) =>
    messageField(1, [textField(1, name), floatField(2, value)]),
  );
  return record([
    doubleField(1, wallTime),
    integerField(2, step),
    bytesField(5, concatenate(values)),
  ]);
}

/** uint64 length, its masked CRC-32C, the bytes, their masked CRC-32C; little-endian. */
function record(fields: readonly Uint8Array[]): Uint8Array {
  const data = concatenate(fields);
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(data.length), true);
  return concatenate([length, maskedChecksum(length), data, maskedChecksum(data)]);
}

function maskedChecksum(bytes: Uint8Array): Uint8Array {
  const crc = crc32c(bytes);
  const masked = (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, masked, true);
  return out;
}

/** CRC-32C (Castagnoli), of which Node has none. */
function crc32c(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) crc = crcTable[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

const crcTable = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});
