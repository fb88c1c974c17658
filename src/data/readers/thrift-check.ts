/**
 * Walks a struct of Thrift's compact protocol without keeping anything: lengths must fit in the bytes that are there,
 * structs nest only so deep. hyparquet believes lengths, and would take memory for lists that cannot be there.
 * @source thrift-compact-protocol.md
 */

const deepest = 16;

/** Whether a whole, sound struct lies at the beginning of `bytes`. */
export function isSoundStruct(bytes: Uint8Array): boolean {
  return skipStruct(bytes, 0, 0) !== undefined;
}

/** Each skip gives the place behind what it skipped, or undefined. */
type Place = number | undefined;

function skipStruct(bytes: Uint8Array, from: number, depth: number): Place {
  if (depth > deepest) return undefined;
  for (let at: Place = from; at !== undefined; ) {
    const byte: number | undefined = bytes[at];
    if (byte === undefined) return undefined;
    if ((byte & 15) === 0) return at + 1;
    const value: Place = byte >> 4 === 0 ? skipVarint(bytes, at + 1) : at + 1; // a long field number
    at = value === undefined ? undefined : skipValue(bytes, value, byte & 15, depth);
  }
  return undefined;
}

function skipValue(bytes: Uint8Array, at: number, type: number, depth: number): Place {
  switch (type) {
    case 1:
    case 2: // a boolean field is in its type
      return at;
    case 3:
      return within(bytes, at + 1);
    case 4:
    case 5:
    case 6:
      return skipVarint(bytes, at);
    case 7:
      return within(bytes, at + 8);
    case 8: {
      const length = readVarint(bytes, at);
      return length && within(bytes, length.next + length.value);
    }
    case 9:
      return skipList(bytes, at, depth);
    case 12:
      return skipStruct(bytes, at, depth + 1);
    default: // maps, sets and UUIDs do not occur in Parquet
      return undefined;
  }
}

function skipList(bytes: Uint8Array, from: number, depth: number): Place {
  const byte = bytes[from];
  if (byte === undefined) return undefined;
  const long = byte >> 4 === 15 ? readVarint(bytes, from + 1) : undefined;
  if (byte >> 4 === 15 && long === undefined) return undefined;
  const count = long?.value ?? byte >> 4;
  const type = byte & 15;
  let at: Place = long?.next ?? from + 1;
  if (count > bytes.length - at) return undefined; // every element takes a byte at least
  for (let i = 0; i < count && at !== undefined; i++) {
    at = type <= 2 ? within(bytes, at + 1) : skipValue(bytes, at, type, depth + 1);
  }
  return at;
}

function within(bytes: Uint8Array, at: number): Place {
  return at <= bytes.length ? at : undefined;
}

function skipVarint(bytes: Uint8Array, from: number): Place {
  for (let at = from; at < Math.min(bytes.length, from + 10); at++) {
    if (bytes[at]! < 128) return at + 1;
  }
  return undefined;
}

/** A number below 2^35. */
export function readVarint(
  bytes: Uint8Array,
  from: number,
): { readonly value: number; readonly next: number } | undefined {
  let value = 0;
  for (let i = 0; i < 5; i++) {
    const byte = bytes[from + i];
    if (byte === undefined) return undefined;
    value += (byte & 127) * 2 ** (7 * i);
    if (byte < 128) return { value, next: from + i + 1 };
  }
  return undefined;
}
