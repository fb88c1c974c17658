/**
 * Writes protocol buffers: a message is its fields' bytes, one after the other. Only the kinds of fields that
 * ONNX and TensorBoard files need; knows nothing of either.
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

export function concatenate(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
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
