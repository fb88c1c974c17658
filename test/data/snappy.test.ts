import fc from 'fast-check';
import { snappyUncompress } from 'hyparquet/src/snappy.js';
import { describe, expect, it } from 'vitest';
import { unpackSnappy } from '../../src/data/readers/snappy.ts';

const unpack = (packed: readonly number[], length: number) => {
  const out = new Uint8Array(length);
  unpackSnappy(Uint8Array.from(packed), out);
  return Buffer.from(out).toString('latin1');
};
const ascii = (text: string) => [...Buffer.from(text, 'latin1')];

describe('snappy', () => {
  it('unpacks literals, short and long, and copies that overlap themselves', () => {
    expect(unpack([0], 0)).toBe('');
    expect(unpack([4, 3 << 2, ...ascii('abcd')], 4)).toBe('abcd');
    const long = 'x'.repeat(100);
    expect(unpack([100, 60 << 2, 99, ...ascii(long)], 100)).toBe(long);
    // 'ab', then 8 bytes from 2 back: 1-byte offset; then 3 from 10 back: 2-byte offset; 1 from 1: 4-byte offset
    const copies = [1 | (4 << 2), 2, 2 | (2 << 2), 10, 0, 3, 1, 0, 0, 0];
    expect(unpack([14, 1 << 2, ...ascii('ab'), ...copies], 14)).toBe('ababababababaa');
  });

  it.each([
    ['no length', [], 3],
    ['a length of 5, not 3', [5], 3],
    ['a literal beyond the end', [3, 2 << 2, 1, 2], 3],
    ['a literal beyond the end', [1, 2 << 2, 1, 2, 3], 1],
    ['a copy from or to beyond the ends', [4, 0, 7, 1, 2], 4],
    ['a copy from or to beyond the ends', [5, 0, 7, 1, 0], 5],
    ['the end in an element', [5, 0, 7, 3, 1], 5],
    ['the end in an element', [200, 1, 63 << 2, 255], 200],
    ['1 bytes in place of 2', [2, 0, 7], 2],
  ] as const)('says %s of %j', (reason, packed, length) => {
    expect(() => unpack(packed, length)).toThrow(reason);
  });

  it('gives what hyparquet gives, for elements put together at random', () => {
    const element = fc.oneof(
      fc
        .uint8Array({ minLength: 1, maxLength: 60 })
        .map((bytes) => ({ bytes, offset: 0, length: 0 })),
      fc.record({
        bytes: fc.constant(new Uint8Array(0)),
        offset: fc.integer({ min: 1, max: 300 }),
        length: fc.integer({ min: 1, max: 64 }),
      }),
    );
    fc.assert(
      fc.property(fc.array(element, { maxLength: 30 }), (elements) => {
        const parts: number[] = [];
        let size = 0;
        for (const { bytes, offset, length } of elements) {
          if (bytes.length > 0) parts.push((bytes.length - 1) << 2, ...bytes);
          else if (offset > size) continue;
          else parts.push(2 | ((length - 1) << 2), offset & 255, offset >> 8);
          size += bytes.length + (bytes.length > 0 ? 0 : length);
        }
        const preamble = size < 128 ? [size] : [(size & 127) | 128, size >> 7];
        const packed = Uint8Array.from([...preamble, ...parts]);
        const [want, got] = [new Uint8Array(size), new Uint8Array(size)];
        if (size > 0) snappyUncompress(packed, want);
        unpackSnappy(packed, got);
        expect(got).toEqual(want);
      }),
    );
  });
});
