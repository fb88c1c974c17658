/**
 * The rows of metrics.jsonl as a TensorBoard event file in the run folder. It follows from the rows alone: a resumed
 * run cuts it back to the rows it keeps, in place, so that a TensorBoard that reads it goes on.
 */
import { existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { appendDurably, failAsWriteError } from '../core/durable-files.ts';
import { concatenate } from '../formats/protobuf.ts';
import { fileHeader, scalarEvent } from '../formats/tensorboard.ts';
import type { MetricsRow } from './events.ts';

/** Adds a row's scalars; steps are training steps. */
export function appendEvents(folder: string, row: MetricsRow): void {
  const file = eventFile(folder);
  const event = scalarEvent(toEvent(row));
  const isBegun = existsSync(file) && statSync(file).size > 0;
  appendDurably(file, isBegun ? event : concatenate([header(row), event]));
}

/** Makes the file hold these rows and no others. */
export function resetEvents(folder: string, rows: readonly MetricsRow[]): void {
  const [first] = rows;
  const file = eventFile(folder);
  const wanted = first ? concatenate([header(first), ...rows.map(toEvent).map(scalarEvent)]) : '';
  failAsWriteError(file, () => {
    const kept = existsSync(file) ? readFileSync(file).subarray(0, wanted.length) : undefined;
    if (kept === undefined && wanted === '') return;
    if (kept?.equals(Buffer.from(wanted))) truncateSync(file, wanted.length);
    else writeFileSync(file, wanted);
  });
}

function eventFile(folder: string): string {
  return path.join(folder, 'events.out.tfevents.igcnet');
}

function header({ time }: MetricsRow): Uint8Array {
  return fileHeader(secondsOf(time.at));
}

function toEvent(row: MetricsRow) {
  const { step, time } = row;
  const scalars = {
    'train/loss': row.trainLoss,
    'train/accuracy': row.trainAccuracy,
    'validation/loss': row.validationLoss,
    'validation/accuracy': row.validationAccuracy,
    'test/loss': row.testLoss,
    'test/accuracy': row.testAccuracy,
    learning_rate: row.learningRate,
    images_per_second: time.imagesPerSecond,
  };
  const known = Object.entries(scalars).filter(
    (entry): entry is [string, number] => entry[1] !== undefined,
  );
  return { wallTime: secondsOf(time.at), step, scalars: Object.fromEntries(known) };
}

function secondsOf(iso: string): number {
  return Date.parse(iso) / 1000;
}
