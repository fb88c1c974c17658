/** The event file, read by others: protobufjs with TensorBoard's messages, crc-32, and TensorBoard itself where it is. */
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import crc32c from 'crc-32/crc32c.js';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { appendEvents, resetEvents } from '../../src/train/event-file.ts';
import type { MetricsRow } from '../../src/train/events.ts';
import { collect, resumeTask, smallTask, temporaryFolder } from './small-run.ts';

/** @source tensorflow/core/util/event.proto and framework/summary.proto, the fields that scalars use */
const { root } = protobuf.parse(`
  syntax = "proto3";
  message Value { string tag = 1; float simple_value = 2; }
  message Summary { repeated Value value = 1; }
  message Event { double wall_time = 1; int64 step = 2; string file_version = 3; Summary summary = 5; }
`);
const Event = root.lookupType('Event');

interface ReadEvent {
  readonly wallTime: number;
  readonly step?: number;
  readonly fileVersion?: string;
  readonly summary?: { readonly value: readonly { tag: string; simpleValue: number }[] };
}

const fileOf = (run: string) => path.join(run, 'events.out.tfevents.igcnet');

/** Every record, its checksums compared. */
function readEvents(run: string): readonly ReadEvent[] {
  const bytes = readFileSync(fileOf(run));
  const events: ReadEvent[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    const data = bytes.subarray(at + 12, at + 12 + length);
    expect(bytes.readUInt32LE(at + 8)).toBe(masked(bytes.subarray(at, at + 8)));
    expect(bytes.readUInt32LE(at + 12 + length)).toBe(masked(data));
    events.push(Event.toObject(Event.decode(data), { longs: Number }) as ReadEvent);
    at += 16 + length;
  }
  return events;
}

function masked(bytes: Uint8Array): number {
  const crc = crc32c.buf(bytes) >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** What TensorBoard should show of the rows of metrics.jsonl. */
function expected(run: string): readonly object[] {
  const rows = readFileSync(path.join(run, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
  return rows.map((line) => {
    const row = JSON.parse(line) as MetricsRow;
    const value = (tag: string, number: number | undefined) =>
      number === undefined ? [] : [{ tag, simpleValue: Math.fround(number) }];
    return {
      wallTime: Date.parse(row.time.at) / 1000,
      step: row.step,
      summary: {
        value: [
          ...value('train/loss', row.trainLoss),
          ...value('train/accuracy', row.trainAccuracy),
          ...value('validation/loss', row.validationLoss),
          ...value('validation/accuracy', row.validationAccuracy),
          ...value('test/loss', row.testLoss),
          ...value('test/accuracy', row.testAccuracy),
          ...value('learning_rate', row.learningRate),
          ...value('images_per_second', row.time.imagesPerSecond),
        ],
      },
    };
  });
}

describe('the event file of a run', () => {
  it('has a version and every row, in epochs without evaluation too', async () => {
    const output = temporaryFolder();
    await collect(smallTask(output, { evalEvery: 2 }));
    const [first, ...events] = readEvents(`${output}/run`);
    expect(first).toMatchObject({ fileVersion: 'brain.Event:2' });
    expect(events).toHaveLength(3);
    expect(events).toEqual(expected(`${output}/run`));
  });

  it('has each row once after the run was stopped, damaged and resumed', async () => {
    const output = temporaryFolder();
    const run = `${output}/run`;
    let asked = 0;
    await collect(smallTask(output), { isStopped: () => ++asked > 14 });
    const inode = statSync(fileOf(run)).ino;
    const [row] = readFileSync(path.join(run, 'metrics.jsonl'), 'utf8').split('\n');
    appendEvents(run, { ...JSON.parse(row!), step: 999 }); // as if killed before its checkpoint
    await collect(resumeTask(run));
    expect(readEvents(run).slice(1)).toEqual(expected(run));
    expect(statSync(fileOf(run)).ino).toBe(inode); // a TensorBoard that has it open goes on
  });

  it('has its version after all of its rows were lost', async () => {
    const output = temporaryFolder();
    const run = `${output}/run`;
    // Killed in epoch 2, when there is a row but no checkpoint that knows it.
    let asked = 0;
    await collect(smallTask(output, { checkpointEvery: 3 }), { isStopped: () => ++asked > 3 });
    const row = {
      ...{ epoch: 1, step: 6, learningRate: 0.05, trainLoss: 1, trainAccuracy: 50 },
      time: {
        at: '2026-01-01T00:00:00.000Z',
        imagesPerSecond: 1,
        trainMs: 1,
        evalMs: 1,
        waitedMs: 1,
      },
    };
    appendEvents(run, row);
    appendFileSync(path.join(run, 'metrics.jsonl'), `${JSON.stringify(row)}\n`);
    await collect(resumeTask(run));
    expect(readEvents(run)[0]).toMatchObject({ fileVersion: 'brain.Event:2' });
    expect(readEvents(run).slice(1)).toEqual(expected(run));
  });

  it('is emptied where no row is left, and not made for none', async () => {
    const folder = temporaryFolder();
    resetEvents(folder, []);
    expect(existsSync(fileOf(folder))).toBe(false);
    const output = temporaryFolder();
    await collect(smallTask(output));
    resetEvents(`${output}/run`, []);
    expect(readFileSync(fileOf(`${output}/run`))).toHaveLength(0);
  });
});

const python = [process.env.IGCNET_PYTHON ?? '', 'python3'].find((name) => {
  try {
    execFileSync(name, ['-c', 'import tensorboard'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
});

describe('TensorBoard', () => {
  const title = `reads the scalars${python ? '' : ' (left out: no Python with tensorboard; IGCNET_PYTHON names one)'}`;
  it.skipIf(python === undefined)(
    title,
    async () => {
      const output = temporaryFolder();
      await collect(smallTask(output));
      const script = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
a = EventAccumulator(sys.argv[1]); a.Reload()
print(json.dumps({t: [[e.wall_time, e.step, e.value] for e in a.Scalars(t)] for t in a.Tags()['scalars']}))`;
      const shown = JSON.parse(
        execFileSync(python!, ['-c', script, `${output}/run`], {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'ignore'],
        }),
      );
      const events = readEvents(`${output}/run`).slice(1);
      const tags = events[0]!.summary!.value.map(({ tag }) => tag);
      expect(Object.keys(shown).sort()).toEqual([...tags].sort());
      for (const [i, tag] of tags.entries()) {
        expect(shown[tag]).toEqual(
          events.map(({ wallTime, step, summary }) => [
            wallTime,
            step,
            summary!.value[i]!.simpleValue,
          ]),
        );
      }
    },
    120_000,
  );
});
