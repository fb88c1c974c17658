import type * as NodeFs from 'node:fs';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import {
  appendDurably,
  createFolder,
  findFolder,
  makeFolder,
  replaceFile,
  replaceFolder,
} from '../../src/core/durable-files.ts';
import { temporaryFolder } from '../train/small-run.ts';

/** The call that fails next, and how; calls are counted from 1. */
const fault = vi.hoisted(() => ({ call: '', at: 0, seen: 0, code: 'ENOSPC' }));

vi.mock('node:fs', async (importOriginal) => {
  const fs = await importOriginal<typeof NodeFs>();
  const failing =
    <A extends unknown[], R>(name: string, real: (...args: A) => R) =>
    (...args: A): R => {
      if (fault.call === name && ++fault.seen === fault.at) {
        throw Object.assign(new Error(`${fault.code}: injected`), { code: fault.code });
      }
      return real(...args);
    };
  return {
    ...fs,
    writeSync: failing('writeSync', fs.writeSync),
    fsyncSync: failing('fsyncSync', fs.fsyncSync),
    renameSync: failing('renameSync', fs.renameSync),
    mkdirSync: failing('mkdirSync', fs.mkdirSync),
  };
});

const failNext = (call: string, at: number, code = 'ENOSPC') =>
  Object.assign(fault, { call, at, seen: 0, code });

beforeEach(() => {
  failNext('', 0);
});

const files = (text: string) => [
  { name: 'a', bytes: text },
  { name: 'b', bytes: new TextEncoder().encode(text) },
];
const contentOf = (folder: string) =>
  ['a', 'b'].map((name) => readFileSync(path.join(folder, name), 'utf8'));

describe('a folder that is replaced', () => {
  it('has the new files and leaves nothing beside it', () => {
    const folder = path.join(temporaryFolder(), 'deep', 'last');
    replaceFolder(folder, files('1'));
    replaceFolder(folder, files('2'));
    expect(contentOf(folder)).toEqual(['2', '2']);
    expect(readdirSync(path.dirname(folder))).toEqual(['last']);
  });

  it('is the old or the new one, whole, whichever call of the system fails', () => {
    let failures = 0;
    for (const call of ['mkdirSync', 'writeSync', 'fsyncSync', 'renameSync']) {
      for (let at = 1; at <= 5; at++) {
        const folder = path.join(temporaryFolder(), 'last');
        replaceFolder(folder, files('old'));
        failNext(call, at);
        try {
          replaceFolder(folder, files('new'));
        } catch {
          failures++;
        }
        failNext('', 0);
        const found = contentOf(findFolder(folder)!);
        expect([
          ['old', 'old'],
          ['new', 'new'],
        ]).toContainEqual(found);
        replaceFolder(folder, files('after'));
        expect(contentOf(folder)).toEqual(['after', 'after']);
        expect(readdirSync(path.dirname(folder))).toEqual(['last']);
      }
    }
    expect(failures).toBeGreaterThan(8);
  });

  it('is found and put back after a kill between its two renames', () => {
    const folder = path.join(temporaryFolder(), 'last');
    replaceFolder(folder, files('old'));
    renameSync(folder, `${folder}.old`);
    mkdirSync(`${folder}.new`);
    writeFileSync(`${folder}.new/a`, 'half');
    expect(contentOf(findFolder(folder)!)).toEqual(['old', 'old']);
    failNext('writeSync', 1);
    expect(() => replaceFolder(folder, files('new'))).toThrow('must be writable');
    expect(contentOf(folder)).toEqual(['old', 'old']);
  });

  it('is not found where there never was one', () => {
    expect(findFolder(path.join(temporaryFolder(), 'last'))).toBeUndefined();
  });
});

describe('a full or closed disk', () => {
  it.each([
    ['ENOSPC', 'ENOSPC (no space left on the disk)'],
    ['EDQUOT', 'EDQUOT (the disk quota is used up)'],
    ['EACCES', 'EACCES (permission denied)'],
    ['EPERM', 'EPERM (permission denied)'],
    ['EROFS', 'EROFS (the disk is read-only)'],
    ['EIO', 'EIO'],
  ])('is told in one line: %s', (code, got) => {
    const folder = path.join(temporaryFolder(), 'last');
    failNext('writeSync', 1, code);
    expect(() => replaceFolder(folder, files('x'))).toThrow(
      expect.objectContaining({
        kind: 'failure',
        message: `${folder}: must be writable, got ${got}; what was there before is kept`,
      }),
    );
    expect(existsSync(`${folder}.new`)).toBe(false);
  });

  it('is told where a file is in the way of the folder', () => {
    const file = path.join(temporaryFolder(), 'file');
    writeFileSync(file, '');
    expect(() => createFolder(path.join(file, 'run'), files('x'))).toThrow(
      'run: must be writable, got ENOTDIR (a part of its path is a file)',
    );
    expect(() => makeFolder(file)).toThrow(`${file}: must be writable, got ENOTDIR`);
    symlinkSync(path.join(file, 'nowhere'), `${file}.link`);
    expect(() => makeFolder(path.join(`${file}.link`, 'run'))).toThrow(
      'run: must be writable, got EEXIST (something else of that name is in the way)',
    );
  });

  it.runIf(process.platform === 'linux')('is told where nobody can make a folder', () => {
    for (const folder of ['/proc/igcnet/run', '/proc/igcnet/runs/run']) {
      expect(() => createFolder(folder, files('x'))).toThrow(
        `${folder}: must be writable, got ENOENT (no folder can be made there); what was there before is kept`,
      );
      expect(() => replaceFolder(folder, files('x'))).toThrow(`${folder}: must be writable`);
    }
    expect(() => makeFolder('/dev/full/run')).toThrow(
      '/dev/full/run: must be writable, got ENOTDIR (a part of its path is a file)',
    );
    expect(() => appendDurably('/dev/full', 'x')).toThrow(
      '/dev/full: must be writable, got ENOSPC (no space left on the disk)',
    );
  });

  it('keeps the old content of single files', () => {
    const file = path.join(temporaryFolder(), 'config.json');
    replaceFile(file, 'old');
    failNext('writeSync', 1);
    expect(() => replaceFile(file, 'new')).toThrow(`${file}: must be writable`);
    failNext('writeSync', 1);
    expect(() => appendDurably(file, 'more')).toThrow(`${file}: must be writable`);
    expect(readFileSync(file, 'utf8')).toBe('old');
  });
});

describe('a folder that must be new', () => {
  it('is made at once, or not at all', () => {
    const folder = path.join(temporaryFolder(), 'runs', 'x');
    failNext('writeSync', 2);
    expect(() => createFolder(folder, files('1'))).toThrow('must be writable');
    expect(readdirSync(path.dirname(folder))).toEqual([]);
    failNext('', 0);
    expect(createFolder(folder, files('1'))).toBe(true);
    expect(createFolder(folder, files('2'))).toBe(false);
    expect(contentOf(folder)).toEqual(['1', '1']);
  });
});
