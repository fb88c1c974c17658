import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IgcError } from '../../src/core/errors.ts';
import {
  decodeSafetensors,
  encodeSafetensors,
  type Safetensors,
  type StoredTensor,
} from '../../src/formats/safetensors.ts';

const name = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((s) => s !== '__metadata__');
const shape = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 });
const tensor = fc
  .tuple(shape, fc.boolean(), fc.infiniteStream(fc.double()))
  .map(([dims, wide, values]): StoredTensor => {
    const count = dims.reduce((product, n) => product * n, 1);
    const data = Array.from({ length: count }, () => values.next().value as number);
    return { shape: dims, data: wide ? Float64Array.from(data) : Float32Array.from(data) };
  });
const file = fc
  .tuple(
    fc.uniqueArray(fc.tuple(name, tensor), { selector: ([key]) => key, maxLength: 5 }),
    fc.uniqueArray(fc.tuple(name, fc.string()), { selector: ([key]) => key, maxLength: 3 }),
  )
  .map(
    ([tensors, metadata]): Safetensors => ({
      tensors: new Map(tensors),
      metadata: new Map(metadata),
    }),
  );

/** A file with this header text and these data bytes. */
function raw(header: string, dataBytes = 0, headerLength?: bigint): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, headerLength ?? BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

const entry = (dtype: string, dims: unknown, ...offsets: number[]) =>
  JSON.stringify({ dtype, shape: dims, data_offsets: offsets });

describe('safetensors', () => {
  it('reads back what it writes, bit for bit and in order of their places', () => {
    fc.assert(
      fc.property(file, (written) => {
        const read = decodeSafetensors(encodeSafetensors(written), 'x');
        expect(new Map(read.metadata)).toEqual(new Map(written.metadata));
        expect(new Set(read.tensors.keys())).toEqual(new Set(written.tensors.keys()));
        for (const [key, { shape: dims, data }] of written.tensors) {
          const other = read.tensors.get(key)!;
          expect(other.shape).toEqual(dims);
          expect(other.data.constructor).toBe(data.constructor);
          expect(Buffer.from(other.data.buffer)).toEqual(Buffer.from(data.buffer));
        }
      }),
    );
  });

  it('writes the same bytes for the same content, at any place in memory', () => {
    const data = new Float32Array([0, 0, 1, 2, 3]).subarray(2);
    const one = { metadata: new Map(), tensors: new Map([['a', { shape: [3], data }]]) };
    const copy = {
      metadata: new Map(),
      tensors: new Map([['a', { shape: [3], data: data.slice() }]]),
    };
    expect(encodeSafetensors(one)).toEqual(encodeSafetensors(copy));
    const shifted = new Uint8Array([7, ...encodeSafetensors(one)]).subarray(1);
    for (const bytes of [shifted, Buffer.from(shifted)]) {
      expect(decodeSafetensors(bytes, 'x').tensors.get('a')!.data).toEqual(data.slice());
    }
  });

  it('never fails on damaged bytes but by a data error', () => {
    fc.assert(
      fc.property(
        file,
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
        fc.nat(),
        (written, changes, cut) => {
          const bytes = encodeSafetensors(written);
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          const damaged = bytes.subarray(0, bytes.length - (cut % bytes.length));
          try {
            decodeSafetensors(damaged, 'x');
          } catch (error) {
            expect(error).toBeInstanceOf(IgcError);
            expect((error as IgcError).kind).toBe('data');
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  const f32 = entry('F32', [2], 0, 8);
  it.each([
    [
      'an empty file',
      new Uint8Array(0),
      'm: must have at least 8 bytes, got 0; the file is truncated',
    ],
    [
      'a hostile header length',
      raw('{}', 0, 2n ** 63n),
      'm: header must be at most 100000000 bytes, got 9223372036854775808; this is no safetensors file',
    ],
    [
      'a header cut off',
      raw('{}', 0, 50n),
      'm: must hold its header of 50 bytes, got 10 bytes; the file is truncated',
    ],
    ['no JSON', raw('{"a":'), 'm: header must be JSON in UTF-8; the file is corrupt'],
    ['no object', raw('[]'), 'm: header must be a JSON object'],
    ['odd metadata', raw('{"__metadata__":{"a":1}}'), 'm: metadata must be texts by name'],
    [
      'an unknown type',
      raw(`{"a":${entry('BF16', [2], 0, 4)}}`, 4),
      'm: tensor "a" must be of F32, F64, F16, I8, I64, got "BF16"',
    ],
    [
      'an odd entry',
      raw('{"a":{"dtype":"F32"}}'),
      'm: tensor "a" must have a dtype, a shape and data_offsets, got {"dtype":"F32"}',
    ],
    [
      'a size that contradicts the shape',
      raw(`{"a":${entry('F32', [3], 0, 8)}}`, 8),
      'm: tensor "a" of F32 [3] must take 12 bytes, got offsets 0…8',
    ],
    [
      'offsets that run backwards',
      raw(`{"a":${entry('F32', [2], 8, 0)}}`, 8),
      'm: tensor "a" of F32 [2] must take 8 bytes, got offsets 8…0',
    ],
    [
      'an overlap',
      raw(`{"a":${f32},"b":${entry('F32', [2], 4, 12)}}`, 12),
      'm: tensor "b" must begin where the one before ends (8), got 4; the file is corrupt',
    ],
    [
      'a gap',
      raw(`{"a":${f32},"b":${entry('F32', [1], 12, 16)}}`, 16),
      'm: tensor "b" must begin where the one before ends (8), got 12; the file is corrupt',
    ],
    [
      'missing bytes',
      raw(`{"a":${f32}}`, 7),
      'm: must hold 8 bytes of tensors, got 7; the file is truncated',
    ],
    [
      'surplus bytes',
      raw(`{"a":${f32}}`, 9),
      'm: must hold 8 bytes of tensors, got 9; the file is too long',
    ],
  ])('refuses %s', (_what, bytes, message) => {
    expect(() => decodeSafetensors(bytes, 'm')).toThrow(
      expect.objectContaining({ message, kind: 'data' }),
    );
  });

  it('refuses to write a tensor that does not fill its shape, or takes the reserved name', () => {
    const data = new Float32Array(3);
    const write = (key: string, dims: number[]) => () =>
      encodeSafetensors({ metadata: new Map(), tensors: new Map([[key, { shape: dims, data }]]) });
    expect(write('a', [2])).toThrow('a: must hold the 2 values of [2], got 3');
    expect(write('__metadata__', [3])).toThrow(
      '__metadata__: is reserved and cannot name a tensor',
    );
  });
});
