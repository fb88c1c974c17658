import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { channelStatistics } from '../../src/data/channel-statistics.ts';
import * as cifar from '../../src/data/readers/cifar.ts';
import { usualDataFolders } from '../../src/data/readers/data-folder.ts';
import { loadDataset } from '../../src/data/source.ts';
import { errorOf, missingReason, put, putZeros, realData, temporaryFolder } from './fixtures.ts';

const files = [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`).concat('test_batch.bin');
const remedy = '"igc data get cifar10", or unpack cifar-10-binary.tar.gz';

const openCifar10 = async (dir?: string) => loadDataset(await cifar.openCifar10(dir));
const openCifar100 = async (dir?: string) => loadDataset(await cifar.openCifar100(dir));

afterEach(() => vi.unstubAllEnvs());

async function makeCifar10(parent: string): Promise<string> {
  const folder = path.join(parent, 'cifar-10-batches-bin');
  for (const file of files) await putZeros(path.join(folder, file), 30_730_000);
  return folder;
}

describe('cifar10', () => {
  it('reads labels and pixels from the folder or its parent, wherever it was told to look', async () => {
    const parent = await temporaryFolder();
    const folder = await makeCifar10(parent);
    const record = 3073 * 9999;
    await putZeros(path.join(folder, files[1]!), 30_730_000, { [record]: 7, [record + 3072]: 99 });
    const { train, test, classes } = await openCifar10(parent);
    expect(classes.slice(0, 2)).toEqual(['airplane', 'automobile']);
    expect(train).toMatchObject({ count: 50_000, channels: 3, height: 32, width: 32 });
    expect(test.count).toBe(10_000);
    expect(train.labels[19_999]).toBe(7);
    expect(train.labels[19_998]).toBe(0);
    expect(train.pixels[20_000 * 3072 - 1]).toBe(99);
    expect(train.pixels[20_000 * 3072 - 2]).toBe(0);

    vi.stubEnv('IGCNET_DATA', folder);
    await put(path.join(folder, 'batches.meta.txt'), 'a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n');
    expect((await openCifar10()).classes.join('')).toBe('abcdefghij');
  });

  it('says what is expected and where, when there is nothing', async () => {
    const empty = await temporaryFolder();
    expect(await errorOf(() => openCifar10(empty))).toMatchObject({
      kind: 'data',
      message: `cifar10: needs a folder that holds ${files.join(', ')}, got none in ${empty}, ${empty}/cifar-10-batches-bin; ${remedy} in ${empty}, or give its folder as data.dir`,
    });
  });

  it('searches $IGCNET_DATA, then the cache in the home folder', () => {
    vi.stubEnv('HOME', '/home/somebody');
    expect(usualDataFolders({ IGCNET_DATA: '/data' })).toEqual([
      '/data',
      '/home/somebody/.cache/igcnet-data',
    ]);
    expect(usualDataFolders({})).toEqual(['/home/somebody/.cache/igcnet-data']);
  });

  it('names the missing files of an incomplete folder', async () => {
    const parent = await temporaryFolder();
    const folder = await makeCifar10(parent);
    await rm(path.join(folder, 'data_batch_4.bin'));
    expect((await errorOf(() => openCifar10(parent))).message).toBe(
      `cifar10: ${folder} must hold ${files.join(', ')}, got no data_batch_4.bin; ${remedy} there again`,
    );
  });

  it.each([
    [30_729_999, 'truncated'],
    [30_730_001, 'too long'],
    [0, 'truncated'],
  ])('refuses a file of %i bytes', async (size, fault) => {
    const folder = await makeCifar10(await temporaryFolder());
    await putZeros(path.join(folder, 'data_batch_3.bin'), size);
    expect(await errorOf(() => openCifar10(folder))).toMatchObject({
      kind: 'data',
      message: `cifar10: data_batch_3.bin has ${size} bytes, expected 30730000 (10000 records of 3073); the file is ${fault}`,
    });
  });

  it('names file, record and byte of an impossible label', async () => {
    const folder = await makeCifar10(await temporaryFolder());
    await putZeros(path.join(folder, 'test_batch.bin'), 30_730_000, { [3073 * 5]: 10 });
    expect((await errorOf(() => openCifar10(folder))).message).toBe(
      'cifar10: test_batch.bin record 5 (byte 15365) must have a label below 10, got 10; the file is corrupt',
    );
  });

  it('refuses a list of too few class names, and one that cannot be read', async () => {
    const folder = await makeCifar10(await temporaryFolder());
    const names = await put(path.join(folder, 'batches.meta.txt'), 'cat\ndog\n');
    expect((await errorOf(() => openCifar10(folder))).message).toBe(
      'cifar10: batches.meta.txt must have 10 class names, one a line, got 2',
    );
    await rm(names);
    await put(path.join(names, 'inside.txt'), 'a folder now');
    expect((await errorOf(() => openCifar10(folder))).message).toBe(
      `cifar10: ${names} must be readable, got EISDIR`,
    );
  });
});

describe('cifar100', () => {
  it('reads fine labels, and needs the file of their names', async () => {
    const folder = path.join(await temporaryFolder(), 'cifar-100-binary');
    await putZeros(path.join(folder, 'train.bin'), 153_700_000, { 0: 19, 1: 98, 2: 5 });
    await putZeros(path.join(folder, 'test.bin'), 30_740_000);
    expect((await errorOf(() => openCifar100(folder))).message).toContain(
      'got no fine_label_names.txt',
    );
    const names = Array.from({ length: 100 }, (_, i) => `fine${i}`);
    await put(path.join(folder, 'fine_label_names.txt'), names.join('\n'));
    const { train, classes } = await openCifar100(folder);
    expect(classes[train.labels[0]!]).toBe('fine98');
    expect(train.pixels[0]).toBe(5);
  });
});

describe('the real sets', () => {
  const published = {
    cifar10: { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] },
    cifar100: { mean: [0.5071, 0.4865, 0.4409], std: [0.2673, 0.2564, 0.2762] },
  };
  it.each([
    ['cifar10', 'cifar-10-batches-bin', openCifar10],
    ['cifar100', 'cifar-100-binary', openCifar100],
  ] as const)('%s has the published mean and deviation', async (name, folder, open) => {
    const place = realData(folder);
    if (place === undefined) return void console.info(missingReason(folder));
    const { train, test, classes } = await open(place);
    const { mean, std } = channelStatistics(train);
    for (const c of [0, 1, 2]) {
      expect(mean[c]).toBeCloseTo(published[name].mean[c]!, 4);
      expect(std[c]).toBeCloseTo(published[name].std[c]!, 4);
    }
    for (const set of [train, test]) {
      const first = set.labels.filter((label) => label === 0).length;
      expect(first).toBe(set.count / classes.length);
    }
  });
});
