import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { packTar } from 'modern-tar';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { processLockText } from '../../src/core/process-lock.ts';
import { FormatError } from '../../src/data/format-error.ts';
import { type GetRequest, getDataset } from '../../src/data/get/get-dataset.ts';
import type { GetEvent } from '../../src/data/get/obtain-file.ts';
import { unpackArchive } from '../../src/data/get/unpack.ts';
import {
  archive,
  file,
  md5,
  members,
  plainRequest,
  retriesIn,
  smallTable,
  sound,
} from './archives.ts';
import { errorOf, put, temporaryFolder } from './fixtures.ts';

type Answer = (request: IncomingMessage, response: ServerResponse, bytes: Buffer) => void;

let root: string;
let tar: Buffer;
const plain = Buffer.alloc(50_000, 'abcdefg');
let answers: Answer[]; // one a request; the last one stays
let asked: string[];
let events: GetEvent[];
let address: string;
const server = createServer((request, response) => {
  asked.push(`${request.url} ${request.headers.range ?? ''}`.trim());
  const answer = answers.length > 1 ? answers.shift()! : answers[0]!;
  answer(request, response, request.url!.endsWith('.gz') ? tar : plain);
});

beforeAll(async () => {
  tar = await archive();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/files`;
  return () => server.closeAllConnections();
});
beforeEach(async () => {
  root = await temporaryFolder();
  [answers, asked, events] = [[ranged], [], []];
});
afterEach(() => server.closeAllConnections());

const whole: Answer = (_, response, bytes) => response.end(bytes);
const status =
  (code: number): Answer =>
  (_, response) =>
    response.writeHead(code).end();
const ranged: Answer = (request, response, bytes) => {
  const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
  if (from === 0) return void response.end(bytes);
  const range = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
  response.writeHead(206, { 'content-range': range }).end(bytes.subarray(from));
};
/** Sends some bytes and breaks off. */
const broken =
  (n: number): Answer =>
  (_, response, bytes) => {
    response.writeHead(200, { 'content-length': bytes.length });
    response.write(bytes.subarray(0, n), () => setTimeout(() => response.destroy(), 300));
  };
const stalled: Answer = (_, response, bytes) => {
  response.writeHead(200, { 'content-length': bytes.length });
  response.write(bytes.subarray(0, 100));
};
const corrupt: Answer = (_, response, bytes) => response.end(Buffer.from(bytes).fill(0, 20, 30));

const get = (request: Partial<GetRequest> = {}) =>
  getDataset({ ...plainRequest(address, root, smallTable(tar, plain), events), ...request });
const retries = () => retriesIn(events);
const leftovers = () =>
  readdirSync(root, { recursive: true }).filter((name) => /\.(part|new|old|lock)/.test(`${name}`));

describe('igc data get', () => {
  it('downloads, verifies and unpacks, and does nothing the next time', async () => {
    const got = await get({ name: 'small' });
    const folder = path.join(root, 'small');
    expect(got).toEqual({ name: 'small', folder, wasThere: false, files: ['small.tar.gz'] });
    expect(readdirSync(root)).toEqual(['small']);
    expect((await readFile(path.join(folder, 'a.bin'))).length).toBe(3000);
    expect((await get({ name: 'small' })).wasThere).toBe(true);
    expect(asked).toEqual(['/files/small.tar.gz']);
    expect(events.at(-2)).toMatchObject({ kind: 'progress', done: tar.length, of: tar.length });
  });

  it('gets extra files only when asked', async () => {
    await get();
    expect(readdirSync(path.join(root, 'plain'))).toEqual(['x.mat']);
    expect((await get({ extra: true })).wasThere).toBe(false);
    expect(asked).toEqual(['/files/x.mat', '/files/y.mat']);
    expect((await errorOf(() => get({ name: 'small', extra: true }))).message).toBe(
      '--extra: is not an option of small',
    );
    expect((await errorOf(() => get({ name: 'smal' }))).message).toBe(
      'data get: unknown data set, got "smal"; did you mean "small"?',
    );
  });

  it('goes on where a broken connection stopped', async () => {
    answers = [broken(20_000), broken(20_000), ranged];
    // The second answer ignores the range and begins anew.
    await get();
    expect(asked.length).toBe(3);
    expect(asked[1]).toMatch(/^\/files\/x\.mat bytes=\d+-$/);
    expect(md5(await readFile(path.join(root, 'plain', 'x.mat')))).toBe(md5(plain));
    expect(leftovers()).toEqual([]);
  });

  it('goes on in the next call, and keeps the part of one that gave up', async () => {
    answers = [broken(20_000)];
    const error = await errorOf(() => get({ retries: 0 }));
    expect(error).toMatchObject({ kind: 'data' });
    expect(error.message).toContain('/x.mat: must be downloadable, got ');
    expect(error.message).toContain('try again: it goes on from where it stopped');
    expect(leftovers()).toEqual([path.join('plain', 'x.mat.part')]);
    answers = [ranged];
    await get();
    expect(asked[1]).toMatch(/bytes=[1-9]\d*-$/);
  });

  it('begins anew when the part is of another file, longer, or refused by 416', async () => {
    for (const [size, code] of [
      [1000, 206],
      [60_000, 200],
      [40_000, 416],
    ] as const) {
      root = await temporaryFolder();
      await put(path.join(root, 'plain', 'x.mat.part'), new Uint8Array(size).fill(1));
      answers = code === 416 ? [status(416), ranged] : [ranged];
      await get();
      expect(md5(await readFile(path.join(root, 'plain', 'x.mat')))).toBe(md5(plain));
    }
    expect(retries()).toEqual([
      expect.stringContaining('a part that does not fit (must have the MD5 sum'),
      'that the file has no such part (HTTP 416)',
    ]);
  });

  it('tries again after a stall, a 500 and an answer that is too short', async () => {
    const short: Answer = (_, response, bytes) => {
      response.write(bytes.subarray(0, 777)); // without a length
      response.end();
    };
    answers = [stalled, status(503), short, ranged];
    await get({ retries: 3 });
    expect(retries()).toEqual([
      'no byte for 0.3 s',
      'HTTP 503 Service Unavailable',
      'the end after 777 of 50000 bytes',
    ]);
  });

  it('does not try again after a 404, and says what to do by hand', async () => {
    answers = [status(404)];
    expect((await errorOf(() => get())).message).toBe(
      `${address}/x.mat: must be there, got HTTP 404 Not Found; has it moved? give --from, or put x.mat (50,000 bytes, MD5 ${md5(plain)}) from http://127.0.0.1:10009/ into ${root}/plain by hand and run this again`,
    );
    expect(asked.length).toBe(1);
  });

  it('deletes what is corrupt or too long, and says so', async () => {
    answers = [corrupt];
    const error = await errorOf(() => get());
    expect(error).toMatchObject({ kind: 'data' });
    expect(error.message).toMatch(
      new RegExp(`must have the MD5 sum ${md5(plain)}, got [0-9a-f]{32}; what came was deleted`),
    );
    answers = [(_, response, bytes) => response.end(Buffer.concat([bytes, bytes]))];
    expect((await errorOf(() => get())).message).toContain('must have 50000 bytes, got 100000');
    expect(existsSync(path.join(root, 'plain', 'x.mat'))).toBe(false);
  });

  it('follows redirects', async () => {
    answers = [(_, response) => response.writeHead(302, { location: '/x.mat' }).end(), whole];
    await get();
    expect(asked).toEqual(['/files/x.mat', '/x.mat']);
  });

  it('says at once that nobody answers', async () => {
    const error = await errorOf(() => get({ from: undefined, retries: 9, backoffMs: 60_000 }));
    expect(error.message).toMatch(/^http:\/\/127\.0\.0\.1:10009\/x\.mat: must be reachable, got /);
    expect(error.message).toContain(`into ${root}/plain by hand`);
  });

  it('stops when it is told to, and keeps the part', async () => {
    const stop = new AbortController();
    answers = [stalled];
    setTimeout(() => stop.abort(), 60);
    const error = await errorOf(() => get({ signal: stop.signal, timeoutMs: 10_000 }));
    expect(error).toMatchObject({ kind: 'interrupted' });
    expect(leftovers()).toEqual([path.join('plain', 'x.mat.part')]);
  });

  it('takes a file put there by hand, or a folder or file at hand, after the same checks', async () => {
    await put(path.join(root, 'small.tar.gz'), tar);
    await get({ name: 'small' });
    expect(readdirSync(root).sort()).toEqual(['small', 'small.tar.gz']);
    const [hand, other] = [await temporaryFolder(), await temporaryFolder()];
    await put(path.join(hand, 'x.mat'), plain);
    for (const from of [hand, path.join(hand, 'x.mat')]) {
      root = await temporaryFolder();
      await get({ from });
      expect(readdirSync(path.join(root, 'plain'))).toEqual(['x.mat']);
    }
    root = other;
    await put(path.join(hand, 'x.mat'), plain.subarray(1));
    expect((await errorOf(() => get({ from: hand }))).message).toBe(
      `${hand}/x.mat: must have 50000 bytes, got 49999; the file is truncated or corrupt: delete or replace it`,
    );
    expect((await errorOf(() => get({ from: other }))).message).toBe(
      `--from: must be an address (http…), or hold x.mat, got ${other}`,
    );
    expect(asked).toEqual([]);
  });

  it('lets one process at a time get a set, and takes over from a dead one', async () => {
    const lock = path.join(root, '.plain.lock');
    await writeFile(lock, processLockText());
    const error = await errorOf(() => get());
    expect(error).toMatchObject({ kind: 'failure' });
    expect(error.message).toContain(
      `got process ${process.pid}, which is getting it; wait until it is done`,
    );
    await writeFile(lock, JSON.stringify({ ...JSON.parse(processLockText()), pid: 999_999_999 }));
    await get();
    expect(leftovers()).toEqual([]);
  });

  it('says why it cannot write', async () => {
    await writeFile(path.join(root, 'plain'), 'a file');
    const error = await errorOf(() => get());
    expect(error).toMatchObject({ kind: 'failure' });
    expect(error.message).toContain('must be writable');
  });
});

