import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { IgcError, usageError } from '../../src/core/errors.ts';
import { workerUrl } from '../../src/core/worker-url.ts';
import {
  allocateBatch,
  countBatches,
  fillBatch,
  orderEpoch,
} from '../../src/data/batches/batch-content.ts';
import { produceBatches } from '../../src/data/batches/batch-producer.ts';
import {
  awaitBatch,
  awaitFree,
  endRing,
  makeRing,
  openSlots,
  publish,
  release,
} from '../../src/data/batches/batch-ring.ts';
import { type BatchRequest, openBatches } from '../../src/data/batches/batches.ts';
import { channelStatistics } from '../../src/data/channel-statistics.ts';
import type { ImageSet } from '../../src/data/dataset.ts';
import { errorOf, smallSet } from './fixtures.ts';

const set = smallSet(); // 40 images of 2×5×7
const request: BatchRequest & { readonly set: ImageSet } = {
  set,
  batchSize: 6,
  order: 'shuffled',
  seed: 5,
  augment: { pad: 2, mirror: true },
  statistics: channelStatistics(set),
  firstEpoch: 0,
  firstStep: 0,
  stepsPerEpoch: 6,
  epochs: 3,
};

/** All batches to the end as printable rows: epoch, step, indices, labels, and every bit of the images. */
async function readAll(wanted: BatchRequest): Promise<string[]> {
  const source = openBatches(wanted);
  const rows: string[] = [];
  const first = wanted.firstEpoch * wanted.stepsPerEpoch + wanted.firstStep;
  for (let i = first; i < wanted.epochs * wanted.stepsPerEpoch; i++) {
    const { epoch, step, count, images, labels, indices } = source.next();
    expect([images.length, labels.length]).toEqual([count * 70, count]);
    const bits = Buffer.from(images.slice().buffer).toString('base64');
    rows.push(`${epoch}/${step}: ${indices.join()} ${labels.join()} ${bits}`);
  }
  await source.close();
  return rows;
}

