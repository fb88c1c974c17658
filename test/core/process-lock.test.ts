/** Locks that processes race for, that killed ones leave behind, and that are kept alive. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  findProcessLock,
  processLockText,
  releaseProcessLock,
  type SignOfLifeTask,
  staleMs,
  takeProcessLock,
} from '../../src/core/process-lock.ts';
import { temporaryFolder } from '../train/small-run.ts';

const built = (name: string) => new URL(`../../dist/core/${name}.js`, import.meta.url).href;

/**
 * Takes the lock some times: leaves it as one that is gone would, and the last time dies with it. So every taking but the
 * first is a taking over. Says when it was not alone.
 */
const racer = `
  import { openSync, closeSync, rmSync, appendFileSync, writeFileSync } from 'node:fs';
  import { setTimeout as sleep } from 'node:timers/promises';
  import { processLockText, takeProcessLock, releaseProcessLock } from ${JSON.stringify(built('process-lock'))};
  const [folder, rounds] = process.argv.slice(1);
  const gone = JSON.stringify({ ...JSON.parse(processLockText()), began: 'earlier' });
  for (let round = 1; round <= Number(rounds); ) {
    try {
      takeProcessLock(folder + '/lock', () => new Error('in use'));
    } catch (error) {
      if (error.message !== 'in use') throw error;
      await sleep(1);
      continue;
    }
    try {
      closeSync(openSync(folder + '/inside', 'wx'));
    } catch {
      appendFileSync(folder + '/together', 'x');
    }
    await sleep(1);
    rmSync(folder + '/inside', { force: true });
    appendFileSync(folder + '/taken', 'x');
    if (round === Number(rounds)) process.kill(process.pid, 'SIGKILL');
    writeFileSync(folder + '/lock', gone);
    releaseProcessLock(folder + '/lock');
    round++;
  }
`;

describe('a lock that many processes want', () => {
  it('is never held by two, though each dies with it in the end', async () => {
    const folder = temporaryFolder();
    const rounds = [1, 5, 40, 40, 40, 40, 40];
    const ends = rounds.map((count) => {
      const args = ['--input-type=module', '--eval', racer, folder, `${count}`];
      const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
      let said = '';
      child.stderr.on('data', (text: Buffer) => {
        said += text;
      });
      return new Promise((resolve) => child.on('close', (_, signal) => resolve([signal, said])));
    });
    expect(await Promise.all(ends)).toEqual(rounds.map(() => ['SIGKILL', '']));
    expect(existsSync(path.join(folder, 'together'))).toBe(false);
    const taken = readFileSync(path.join(folder, 'taken'), 'utf8');
    expect(taken).toHaveLength(rounds.reduce((sum, count) => sum + count, 0));
    expect(findProcessLock(path.join(folder, 'lock'))).toMatchObject({ isAlive: false });
  });
});

describe('a lock of another machine', () => {
  it('is judged by the clock of the disk, and taken over by one of two', () => {
    const lock = path.join(temporaryFolder(), 'lock');
    writeFileSync(lock, JSON.stringify({ pid: 1, boot: 'another', began: '1', host: 'node7' }));
    expect(findProcessLock(lock)).toMatchObject({ isAlive: true, holder: { host: 'node7' } });
    const old = (Date.now() - staleMs - 1000) / 1000;
    utimesSync(lock, old, old);
    expect(findProcessLock(lock)).toMatchObject({ isAlive: false });
    takeProcessLock(lock, () => new Error('in use'));
    onTestFinished(() => releaseProcessLock(lock));
    expect(() => takeProcessLock(lock, () => new Error('in use'))).toThrow('in use');
  });

  it('that another process is taking over is waited for, unless that one is gone, too', () => {
    const lock = path.join(temporaryFolder(), 'lock');
    const gone = JSON.stringify({ ...JSON.parse(processLockText()), began: 'earlier' });
    writeFileSync(lock, gone);
    writeFileSync(`${lock}.taking`, gone);
    takeProcessLock(lock, () => new Error('in use'));
    expect(existsSync(`${lock}.taking`)).toBe(false);
    releaseProcessLock(lock);
    expect(existsSync(lock)).toBe(false);
  });
});

describe('the sign of life', () => {
  const start = (task: SignOfLifeTask) => {
    const entry = fileURLToPath(built('sign-of-life-worker'));
    const worker = new Worker(entry, { workerData: task });
    onTestFinished(() => void worker.terminate());
    return worker;
  };

  it('renews the time of a lock and nothing else, until the lock is another’s', async () => {
    const lock = path.join(temporaryFolder(), 'lock');
    writeFileSync(lock, processLockText());
    utimesSync(lock, 1000, 1000);
    const worker = start({ lock, text: processLockText(), everyMs: 20 });
    const lost = new Promise((resolve) => worker.once('message', resolve));
    while (statSync(lock).mtimeMs === 1_000_000) await sleep(10);
    expect(Math.abs(statSync(lock).mtimeMs - Date.now())).toBeLessThan(30_000);
    expect(readFileSync(lock, 'utf8')).toBe(processLockText());
    writeFileSync(lock, 'another');
    expect(await lost).toBe('lost');
    expect(readFileSync(lock, 'utf8')).toBe('another');
  });

  it('ends when the lock is gone, and does not bring it back', async () => {
    const lock = path.join(temporaryFolder(), 'lock');
    writeFileSync(lock, processLockText());
    const worker = start({ lock, text: processLockText(), everyMs: 20 });
    rmSync(lock);
    expect(await new Promise((resolve) => worker.once('message', resolve))).toBe('lost');
    expect(existsSync(lock)).toBe(false);
  });
});
