import { describe, expect, it } from 'vitest';
import {
  floatField,
  integerField,
  integersField,
  messageField,
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