describe('an archive', () => {
  const link = (type: 'symlink' | 'link', linkname: string) => ({
    header: { name: 'small/a.bin', size: 0, type, linkname },
  });
  it.each([
    [
      'a path that leads out',
      [...sound, file('../evil.bin', 10)],
      /only the files of small: .*got file "\.\.\/evil\.bin"/,
    ],
    [
      'such a path inside',
      [...sound, file('small/../../evil.bin', 10)],
      /got file "small\/\.\.\/\.\.\/evil\.bin"/,
    ],
    ['an absolute path', [file('/etc/evil', 10)], /got file "\/etc\/evil"/],
    ['a symbolic link', [link('symlink', '/etc/passwd'), ...sound], /got symlink "small\/a\.bin"/],
    ['a hard link', [link('link', '/etc/passwd')], /got link "small\/a\.bin"/],
    ['a strange file', [...sound, file('small/c.bin', 10)], /got file "small\/c\.bin"/],
    ['another folder', [file('other/a.bin', 3000)], /got file "other\/a\.bin"/],
    [
      'a file twice',
      [...sound, file('small/b.bin', 10)],
      /every file once .*got "small\/b\.bin" again/,
    ],
    ['a larger file', [file('small/b.bin', 11)], /expected 10 bytes of b\.bin .*got 11/],
    ['a long text', [file('small/names.txt', 101)], /expected at most 100 bytes of names\.txt/],
    ['too few files', sound.slice(0, 2), /expected the files b\.bin, names\.txt/],
  ])('with %s is refused, and nothing is left', async (_, entries, message) => {
    const place = await put(path.join(root, 'x.tar.gz'), await archive(entries));
    const target = path.join(root, 'in', 'small');
    const error = await errorOf(() => unpackArchive(place, target, members));
    expect(error).toBeInstanceOf(FormatError);
    expect(error.message).toMatch(message);
    expect(readdirSync(path.join(root, 'in'))).toEqual([]);
    expect(readdirSync(root).sort()).toEqual(['in', 'x.tar.gz']);
  });

  it('that is cut short, no gzip, or a bomb is refused', async () => {
    const target = path.join(root, 'in', 'small');
    const bomb = gzipSync(Buffer.concat([await packTar([...sound]), Buffer.alloc(2 ** 28)]));
    const huge = gzipSync(await packTar([file('small/a.bin', 3000)]));
    for (const bytes of [tar.subarray(0, 90), Buffer.from('nothing'), bomb, huge.subarray(0, -9)]) {
      const place = await put(path.join(root, 'x.tar.gz'), bytes);
      const before = process.memoryUsage().rss;
      const error = await errorOf(() => unpackArchive(place, target, members));
      expect(error).toBeInstanceOf(FormatError);
      expect(process.memoryUsage().rss - before).toBeLessThan(64 * 2 ** 20);
      expect(readdirSync(path.join(root, 'in'))).toEqual([]);
    }
  });

  it('replaces what is there only when it is whole, and follows no link in its way', async () => {
    const outside = await temporaryFolder();
    await mkdir(path.join(root, 'in'));
    await symlink(outside, path.join(root, 'in', 'small'));
    const place = await put(path.join(root, 'x.tar.gz'), tar);
    await unpackArchive(place, path.join(root, 'in', 'small'), members);
    expect(readdirSync(path.join(root, 'in', 'small')).sort()).toEqual([
      'a.bin',
      'b.bin',
      'names.txt',
    ]);
    expect(readdirSync(outside)).toEqual([]);
  });
});
