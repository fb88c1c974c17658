import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../data/fixtures.ts';
import { fuzz } from '../data/fuzz.ts';
import { fuzzedReaders, fuzzFolder } from '../data/fuzz-readers.ts';

describe('20,000 damaged files', () => {
  it.each(Object.keys(fuzzedReaders))(
    'of %s end in a FormatError or are read',
    async (name) => {
      const folder = await fuzzFolder(await temporaryFolder(), name);
      const result = await fuzz({ cases: 20_000, ...(await fuzzedReaders[name]!(folder)) });
      console.info(name, result);
      expect(result.read + result.refused).toBe(20_000);
      expect(result.memoryBytes).toBeLessThan(64 * 2 ** 20);
      expect(result.slowestMs).toBeLessThan(2000);
    },
    600_000,
  );
});
