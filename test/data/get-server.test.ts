import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type GetRequest, getDataset } from '../../src/data/get/get-dataset.ts';
import type { GetEvent } from '../../src/data/get/obtain-file.ts';
import { type CifarLayout, openCifar } from '../../src/data/readers/cifar.ts';
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

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const plain = Buffer.from(Array.from({ length: 50_000 }, (_, i) => (i * 7) % 251));
let root: string;
let tar: Buffer;
let address: string;
let answers: Answer[]; // one a request; the last one stays
let asked: IncomingMessage[];
let events: GetEvent[];
const server = createServer((request, response) => {
  asked.push(request);
  const answer = answers.length > 1 ? answers.shift()! : answers[0]!;
  answer(request, response);
});

beforeAll(async () => {
  tar = await archive();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return () => server.close();
});
beforeEach(async () => {
  root = await temporaryFolder();
  [answers, asked, events] = [[served()], [], []];
});
afterEach(() => server.closeAllConnections());

/** A server as it should be: ranges, and If-Range when it has an ETag. */
const served =
  (bytes: Buffer = plain, etag?: string, headers: Record<string, string> = {}): Answer =>
  (request, response) => {
    const { range, 'if-range': condition } = request.headers;
    const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
    const all = { ...headers, ...(etag && { etag }) };
    if (from === 0 || (condition !== undefined && condition !== etag)) {
      response.writeHead(200, { ...all, 'content-length': bytes.length }).end(bytes);
      return;
    }
    const said = `bytes ${from}-${bytes.length - 1}/${bytes.length}`;
    response.writeHead(206, { ...all, 'content-range': said }).end(bytes.subarray(from));
  };
/** The first `n` bytes, then the connection breaks. */
const broken =
  (n: number, headers: Record<string, string> = {}): Answer =>
  (_, response) => {
    response.writeHead(200, { ...headers, 'content-length': plain.length });
    response.write(plain.subarray(0, n), () => setTimeout(() => response.destroy(), 30));
  };

const get = (request: Partial<GetRequest> = {}) =>
  getDataset({ ...plainRequest(address, root, smallTable(tar, plain), events), ...request });
const retries = () => retriesIn(events);
const got = () => readFile(path.join(root, 'plain', 'x.mat'));
const inPlain = () => readdirSync(path.join(root, 'plain'));

