/** Small archives and a small data set to get, for tests of getting and unpacking. */

import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { packTar } from 'modern-tar';
import type { ArchiveMember, DatasetDownloads } from '../../src/data/get/downloads.ts';
import type { GetRequest } from '../../src/data/get/get-dataset.ts';
import type { GetEvent } from '../../src/data/get/obtain-file.ts';

type Entry = Parameters<typeof packTar>[0][number];

export const members: readonly ArchiveMember[] = [
  { name: 'a.bin', sizeBytes: 3000 },
  { name: 'b.bin', sizeBytes: 10 },
  { name: 'names.txt', sizeBytes: 100, isText: true },
];

export const file = (name: string, size: number): Entry => ({
  header: { name, size, type: 'file' },
  body: new Uint8Array(size).fill(7),
});

/** The entries of a sound archive of the folder `small`. */
export const sound: readonly Entry[] = [
  { header: { name: 'small/', size: 0, type: 'directory' } },
  file('small/a.bin', 3000),
  file('small/b.bin', 10),
  file('small/names.txt', 33),
];

export async function archive(entries: readonly Entry[] = sound): Promise<Buffer> {
  return gzipSync(await packTar([...entries]));
}

export const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex');

/** Patience enough for a server in the same process. */
const impatient = { backoffMs: 1, retries: 2, timeoutMs: 300 } as const;

/** A data set of one archive and one of two plain files. */
export function smallTable(tar: Buffer, plain: Buffer): readonly DatasetDownloads[] {
  const address = 'http://127.0.0.1:10009/'; // nobody answers there
  const plainFile = (name: string) => ({ file: name, sizeBytes: plain.length, md5: md5(plain) });
  return [
    {
      name: 'small',
      address,
      folder: 'small',
      files: [{ file: 'small.tar.gz', sizeBytes: tar.length, md5: md5(tar), members }],
    },
    {
      name: 'plain',
      address,
      folder: 'plain',
      files: [plainFile('x.mat')],
      extra: [plainFile('y.mat')],
    },
  ];
}

/** Gets the set `plain` from a server to a folder, events being collected. */
export function plainRequest(
  from: string,
  output: string,
  table: readonly DatasetDownloads[],
  events: GetEvent[],
): GetRequest {
  const onEvent = (event: GetEvent) => void events.push(event);
  return { name: 'plain', from, output, table, ...impatient, onEvent };
}

/** Why it was tried again. */
export function retriesIn(events: readonly GetEvent[]): readonly string[] {
  return events.flatMap((event) => (event.kind === 'retry' ? [event.reason] : []));
}