describe('openBatches', () => {
  it('gives the same bytes as filling batches in this thread', async () => {
    const rows = await readAll(request);
    const out = allocateBatch(request);
    const expected: string[] = [];
    for (let epoch = 0; epoch < 3; epoch++) {
      const order = orderEpoch(request, epoch);
      for (let step = 0; step < 6; step++) {
        expect(fillBatch(out, request, order, step)).toBe(6);
        const bits = Buffer.from(out.images.buffer).toString('base64');
        expected.push(`${epoch}/${step}: ${out.indices.join()} ${out.labels.join()} ${bits}`);
      }
    }
    expect(rows).toEqual(expected);
  });

  it('gives the same bytes from any resume point and with any number of slots', async () => {
    const rows = await readAll({ ...request, slots: 2 });
    for (const [firstEpoch, firstStep, slots] of [
      [0, 5, 9],
      [1, 0, 3],
      [2, 4, 4],
    ] as const) {
      const resumed = await readAll({ ...request, firstEpoch, firstStep, slots });
      expect(resumed).toEqual(rows.slice(firstEpoch * 6 + firstStep));
    }
  });

  it('gives other batches for another seed, and never two equal ones', async () => {
    const rows = await readAll(request);
    expect(new Set(rows).size).toBe(18);
    const other = await readAll({ ...request, seed: 6 });
    expect(other.filter((row) => rows.includes(row))).toEqual([]);
  });

  it('is read in its own order, with a short last batch, when sequential', async () => {
    const wanted = { ...request, order: 'sequential', augment: null } as const;
    const source = openBatches({ ...wanted, stepsPerEpoch: 7, epochs: 1 });
    const seen: number[] = [];
    let last = 0;
    for (let step = 0; step < 7; step++) {
      const { indices, count } = source.next();
      seen.push(...indices);
      last = count;
    }
    expect(seen).toEqual([...Array(40).keys()]);
    expect(last).toBe(4);
    await source.close();
  });

  it('shows each image once in a shuffled epoch, and a small set as one batch', async () => {
    const source = openBatches({ ...request, batchSize: 64, stepsPerEpoch: 1 });
    for (let epoch = 0; epoch < 3; epoch++) {
      const { indices, count, labels } = source.next();
      expect(count).toBe(40);
      expect([...indices].sort((a, b) => a - b)).toEqual([...Array(40).keys()]);
      for (const [i, index] of indices.entries()) expect(labels[i]).toBe(set.labels[index]);
    }
    await source.close();
  });

  it('never overwrites the batch in use, and counts the time it waited', async () => {
    const source = openBatches({ ...request, slots: 2 });
    const { images } = source.next();
    const before = images.slice();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(images).toEqual(before);
    expect(source.waitedMs).toBeGreaterThan(0);
    await source.close();
    expect(images).toEqual(before);
  });

  it('throws after its last batch and after it is closed', async () => {
    const source = openBatches({ ...request, stepsPerEpoch: 1, epochs: 1 });
    source.next();
    expect(() => source.next()).toThrow('internal: batches: next was called after epoch 1');
    await source.close();
    await source.close();
    expect(() => source.next()).toThrow('internal: batches: next was called after close');
  });

  it('ends its thread on closing, even one that waits for a free slot', async () => {
    const source = openBatches(request);
    source.next();
    await new Promise((resolve) => setTimeout(resolve, 50));
    await source.close();
  });

  const wrong: readonly [string, Partial<BatchRequest>, string][] = [
    ['batchSize', { batchSize: 0 }, 'batches.batchSize: must be a whole number from 1, got 0'],
    [
      'pad',
      { augment: { pad: -1, mirror: true } },
      'batches.augment.pad: must be a whole number of pixels from 0, got -1',
    ],
    [
      'statistics',
      { statistics: { mean: [0], std: [1, 1] } },
      'batches.statistics.mean: must have one value for each of the 2 channels, got 1',
    ],
    ['epochs', { epochs: 0 }, 'batches.epochs: must be a whole number from 1, got 0'],
    [
      'stepsPerEpoch',
      { stepsPerEpoch: 7 },
      'batches.stepsPerEpoch: must be a whole number from 1 to 6, got 7',
    ],
    [
      'firstEpoch',
      { firstEpoch: 3 },
      'batches.firstEpoch: must be a whole number from 0 to 2, got 3',
    ],
    ['firstStep', { firstStep: 6 }, 'batches.firstStep: must be a whole number from 0 to 5, got 6'],
    ['slots', { slots: 1 }, 'batches.slots: must be a whole number from 2 to 1024, got 1'],
  ];
  it.each(wrong)('refuses a wrong %s', async (_, change, message) => {
    const error = await errorOf(() => openBatches({ ...request, ...change }));
    expect(error).toMatchObject({ kind: 'usage', message });
  });

  it('refuses an empty set', async () => {
    const empty = { ...set, count: 0 };
    expect((await errorOf(() => openBatches({ ...request, set: empty }))).message).toBe(
      'batches.set: must have at least one image, got 0',
    );
  });
});

describe('a producer in trouble', () => {
  const script = (code: string) => new URL(`data:text/javascript,${encodeURIComponent(code)}`);

  it('does not let a blocked consumer hang', () => {
    const source = openBatches({ ...request, patienceMs: 300, worker: script('process.exit(0)') });
    expect(() => source.next()).toThrow('internal: the batch producer was silent for 300 ms');
    expect(() => source.next()).toThrow('internal: the batch producer was silent for 300 ms');
  });

  it('is reported at once when the consumer was idle as it died', async () => {
    for (const [code, message] of [
      ['throw new Error("no such luck")', 'no such luck'],
      ['process.exit(7)', 'internal: the batch producer exited with code 7'],
    ] as const) {
      const source = openBatches({ ...request, worker: script(code) });
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(() => source.next()).toThrow(message);
      await source.close();
    }
  });

  it('sends its error through the ring, after the batches that it had finished', async () => {
    const ring = makeRing({ slots: 4, batchSize: 6, imageSize: 70 });
    let images = 0;
    const failing = {
      ...set,
      get labels() {
        if (images++ === 12) throw usageError({ path: 'x', rule: 'must not', got: 'ünïcödé' });
        return set.labels;
      },
    };
    const recipe = { ...request, set: failing };
    const range = { firstEpoch: 0, firstStep: 0, stepsPerEpoch: 6, epochs: 1 };
    await produceBatches({ recipe, range, ring, index: 0, producers: 1 });
    expect(awaitBatch(ring, 0, 0)).toBe(true);
    expect(awaitBatch(ring, 1, 0)).toBe(true);
    const error = errorIn(() => awaitBatch(ring, 2, 0));
    expect(error).toBeInstanceOf(IgcError);
    expect(error).toMatchObject({ kind: 'usage', message: 'x: must not, got ünïcödé' });
  });
});

