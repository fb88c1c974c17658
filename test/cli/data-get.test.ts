import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { makeGetProgress } from '../../src/cli/data-get.ts';
import { openIdx } from '../../src/data/readers/idx.ts';
import { putZeros } from '../data/fixtures.ts';
import { type Outcome, runIgc, startIgc, temporaryFolder } from './run-igc.ts';

const folder = temporaryFolder();

/** Address of a server that lives as long as the test. */
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

const get = (set: string, output: string, ...more: string[]) =>
  runIgc(['data', 'get', set, '--output', output, ...more], { cwd: folder() });

/** One line, without a stack trace. */
function lineOf({ stdout, stderr }: Outcome): string {
  expect(stdout).toBe('');
  const lines = stderr.trimEnd().split('\n');
  expect(lines.filter((line) => /^\s+at |internal:/.test(line))).toEqual([]);
  return lines.at(-1)!;
}

const debianFolder = '/usr/share/datasets/fashion-mnist';

/**
 * An official file of Fashion-MNIST, byte for byte: Debian's with the name and the time that its packaging took out of
 * the gzip header.
 */
function officialFile(name: string): Buffer {
  const bytes = readFileSync(path.join(debianFolder, name));
  const time = name.startsWith('train-') ? 1_504_176_606 : 1_504_176_627;
  const header = Buffer.from(bytes.subarray(0, 10));
  header[3] = 8; // a name follows
  header.writeUInt32LE(time, 4);
  return Buffer.concat([
    header,
    Buffer.from(`${path.basename(name, '.gz')}\0`),
    bytes.subarray(10),
  ]);
}

