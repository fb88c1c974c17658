import { spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { staleMs } from '../../src/core/process-lock.ts';
import { isLocked, lockFile, releaseLock, takeLock } from '../../src/train/run-lock.ts';
import { runTraining } from '../../src/train/run-training.ts';
import { collect, lastingParts, resumeTask, smallTask, temporaryFolder } from './small-run.ts';

const own = JSON.parse(String(lockFile().bytes));

/** A folder with a lock of that text. */
function locked(text: string): string {
  const folder = temporaryFolder();
  writeFileSync(path.join(folder, 'lock'), text);
  return folder;
}

describe('a lock', () => {
  it('names its process, keeps others out, and goes with it', () => {
    const folder = temporaryFolder();
    takeLock(folder);
    expect(readdirSync(folder)).toEqual(['lock']);
    expect(JSON.parse(readFileSync(path.join(folder, 'lock'), 'utf8')).pid).toBe(process.pid);
    expect(() => takeLock(folder)).toThrow(
      expect.objectContaining({
        kind: 'failure',
        message: `${folder}: must not be trained by two processes at once, got process ${process.pid}, which is training it; stop that one first, or wait until it is done`,
      }),
    );
    releaseLock(folder);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('of a living process is respected, and not given free by another', () => {
    const other = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)']);
    onTestFinished(() => void other.kill());
    const stat = `/proc/${other.pid}/stat`;
    const fields = existsSync(stat) ? readFileSync(stat, 'utf8').split(') ')[1]!.split(' ') : [];
    const text = JSON.stringify({ ...own, pid: other.pid, began: fields[19] ?? null });
    const folder = locked(text);
    expect(() => takeLock(folder)).toThrow(`got process ${other.pid}, which is training it`);
    releaseLock(folder);
    expect(readFileSync(path.join(folder, 'lock'), 'utf8')).toBe(text);
    expect(readdirSync(folder)).toEqual(['lock']);
  });

  const { pid: gone } = spawnSync(process.execPath, ['-e', '']);
  it.each([
    ['of a process that is gone', { ...own, pid: gone }],
    ['of a process whose number was given to another', { ...own, began: 'earlier' }],
    ['that says nothing', null],
    ['without a process', {}],
  ])('%s is taken over', (_what, holder) => {
    const folder = locked(JSON.stringify(holder));
    takeLock(folder);
    expect(JSON.parse(readFileSync(path.join(folder, 'lock'), 'utf8'))).toEqual(own);
    expect(readdirSync(folder)).toEqual(['lock']);
  });

  it('of another machine is taken over when it has given no sign of life, and not before', () => {
    const text = JSON.stringify({ ...own, boot: 'another', host: 'node7', job: '12_3' });
    const folder = locked(text);
    const lock = path.join(folder, 'lock');
    expect(() => takeLock(folder)).toThrow(
      `got process ${process.pid} on node7 (job 12_3), which is training it`,
    );
    expect(isLocked(folder)).toBe(true);
    const before = Date.now() / 1000 - staleMs / 1000 - 1;
    utimesSync(lock, before, before);
    expect(isLocked(folder)).toBe(false);
    takeLock(folder);
    expect(JSON.parse(readFileSync(lock, 'utf8'))).toEqual(own);
    expect(readdirSync(folder)).toEqual(['lock']);
  });

  it('cut off by a kill is taken over', () => {
    const folder = locked('{"pid": 1');
    takeLock(folder);
    expect(readdirSync(folder)).toEqual(['lock']);
  });

  it('that cannot be written is a failure in one line', () => {
    const folder = path.join(temporaryFolder(), 'none');
    expect(() => takeLock(folder)).toThrow(`${folder}/lock: must be writable, got ENOENT`);
    mkdirSync(folder);
    releaseLock(folder);
  });
});

describe('a run', () => {
  it('is not resumed while it goes on, and ends as if nobody had tried', async () => {
    const output = temporaryFolder();
    await collect(smallTask(output, { name: 'whole' }));
    const control = { isStopped: () => false, stepEventMs: 0, command: ['test'] };
    const run = runTraining(smallTask(output), control);
    const folder = path.join(output, 'run');
    for (let event = await run.next(); !event.done; event = await run.next()) {
      if (event.value.kind !== 'epoch') continue;
      const { events, error } = await collect(resumeTask(folder));
      expect(events).toEqual([]);
      expect(error).toMatchObject({ message: expect.stringContaining(`process ${process.pid},`) });
    }
    expect(lastingParts(folder)).toEqual(lastingParts(path.join(output, 'whole')));
    expect(existsSync(path.join(folder, 'lock'))).toBe(false);
  });
});
