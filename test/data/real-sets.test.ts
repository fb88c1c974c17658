/** Real data sets, byte for byte as an independent reader has them; skipped where they or Python are absent. */

import { describe, expect, it } from 'vitest';
import { openCifar10, openCifar100 } from '../../src/data/readers/cifar.ts';
import { missingReason, realData } from './fixtures.ts';
import { hashSplit, python } from './readers.ts';

const numpy = `
import hashlib, numpy, sys
folder, labels, train, test = sys.argv[1], int(sys.argv[2]), sys.argv[3].split(','), sys.argv[4].split(',')
for names in (train, test):
    parts = [numpy.fromfile(f'{folder}/{name}', numpy.uint8).reshape(-1, labels + 3072) for name in names]
    records = numpy.concatenate(parts)
    print(hashlib.sha256(records[:, labels:].tobytes() + records[:, labels - 1].tobytes()).hexdigest())`;

describe('CIFAR', () => {
  const batches = [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`).join();
  it.each([
    ['cifar-10-batches-bin', openCifar10, ['1', batches, 'test_batch.bin']],
    ['cifar-100-binary', openCifar100, ['2', 'train.bin', 'test.bin']],
  ] as const)('in %s is as numpy reads it', async (name, open, args) => {
    const folder = realData(name);
    if (folder === undefined) return void console.info(missingReason(name));
    const expected = python(numpy, folder, ...args);
    if (expected === undefined) return void console.info('skipped: no Python with numpy');
    const { train, test, classes } = await open(folder);
    expect([await hashSplit(train, classes.length), await hashSplit(test, classes.length)]).toEqual(
      expected,
    );
  });
});
