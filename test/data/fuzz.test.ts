import { describe, expect, it } from 'vitest';
import { temporaryFolder } from './fixtures.ts';
import { fuzz } from './fuzz.ts';
import { fuzzedReaders, fuzzFolder } from './fuzz-readers.ts';

describe('damaged files', () => {
  it.each(Object.keys(fuzzedReaders))('of %s are refused cleanly, or read', async (name) => {
    const folder = await fuzzFolder(await temporaryFolder(), name);
    const result = await fuzz({ cases: 300, ...(await fuzzedReaders[name]!(folder)) });
    expect(result.refused).toBeGreaterThan(30);
    expect(result.read + result.refused).toBe(300);
  });
});