describe('a server', () => {
  it('that calls a .gz file gzip-encoded does not make us unpack it', async () => {
    const gz = gzipSync(plain);
    answers = [served(gz, undefined, { 'content-encoding': 'gzip' })];
    await get({ table: smallTable(tar, gz) });
    expect(md5(await got())).toBe(md5(gz));
    expect(asked[0]!.headers['accept-encoding']).toBe('identity');
  });

  it('is told which file the part is of, also in the next call', async () => {
    answers = [broken(20_000, { etag: '"one"' }), served(plain, '"one"')];
    await errorOf(() => get({ retries: 0 }));
    await get();
    expect(asked[1]!.headers).toMatchObject({ 'if-range': '"one"' });
    expect(asked[1]!.headers.range).toMatch(/^bytes=[1-9]\d*-$/);
    expect(md5(await got())).toBe(md5(plain));
    expect(inPlain()).toEqual(['x.mat']);
  });

  it('whose file changed meanwhile sends it from the beginning', async () => {
    const old = { etag: '"old"' };
    answers = [broken(20_000, old), served(plain, '"new"')];
    await get();
    expect(asked.length).toBe(2); // no third one, for the MD5 sum of a mixture
    expect(md5(await got())).toBe(md5(plain));
  });

  it('that knows ranges but not If-Range is asked again from the beginning', async () => {
    const ignorant: Answer = (request, response) => {
      delete request.headers['if-range'];
      served(plain, '"new"')(request, response);
    };
    answers = [broken(20_000, { etag: '"old"' }), ignorant];
    await get();
    expect(asked.map(({ headers }) => headers.range !== undefined)).toEqual([false, true, false]);
    expect(md5(await got())).toBe(md5(plain));
  });

  it('is not told a weak ETag, or one of another server', async () => {
    answers = [broken(20_000, { etag: 'W/"weak"' }), served()];
    await get();
    expect(asked[1]!.headers['if-range']).toBeUndefined();
    root = await temporaryFolder();
    [answers, asked] = [[broken(20_000, { etag: '"one"' }), served()], []];
    await errorOf(() => get({ retries: 0 }));
    await get({ from: `${address}/mirror` });
    expect(asked[1]!.headers['if-range']).toBeUndefined();
    expect(asked[1]!.headers.range).toMatch(/^bytes=[1-9]/);
  });

  it('with a file of another length is refused before it is read', async () => {
    answers = [served(Buffer.from('<html>Log in to this network first</html>'))];
    const error = await errorOf(() => get());
    expect(error.message).toMatch(/x\.mat: must have 50000 bytes, got 41; .*another file/);
    expect([asked.length, inPlain()]).toEqual([1, []]);
    answers = [broken(20_000), served(Buffer.concat([plain, plain]))];
    const longer = await errorOf(() => get());
    expect(longer.message).toContain('x.mat: must have 50000 bytes, got 100000');
    expect(inPlain()).toEqual([]);
  });

  it('that sends more than it said, without a length, is stopped at the declared one', async () => {
    let sent = 0;
    answers = [
      (_, response) => {
        const more = () => {
          sent += 65_536;
          if (!response.destroyed) response.write(Buffer.alloc(65_536), () => setImmediate(more));
        };
        more();
      },
    ];
    const error = await errorOf(() => get());
    expect(error.message).toContain('must have 50000 bytes, got more');
    expect(inPlain()).toEqual([]);
    expect(sent).toBeLessThan(2 ** 24);
  });

  it('that sends parts nobody asked for is asked for the whole file', async () => {
    for (const range of ['bytes 7-49999/50000', 'bytes x', 'bytes 20000-59999/60000']) {
      root = await temporaryFolder();
      await put(path.join(root, 'plain', 'x.mat.part'), plain.subarray(0, 20_000));
      const odd: Answer = (_, response) =>
        response.writeHead(206, { 'content-range': range }).end(plain.subarray(7));
      [answers, asked] = [[odd, served()], []];
      await get();
      expect(asked.map(({ headers }) => headers.range)).toEqual(['bytes=20000-', undefined]);
      expect(md5(await got())).toBe(md5(plain));
    }
  });

  it('that redirects for ever, or to something else than http, is given up', async () => {
    const to =
      (location?: string): Answer =>
      (_, response) =>
        response.writeHead(302, location === undefined ? {} : { location }).end();
    answers = [to('/x.mat')];
    expect((await errorOf(() => get())).message).toMatch(
      /x\.mat: must be there, got more than 5 redirects/,
    );
    expect(asked.length).toBe(6);
    for (const location of ['file:///etc/passwd', undefined]) {
      answers = [to(location)];
      const { message } = await errorOf(() => get());
      expect(message).toMatch(/x\.mat: must be there, got (a redirect to file:|HTTP 302)/);
    }
    expect(inPlain()).toEqual([]);
  });

  it('that is gone for a moment in the middle is asked again', async () => {
    const other = createServer((_, response) => {
      broken(20_000)(_, response);
      setTimeout(() => other.close(), 10);
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    const error = await errorOf(() => get({ from: `http://127.0.0.1:${port}`, retries: 2 }));
    expect(retries()).toHaveLength(2);
    expect(error.message).toContain('ECONNREFUSED');
    expect(inPlain()).toContain('x.mat.part');
  });

  it('that is silent from the beginning is a stall', async () => {
    answers = [() => {}, served()];
    await get();
    expect(retries()).toEqual(['no byte for 0.3 s']);
  });
});

describe('addresses', () => {
  it('that are none are mistakes on the line', async () => {
    for (const from of ['http://', 'https://a b/', 'http://[::1']) {
      const error = await errorOf(() => get({ from }));
      expect(error).toMatchObject({ kind: 'usage' });
      expect(error.message).toBe(`--from: must be an address or a path, got "${from}"`);
    }
  });

  it('of a host that does not exist end with all the files that are wanted', async () => {
    const request = { from: 'http://no-such-host.invalid/', extra: true, retries: 9 };
    const error = await errorOf(() => get({ ...request, backoffMs: 60_000 }));
    expect(error).toMatchObject({ kind: 'data' });
    expect(error.message.split('\n')).toHaveLength(1);
    for (const name of ['x.mat', 'y.mat']) {
      expect(error.message).toContain(`${name} (50,000 bytes, MD5 ${md5(plain)})`);
    }
    expect(error.message).toContain(`into ${root}/plain by hand and run this again`);
  });
});

describe('what is there', () => {
  const small = () => path.join(root, 'small');

  it('is not taken for whole without a text that readers need', async () => {
    await get({ name: 'small', from: await atHand() });
    const { rm } = await import('node:fs/promises');
    await rm(path.join(small(), 'names.txt'));
    expect((await get({ name: 'small', from: await atHand() })).wasThere).toBe(false);
    expect(existsSync(path.join(small(), 'names.txt'))).toBe(true);
  });

  it('stays, when it is of the user and beside what is missing', async () => {
    await put(path.join(small(), 'notes.md'), 'mine');
    await put(path.join(small(), 'a.bin'), 'half');
    await get({ name: 'small', from: await atHand() });
    expect(await readFile(path.join(small(), 'notes.md'), 'utf8')).toBe('mine');
    expect((await readFile(path.join(small(), 'a.bin'))).length).toBe(3000);
    expect(readdirSync(root)).toEqual(['small']);
  });

  it('may lack texts that nobody needs, and so may archives', async () => {
    const optional = members.map((one) => (one.isText ? { ...one, isOptional: true } : one));
    const bytes = await archive(sound.slice(0, 3));
    const [set] = smallTable(bytes, plain);
    const table = [{ ...set!, files: [{ ...set!.files[0]!, members: optional }] }];
    await put(path.join(root, 'small.tar.gz'), bytes);
    await get({ name: 'small', table });
    expect((await get({ name: 'small', table })).wasThere).toBe(true);
    expect(readdirSync(small()).sort()).toEqual(['a.bin', 'b.bin']);
  });

  it('of a process that was killed while unpacking is cleaned away', async () => {
    await put(path.join(root, '.small.new', 'a.bin'), 'half');
    await put(path.join(root, 'small.tar.gz'), tar);
    await get({ name: 'small' });
    expect(readdirSync(root).sort()).toEqual(['small', 'small.tar.gz']);
  });

  it('by hand and corrupt is refused, kept, and named', async () => {
    const place = await put(path.join(root, 'plain', 'x.mat'), Buffer.from(plain).fill(0, 9, 99));
    const { message } = await errorOf(() => get());
    expect(message).toMatch(
      /x\.mat: must have the MD5 sum [0-9a-f]{32}, got [0-9a-f]{32}; .*delete/,
    );
    expect(existsSync(place)).toBe(true);
    expect(asked.length).toBe(0);
  });

  async function atHand(): Promise<string> {
    const folder = await temporaryFolder();
    await put(path.join(folder, 'small.tar.gz'), tar);
    return folder;
  }
});

describe('a stop', () => {
  it('while unpacking leaves no folder, and the archive', async () => {
    const stop = new AbortController();
    await put(path.join(root, 'small.tar.gz'), tar);
    const onEvent = ({ kind }: GetEvent) => kind === 'unpack' && stop.abort();
    const error = await errorOf(() => get({ name: 'small', signal: stop.signal, onEvent }));
    expect(error).toMatchObject({ kind: 'interrupted' });
    expect(readdirSync(root)).toEqual(['small.tar.gz']);
  });

  it('while waiting for a retry does not wait', async () => {
    const stop = new AbortController();
    answers = [(_, response) => response.writeHead(500).end()];
    const began = performance.now();
    const onEvent = ({ kind }: GetEvent) => kind === 'retry' && stop.abort();
    const error = await errorOf(() => get({ signal: stop.signal, backoffMs: 60_000, onEvent }));
    expect(error).toMatchObject({ kind: 'interrupted' });
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});

describe('two at once', () => {
  it('do not take a lock for stale that is just being written', async () => {
    await mkdir(root, { recursive: true });
    const results = await Promise.allSettled(Array.from({ length: 6 }, () => get()));
    const lost = results.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    expect(lost).toHaveLength(5);
    for (const error of lost) {
      expect(error).toMatchObject({ kind: 'failure' });
      expect(error.message).toContain(`got process ${process.pid}, which is getting it`);
    }
    expect(md5(await got())).toBe(md5(plain));
    expect(inPlain()).toEqual(['x.mat']);
  });
});

it('a set that was got from a server is opened by its reader', async () => {
  const layout: CifarLayout = {
    name: 'cifar10',
    folder: 'made-up',
    remedy: 'get it',
    train: ['one.bin', 'two.bin'],
    test: 'three.bin',
    trainRecords: 3,
    testRecords: 2,
    labelBytes: 1,
    namesFile: 'names.txt',
    classCount: 10,
  };
  const sizes = { 'one.bin': 3 * 3073, 'two.bin': 3 * 3073, 'three.bin': 2 * 3073 };
  const names = Buffer.from(Array.from({ length: 10 }, (_, i) => `class ${i}\n`).join(''));
  const entries = [
    { header: { name: 'made-up/', size: 0, type: 'directory' as const } },
    ...Object.entries(sizes).map(([name, size]) => file(`made-up/${name}`, size)),
    { header: { name: 'made-up/names.txt', size: names.length }, body: names },
  ];
  const bytes = await archive(entries);
  const set = {
    name: 'made-up',
    address,
    folder: 'made-up',
    files: [
      {
        file: 'made-up.tar.gz',
        sizeBytes: bytes.length,
        md5: md5(bytes),
        members: [
          ...Object.entries(sizes).map(([name, sizeBytes]) => ({ name, sizeBytes })),
          { name: 'names.txt', sizeBytes: 1000, isText: true },
        ],
      },
    ],
  };
  answers = [served(bytes)];
  await get({ name: 'made-up', table: [set] });
  const { classes, train, test } = await openCifar(layout, root);
  expect([classes.length, train.count, test.count]).toEqual([10, 6, 2]);
  for await (const { labels } of train.chunks()) expect(Array.from(labels)).toEqual([7, 7, 7]);
  await writeFile(path.join(root, 'made-up', 'one.bin'), 'cut');
  expect((await get({ name: 'made-up', table: [set] })).wasThere).toBe(false);
});
