import { describe, expect, it } from 'vitest';
import {
  concatenate,
  floatField,
  integerField,
  integersField,
  messageField,
  readFields,
  textField,
} from '../../src/formats/protobuf.ts';

describe('a protobuf field', () => {
  /** @source protobuf.dev/programming-guides/encoding, its own examples */
  it.each([
    ['an integer above 127', integerField(1, 150), '089601'],
    ['a text', textField(2, 'testing'), '120774657374696e67'],
    ['a message in a message', messageField(3, [integerField(1, 150)]), '1a03089601'],
    ['packed integers', integersField(6, [3, 270, 86942]), '3206038e029ea705'],
    ['a negative integer', integerField(1, -2), '08feffffffffffffffff01'],
    ['a float', floatField(2, 1), '150000803f'],
    ['a field number above 15', integerField(20, 7), 'a00107'],
  ])('holds %s', (_, bytes, hex) => {
    expect(Buffer.from(bytes).toString('hex')).toBe(hex);
  });
});

describe('reading', () => {
  it('keeps the wanted fields alone, and refuses more of them than any file has', () => {
    const message = concatenate([textField(2, 'a'), integerField(1, 5), textField(2, 'b')]);
    expect(readFields(message, [2])).toHaveLength(2);
    expect(readFields(message, [1])).toEqual([{ field: 1, kind: 'varint', value: 5n }]);
    const many = new Uint8Array(400_000).map((_, i) => (i % 2 ? 1 : 8)); // field 1, again and again
    expect(readFields(many, [7])).toEqual([]);
    expect(() => readFields(many, [1])).toThrow('more than 100000 fields');
    expect(() => readFields(Uint8Array.of(0x12, 9, 1), [2])).toThrow('a field is cut off');
  });
});
