/**
 * Unpacks raw Snappy. hyparquet's own loops for seconds, and may for ever, over lengths that damaged bytes can say.
 * @source google/snappy, format_description.txt
 */

/** Unpacks all of `packed` into all of `out`. Throws an Error with the reason. */
export function unpackSnappy(packed: Uint8Array, out: Uint8Array): void {
  let from = skipLength(packed, out.length);
  let to = 0;
  while (from < packed.length) {
    const tag = packed[from++]!;
    if ((tag & 3) === 0) {
      const more = Math.max(0, (tag >> 2) - 59); // bytes of the length, when it does not fit in the tag
      const length = 1 + (more === 0 ? tag >> 2 : readLittle(packed, from, more));
      from += more;
      if (from + length > packed.length || to + length > out.length) {
        throw new Error('a literal beyond the end');
      }
      out.set(packed.subarray(from, from + length), to);
      from += length;
      to += length;
      continue;
    }
    const isShort = (tag & 3) === 1;
    const offsetBytes = isShort ? 1 : (tag & 3) === 2 ? 2 : 4;
    const length = isShort ? 4 + ((tag >> 2) & 7) : 1 + (tag >> 2);
    const offset = readLittle(packed, from, offsetBytes) + (isShort ? (tag >> 5) * 256 : 0);
    from += offsetBytes;
    if (offset === 0 || offset > to || to + length > out.length) {
      throw new Error('a copy from or to beyond the ends');
    }
    // Byte by byte: a copy may read what it has just written.
    for (const end = to + length; to < end; to++) out[to] = out[to - offset]!;
  }
  if (to !== out.length) throw new Error(`${to} bytes in place of ${out.length}`);
}

/** Where the elements begin, behind the unpacked length, which must be the expected one. */
function skipLength(packed: Uint8Array, expected: number): number {
  let length = 0;
  for (let i = 0; i < 5; i++) {
    const byte = packed[i];
    if (byte === undefined) break;
    length += (byte & 127) * 2 ** (7 * i);
    if (byte >= 128) continue;
    if (length !== expected) throw new Error(`a length of ${length}, not ${expected}`);
    return i + 1;
  }
  throw new Error('no length');
}

function readLittle(bytes: Uint8Array, from: number, count: number): number {
  if (from + count > bytes.length) throw new Error('the end in an element');
  let value = 0;
  for (let i = 0; i < count; i++) value += bytes[from + i]! * 2 ** (8 * i);
  return value;
}
