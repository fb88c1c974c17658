/**
 * Feeds a reader damaged files: real ones with bits flipped, bytes cut, inserted, repeated and numbers replaced by
 * extreme ones. All that may come of it is a good end or a FormatError, in time, within little memory.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import { FormatError } from '../../src/data/format-error.ts';

/** What is fuzzed. */
export interface Fuzzing {
  readonly cases: number;
  /** Sound files, small ones. */
  readonly seeds: readonly Uint8Array[];
  /** Where the damaged file is put. */
  readonly file: string;
  /** Reads it all. */
  readonly read: () => Promise<unknown>;
  /** Errors that are as good as a FormatError. */
  readonly isClean?: (error: unknown) => boolean;
}

/** What came of it. */
export interface FuzzResult {
  readonly refused: number;
  readonly read: number;
  /** The most that one case took, in bytes. */
  readonly memoryBytes: number;
  readonly slowestMs: number;
}

const extremes = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
/** One change of a file. */
export const damage = fc.record({
  kind: fc.constantFrom('flip', 'cut', 'insert', 'repeat', 'little', 'big', 'byte'),
  /** Near the beginning, near the end, or anywhere. */
  at: fc.oneof(fc.nat(200), fc.integer({ min: -200, max: -1 }), fc.nat(2 ** 20)),
  value: fc.oneof(fc.constantFrom(...extremes), fc.nat(2 ** 32 - 1)),
});

/** Runs all cases; throws at the first that ends otherwise than allowed. */
export async function fuzz(fuzzing: Fuzzing): Promise<FuzzResult> {
  const { cases, seeds, file, read, isClean = (error) => error instanceof FormatError } = fuzzing;
  const result = { refused: 0, read: 0, slowestMs: 0, memoryBytes: 0 };
  for (const seed of seeds) {
    await writeFile(file, seed);
    await read();
  }
  const property = fc.asyncProperty(
    fc.nat(seeds.length - 1),
    fc.array(damage, { minLength: 1, maxLength: 4 }),
    async (seed, damages) => {
      await writeFile(file, damages.reduce(applyDamage, Buffer.from(seeds[seed]!)));
      const before = peakMemory.begin();
      const began = performance.now();
      try {
        await read();
        result.read++;
      } catch (error) {
        if (!isClean(error)) throw error;
        result.refused++;
      }
      result.slowestMs = Math.max(result.slowestMs, performance.now() - began);
      result.memoryBytes = Math.max(result.memoryBytes, peakMemory.mark() - before);
    },
  );
  const parameters = { numRuns: cases, seed: 5, endOnFailure: true, timeout: 20_000 };
  await fc.assert(property, parameters);
  return result;
}

type Damage = typeof damage extends fc.Arbitrary<infer T> ? T : never;

/** The bytes with one change. */
export function applyDamage(bytes: Buffer, { kind, at, value }: Damage): Buffer {
  const n = Math.max(1, bytes.length);
  const place = ((at % n) + n) % n;
  const [head, tail] = [bytes.subarray(0, place), bytes.subarray(place)];
  switch (kind) {
    case 'cut':
      return head;
    case 'insert':
      return Buffer.concat([head, Buffer.alloc(1 + (value % 64), value & 0xff), tail]);
    case 'repeat':
      return Buffer.concat([head, tail.subarray(0, 1 + (value % 64)), tail]);
    default: {
      const changed = Buffer.concat([bytes, Buffer.alloc(4)]);
      if (kind === 'flip') changed[place]! ^= 1 << (value & 7);
      else if (kind === 'byte') changed[place] = value & 0xff;
      else if (kind === 'little') changed.writeUInt32LE(value, place);
      else changed.writeUInt32BE(value, place);
      return changed.subarray(0, bytes.length);
    }
  }
}

/** The largest memory of this process since `begin`, over what it had then; 0 where Linux does not tell. */
const peakMemory = {
  begin(): number {
    try {
      writeFileSync('/proc/self/clear_refs', '5'); // resets the high-water mark
      return this.mark();
    } catch {
      return Number.POSITIVE_INFINITY;
    }
  },
  mark(): number {
    const line = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
    return 1024 * Number(line?.[1] ?? 0);
  },
};
