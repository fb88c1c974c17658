import type * as NodeFs from 'node:fs';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, it, vi } from 'vitest';
import { isThorough } from '../thorough.ts';
import { collect, lastingParts, resumeTask, smallTask, temporaryFolder } from './small-run.ts';

/** Writes that still succeed. */
const disk = vi.hoisted(() => ({ left: Number.POSITIVE_INFINITY }));

vi.mock('node:fs', async (importOriginal) => {
  const fs = await importOriginal<typeof NodeFs>();
  const writeSync = (...args: Parameters<typeof fs.writeSync>) => {
    if (disk.left-- <= 0) throw Object.assign(new Error('full'), { code: 'ENOSPC' });
    return fs.writeSync(...args);
  };
  return { ...fs, writeSync };
});

it('a disk that is full at any moment stops the run in one line, and nothing is lost', async () => {
  const output = temporaryFolder();
  const choices = { epochs: 2, checkpointSteps: 4 };
  await collect(smallTask(output, { ...choices, name: 'whole' }));
  const whole = lastingParts(path.join(output, 'whole'));
  let writes = 0;
  for (; ; writes += isThorough ? 1 : 7) {
    const name = `full${writes}`;
    const folder = path.join(output, name);
    disk.left = writes;
    const { error } = await collect(smallTask(output, { ...choices, name }));
    disk.left = Number.POSITIVE_INFINITY;
    if (error === undefined) break;
    expect(error).toMatchObject({
      kind: 'failure',
      message: expect.stringMatching(
        /full\d+(\/[\w./]+)?: must be writable, got ENOSPC \(no space left on the disk\); what was there before is kept$/,
      ),
    });
    if (!existsSync(folder)) continue; // not even its folder could be made
    const resumed = await collect(resumeTask(folder));
    expect(resumed.error).toBeUndefined();
    expect(lastingParts(folder)).toEqual(whole);
  }
  // config.json, env.json; three files for each checkpoint; rows; summary.json.
  expect(writes).toBeGreaterThanOrEqual(2 + 3 * 6 + 2 + 1);
  expect(readdirSync(output).filter((name) => name.startsWith('.'))).toEqual([]);
});