describe('the ring', () => {
  const shape = { slots: 3, batchSize: 5, imageSize: 7 };

  it('has slots that do not overlap', () => {
    const slots = openSlots(makeRing(shape));
    for (const [i, { images, labels, indices }] of slots.entries()) {
      images.fill(i);
      labels.fill(10 + i);
      indices.fill(20 + i);
    }
    for (const [i, { images, labels, indices }] of slots.entries()) {
      expect([images.length, labels.length, indices.length]).toEqual([35, 5, 5]);
      expect([...new Set([...images, ...labels, ...indices])]).toEqual([i, 10 + i, 20 + i]);
    }
  });

  it('lets the producer run ahead by its slots and no further', () => {
    const ring = makeRing(shape);
    for (let batch = 0; batch < 3; batch++) {
      expect(awaitFree(ring, batch)).toBe(true);
      publish(ring, batch);
    }
    expect(awaitBatch(ring, 3, 0)).toBe(false);
    release(ring);
    expect(awaitFree(ring, 3)).toBe(true);
    endRing(ring);
    expect(awaitFree(ring, 4)).toBe(false);
  });

  it('keeps the first end, and cuts an endless message', () => {
    const ring = makeRing(shape);
    endRing(ring, new Error(`€${'€'.repeat(5000)}`));
    endRing(ring, new Error('later'));
    expect((errorIn(() => awaitBatch(ring, 0, 0)) as Error).message).toMatch(/^€{1000,1400}$/);
    const other = makeRing(shape);
    endRing(other, 'a mere text');
    expect(() => awaitBatch(other, 0, 0)).toThrow('a mere text');
  });
});

describe('countBatches', () => {
  it.each([
    [40, 6, 6, 7],
    [40, 40, 1, 1],
    [40, 64, 1, 1],
    [1, 1, 1, 1],
  ])('of %i images in batches of %i', (count, batchSize, shuffled, sequential) => {
    const sized = { set: { ...set, count }, batchSize };
    expect(countBatches({ ...sized, order: 'shuffled' })).toBe(shuffled);
    expect(countBatches({ ...sized, order: 'sequential' })).toBe(sequential);
  });
});

describe('workerUrl', () => {
  it('is the built file, beside the importer or in dist for a source file', () => {
    const built = workerUrl(
      new URL('../../src/data/batches/batches.ts', import.meta.url).href,
      'batch-worker',
    );
    expect(built.pathname).toMatch(/\/dist\/data\/batches\/batch-worker\.js$/);
    expect(existsSync(built)).toBe(true);
    expect(workerUrl(new URL('./batches.js', built).href, 'batch-worker').href).toBe(built.href);
  });

  it('says how to build a missing file', () => {
    expect(() => workerUrl('file:///project/src/data/x.ts', 'none')).toThrow(
      'internal: the worker /project/dist/data/none.js is missing; run "npm run build:ts"',
    );
  });

  it('serves a consumer in a worker thread that blocks', async () => {
    const code = `
      import { parentPort, workerData } from 'node:worker_threads';
      const { openBatches } = await import(workerData.module);
      const source = openBatches(workerData.request);
      let images = 0;
      for (let i = 0; i < 18; i++) images += source.next().count;
      await source.close();
      parentPort.postMessage(images);`;
    const module = new URL('../../dist/data/batches/batches.js', import.meta.url).href;
    const url = new URL(`data:text/javascript,${encodeURIComponent(code)}`);
    const worker = new Worker(url, { workerData: { module, request } });
    const images = await new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    expect(images).toBe(108);
  });
});

function errorIn(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}
