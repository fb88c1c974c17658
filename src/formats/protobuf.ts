/**
 * Writes and reads protocol buffers: a message is its fields' bytes, one after the other. Only the kinds of fields
 * that ONNX and TensorBoard files need; knows nothing of either.
 * @source protobuf.dev/programming-guides/encoding
 */

const wireTypes = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;
const text = new TextEncoder();

/** An int64, an int32 or an enum; negative numbers take ten bytes. */
export function integerField(field: number, value: number): Uint8Array {
  return concatenate([tag(field, wireTypes.varint), varint(BigInt(value))]);
}

/** A float, little-endian. */
export function floatField(field: number, value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setFloat32(0, value, true);
  return concatenate([tag(field, wireTypes.fixed32), bytes]);
}

/** A double, little-endian. */
export function doubleField(field: number, value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value, true);
  return concatenate([tag(field, wireTypes.fixed64), bytes]);
}

/** A string, as UTF-8. */
export function textField(field: number, value: string): Uint8Array {
  return bytesField(field, text.encode(value));
}

/** Raw bytes. */
export function bytesField(field: number, value: Uint8Array): Uint8Array {
  return concatenate([tag(field, wireTypes.bytes), varint(BigInt(value.length)), value]);
}

/** A message inside a message. */
export function messageField(field: number, fields: readonly Uint8Array[]): Uint8Array {
  return bytesField(field, concatenate(fields));
}

/** Repeated int64, packed. */
export function integersField(field: number, values: readonly number[]): Uint8Array {
  return messageField(
    field,
    values.map((value) => varint(BigInt(value))),
  );
}

/** The pieces as one array. */
export function concatenate(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** One field of a message that is read: a number's bits, or the bytes of a text, a message or packed numbers. */
export type ReadField =
  | { readonly field: number; readonly kind: 'varint'; readonly value: bigint }
  | { readonly field: number; readonly kind: 'bytes'; readonly value: Uint8Array }
  | { readonly field: number; readonly kind: 'fixed32' | 'fixed64'; readonly value: Uint8Array };

/**
 * The fields of a message that are `wanted`, by number, in the order of its bytes, which texts and inner messages share.
 *
 * Throws an Error that says what is wrong when the bytes are no message, or one of more fields than any file has.
 */
export function readFields(bytes: Uint8Array, wanted: readonly number[]): readonly ReadField[] {
  const fields: ReadField[] = [];
  const keep = (field: ReadField) => {
    if (!wanted.includes(field.field)) return;
    if (fields.length === mostFields) throw new Error(`more than ${mostFields} fields`);
    fields.push(field);
  };
  let at = 0;
  const take = (length: number) => {
    if (length > bytes.length - at) throw new Error('a field is cut off');
    at += length;
    return bytes.subarray(at - length, at);
  };
  const number = () => {
    const [value, next] = readVarint(bytes, at);
    at = next;
    return value;
  };
  while (at < bytes.length) {
    const key = Number(number());
    const [field, wire] = [Math.floor(key / 8), key % 8];
    if (wire === wireTypes.varint) keep({ field, kind: 'varint', value: number() });
    else if (wire === wireTypes.bytes) {
      keep({ field, kind: 'bytes', value: take(Number(number())) });
    } else if (wire === wireTypes.fixed32) keep({ field, kind: 'fixed32', value: take(4) });
    else if (wire === wireTypes.fixed64) keep({ field, kind: 'fixed64', value: take(8) });
    else throw new Error(`a field of the unknown kind ${wire}`);
  }
  return fields;
}

/** So that a hostile file cannot take a hundred times its size. */
const mostFields = 100_000;

/** Numbers written one after the other. */
export function readPackedIntegers(bytes: Uint8Array): readonly number[] {
  const values: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    const [value, next] = readVarint(bytes, at);
    values.push(Number(BigInt.asIntN(64, value)));
    at = next;
  }
  return values;
}

/** The number at `from`, and where the bytes after it begin. */
function readVarint(bytes: Uint8Array, from: number): readonly [bigint, number] {
  let value = 0n;
  for (let at = from, shift = 0n; at < bytes.length && shift < 70n; at++, shift += 7n) {
    value |= BigInt(bytes[at]! & 0x7f) << shift;
    if (bytes[at]! < 0x80) return [BigInt.asUintN(64, value), at + 1];
  }
  throw new Error('a number is cut off');
}

function tag(field: number, wireType: number): Uint8Array {
  return varint(BigInt(field * 8 + wireType));
}

/** Seven bits a byte, the lowest first; the top bit says that more follow. */
function varint(value: bigint): Uint8Array {
  let rest = BigInt.asUintN(64, value);
  const bytes: number[] = [];
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