describe('igc data get', () => {
  it('deletes what a server sent of the right length and the wrong bytes', async () => {
    const address = await serve((_, response) => {
      response.writeHead(200, { 'content-length': 26_421_880 }).end(Buffer.alloc(26_421_880));
    });
    const outcome = await get('fashion-mnist', 'corrupt', '--from', address);
    expect(outcome.code).toBe(3);
    expect(lineOf(outcome)).toMatch(
      /train-images-idx3-ubyte\.gz: must have the MD5 sum 8d4fb7e6c68d591d4c3dfef9ec88bf0d, got [0-9a-f]{32}; what came was deleted/,
    );
    expect(outcome.stderr).toMatch(/^train-images-idx3-ubyte\.gz: 25.2 MiB$/m);
    expect(readdirSync(path.join(folder(), 'corrupt', 'fashion-mnist'))).toEqual([]);
  });

  it.skipIf(!existsSync(debianFolder))(
    'gets the official Fashion-MNIST over a connection that breaks, and its reader opens it',
    async () => {
      let broken = false;
      const address = await serve((request, response) => {
        const bytes = officialFile(path.basename(request.url!));
        const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
        const range = { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` };
        const length = { 'content-length': bytes.length - from, 'content-encoding': 'gzip' };
        response.writeHead(from > 0 ? 206 : 200, { ...length, ...(from > 0 && range) });
        if (broken) return void response.end(bytes.subarray(from));
        broken = true;
        response.write(bytes.subarray(0, 9_000_000), () =>
          setTimeout(() => response.destroy(), 50),
        );
      });
      const { code, stdout, stderr } = await get('fashion-mnist', 'real', '--from', address);
      expect([code, stdout], stderr).toEqual([0, 'fashion-mnist: in real/fashion-mnist\n']);
      expect(stderr).toMatch(/^train-images-idx3-ubyte\.gz: got .*; trying again$/m);
      expect(readdirSync(path.join(folder(), 'real'))).toEqual(['fashion-mnist']);
      const { train, test } = await openIdx('fashion-mnist', path.join(folder(), 'real'));
      expect([train.count, test.count]).toEqual([60_000, 10_000]);
      expect((await get('fashion-mnist', 'real')).stdout).toMatch(/^fashion-mnist: all there, in/);
    },
  );

  it('gives up after as many retries as it was told, in as little time', async () => {
    let asked = 0;
    const address = await serve((_, response) => {
      asked++;
      response.writeHead(200, { 'content-length': 170_052_171 }).write('ab');
    });
    const waits = ['--timeout', '0.2', '--retries', '1'];
    const outcome = await get('cifar10', 'stall', '--from', address, ...waits);
    expect([outcome.code, asked]).toEqual([3, 2]);
    expect(outcome.stderr).toMatch(
      /^cifar-10-binary\.tar\.gz: got no byte for 0\.2 s; trying again$/m,
    );
    expect(lineOf(outcome)).toMatch(
      /must be downloadable, got no byte for 0\.2 s; try again: it goes/,
    );
    expect(existsSync(path.join(folder(), 'stall', 'cifar-10-binary.tar.gz.part'))).toBe(true);
    expect(readdirSync(path.join(folder(), 'stall')).filter((name) => /lock/.test(name))).toEqual(
      [],
    );
  });

  it('says what to get by hand for a host that does not exist, and for a 404', async () => {
    const offline = await get('cifar100', 'none', '--from', 'http://no-such-host.invalid/kriz');
    expect(offline.code).toBe(3);
    expect(lineOf(offline)).toMatch(
      /^http:\/\/no-such-host\.invalid\/kriz\/cifar-100-binary\.tar\.gz: must be reachable, got .*(ENOTFOUND|EAI_AGAIN).*; or put cifar-100-binary\.tar\.gz \(168,513,733 bytes, MD5 03b5dce01913d631647c71ecec9e9cb8\) from https:\/\/www\.cs\.toronto\.edu\/~kriz\/ into .*none by hand and run this again$/,
    );
    const address = await serve((_, response) => response.writeHead(404).end());
    const absent = await get('cifar100', 'none', '--from', address);
    expect(absent.code).toBe(3);
    expect(lineOf(absent)).toContain(
      'must be there, got HTTP 404 Not Found; has it moved? give --from',
    );
  });

  it('finds a set that is there, and prints it as JSON', async () => {
    const place = path.join(folder(), 'whole', 'cifar-10-batches-bin');
    const batches = [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`).concat('test_batch.bin');
    for (const name of batches) await putZeros(path.join(place, name), 30_730_000);
    const said = await get('cifar10', 'whole');
    expect(said).toEqual({
      code: 0,
      stdout: 'cifar10: all there, in whole/cifar-10-batches-bin\n',
      stderr: '',
    });
    const { stdout } = await get('cifar10', 'whole', '--json');
    expect(JSON.parse(stdout)).toEqual({
      name: 'cifar10',
      folder: place,
      wasThere: true,
      files: ['cifar-10-binary.tar.gz'],
    });
  });

  it.each([
    [['--timeout', '1e9'], '--timeout: must be above 0 and at most 86400, got 1e9'],
    [['--retries', '1.5'], '--retries: must be a whole number of at least 1, got 1.5'],
    [['--from', 'http://'], '--from: must be an address or a path, got "http://"'],
    [['--extra'], '--extra: is not an option of cifar10'],
  ])('refuses %s as a mistake on the line', async (flags, message) => {
    const outcome = await get('cifar10', 'mistake', ...flags);
    expect([outcome.code, lineOf(outcome)]).toEqual([2, message]);
    expect(existsSync(path.join(folder(), 'mistake'))).toBe(false);
  });

  it('goes on, after a Ctrl-C, with what was there', async () => {
    const bytes = 26_421_880;
    const ranges: (string | undefined)[] = [];
    const address = await serve((request, response) => {
      ranges.push(request.headers.range);
      response.writeHead(200, { 'content-length': bytes, etag: '"same"' });
      response.write(Buffer.alloc(1_000_000));
    });
    const args = ['data', 'get', 'fashion-mnist', '--output', 'stopped', '--from', address];
    const part = path.join(folder(), 'stopped/fashion-mnist/train-images-idx3-ubyte.gz.part');
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const running = startIgc(args, { cwd: folder() });
      const asked = ranges.length;
      while (ranges.length === asked || !existsSync(part) || statSync(part).size < 1_000_000) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      running.process.kill(signal);
      const outcome = await running.outcome;
      expect(outcome.code).toBe(130);
      expect(lineOf(outcome)).toMatch(/: stopped; the same command goes on with .*\.part$/);
    }
    expect(ranges).toEqual([undefined, 'bytes=1000000-']);
  });

  it('lets one of two processes get a set', async () => {
    const address = await serve((_, response) => {
      response.writeHead(200, { 'content-length': 182_040_794 }).write(Buffer.alloc(1000));
    });
    const args = ['data', 'get', 'svhn', '--output', 'both', '--from', address];
    const first = startIgc(args, { cwd: folder() });
    const part = path.join(folder(), 'both/svhn/train_32x32.mat.part');
    while (!existsSync(part)) await new Promise((resolve) => setTimeout(resolve, 20));
    const second = await runIgc(args, { cwd: folder() });
    expect(second.code).toBe(1);
    expect(lineOf(second)).toMatch(
      /both.svhn: must not be got by two processes at once, got process \d+, which is getting it; wait until it is done$/,
    );
    first.process.kill('SIGKILL'); // its lock is taken over
    await first.outcome;
    const third = startIgc(args, { cwd: folder() });
    while (!third.stderr().includes('train_32x32.mat')) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    third.process.kill('SIGINT');
    expect((await third.outcome).code).toBe(130);
  });
});

describe('the progress of a download', () => {
  const written = (isTTY: boolean, env: NodeJS.ProcessEnv = {}, columns = 80) => {
    let text = '';
    const output = { isTTY, columns, write: (more: string) => (text += more) };
    const progress = makeGetProgress(output, env);
    for (const done of [0, 50, 100]) {
      progress.event({ kind: 'progress', file: 'x.gz', done, of: 100 });
    }
    progress.event({ kind: 'retry', file: 'x.gz', reason: 'HTTP 500' });
    progress.event({ kind: 'unpack', file: 'x.gz' });
    progress.finish();
    return text;
  };
  const lines = 'x.gz: got HTTP 500; trying again\nx.gz: unpacking\n';

  it('is one line for each file where there is no terminal', () => {
    expect(written(false)).toBe(`x.gz: 100 bytes\n${lines}`);
    expect(written(true, { TERM: 'dumb' })).toBe(`x.gz: 100 bytes\n${lines}`);
  });

  it('rewrites a line on a terminal, and removes it before others', () => {
    const clear = '\r\u001b[2K';
    expect(written(true)).toBe(
      `x.gz: 100 bytes\n${clear}x.gz:   0%, 0 bytes of 100 bytes${clear}x.gz: 100%, 100 bytes of 100 bytes${clear}${lines}`,
    );
    expect(written(true, {}, 12)).toBe(`x.gz: 100 bytes\n${clear}  0%${clear}100%${clear}${lines}`);
  });
});
