/**
 * A ring of batch slots in shared memory, with one or several producers and one consumer in threads of their own.
 * All sides are synchronous and block on Atomics.wait. Knows nothing of what is in a batch.
 *
 * Memory: control words, the text of an error, then for each slot its images, labels, indices, partners and weights.
 */

import { type ErrorKind, IgcError } from '../../core/errors.ts';
import type { BatchArrays } from './batch-content.ts';

/** The ring as it travels to the producer. */
export interface BatchRing {
  readonly memory: SharedArrayBuffer;
  /** At most 1024. */
  readonly slots: number;
  readonly batchSize: number;
  /** C·H·W. */
  readonly imageSize: number;
}

// Control words (int32).
const events = 0; // grows with every change of the others; both sides wait on it
const consumed = 1; // batches given back so far
const ending = 2; // 0 while running, then `closed` or `failed`
const errorBytes = 3; // length of the error's text
const published = 4; // and the words after it: for each slot, 1 + the last batch that was written to it
const mostSlots = 1024;
const controlBytes = 4 * (published + mostSlots);
const textBytes = 4080;
const closed = 1;
const failed = 2;

/** Makes an empty ring. */
export function makeRing(shape: Omit<BatchRing, 'memory'>): BatchRing {
  const size = controlBytes + textBytes + shape.slots * slotBytes(shape);
  return { ...shape, memory: new SharedArrayBuffer(size) };
}

/** Views of every slot. */
export function openSlots(ring: BatchRing): readonly BatchArrays[] {
  const { memory, batchSize, imageSize } = ring;
  return Array.from({ length: ring.slots }, (_, slot) => {
    const images = controlBytes + textBytes + slot * slotBytes(ring);
    const labels = images + 4 * batchSize * imageSize;
    return {
      images: new Float32Array(memory, images, batchSize * imageSize),
      labels: new Int32Array(memory, labels, batchSize),
      indices: new Int32Array(memory, labels + 4 * batchSize, batchSize),
      partners: new Int32Array(memory, labels + 8 * batchSize, batchSize),
      weights: new Float32Array(memory, labels + 12 * batchSize, batchSize),
    };
  });
}

/** Producer: waits until slot `batch mod slots` is free; false once the ring has ended. */
export function awaitFree(ring: BatchRing, batch: number): boolean {
  const control = controlOf(ring);
  for (;;) {
    const seen = Atomics.load(control, events); // before the checks, so that no change is slept through
    if (Atomics.load(control, ending) !== 0) return false;
    if (batch - Atomics.load(control, consumed) < ring.slots) return true;
    Atomics.wait(control, events, seen);
  }
}

/** Producer: batch number `batch` is written. */
export function publish(ring: BatchRing, batch: number): void {
  const control = controlOf(ring);
  Atomics.store(control, published + (batch % ring.slots), batch + 1);
  wakeBoth(control);
}

/**
 * Consumer: waits until batch number `batch` is there, at most `patienceMs`; false when that has passed.
 *
 * Throws the producer's error, once the batches before it are used up.
 */
export function awaitBatch(ring: BatchRing, batch: number, patienceMs: number): boolean {
  const control = controlOf(ring);
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const seen = Atomics.load(control, events);
    if (Atomics.load(control, published + (batch % ring.slots)) === batch + 1) return true;
    if (Atomics.load(control, ending) === failed) throw readError(ring);
    const leftMs = deadline - performance.now();
    if (leftMs <= 0) return false;
    Atomics.wait(control, events, seen, leftMs);
  }
}

/** Consumer: the oldest slot may be written again. */
export function release(ring: BatchRing): void {
  const control = controlOf(ring);
  Atomics.add(control, consumed, 1);
  wakeBoth(control);
}

/** Either side: ends the ring, with the error that ended it if there was one. The first end counts. */
export function endRing(ring: BatchRing, error?: unknown): void {
  const control = controlOf(ring);
  if (Atomics.load(control, ending) !== 0) return;
  if (error !== undefined) writeError(ring, error);
  Atomics.store(control, ending, error === undefined ? closed : failed);
  wakeBoth(control);
}

function wakeBoth(control: Int32Array): void {
  Atomics.add(control, events, 1);
  Atomics.notify(control, events);
}

function slotBytes({ batchSize, imageSize }: Omit<BatchRing, 'memory'>): number {
  return 64 * Math.ceil((4 * batchSize * (imageSize + 4)) / 64);
}

function controlOf({ memory }: BatchRing): Int32Array {
  return new Int32Array(memory, 0, controlBytes / 4);
}

function writeError(ring: BatchRing, error: unknown): void {
  const kind = error instanceof IgcError ? error.kind : 'internal';
  const message = error instanceof Error ? error.message : String(error);
  // TextEncoder cannot write to shared memory; long texts are cut at a character.
  let text = `${kind} ${message}`.slice(0, textBytes);
  while (Buffer.byteLength(text) > textBytes) text = text.slice(0, -1);
  const bytes = Buffer.from(text);
  new Uint8Array(ring.memory, controlBytes, textBytes).set(bytes);
  Atomics.store(controlOf(ring), errorBytes, bytes.length);
}

function readError(ring: BatchRing): Error {
  const length = Atomics.load(controlOf(ring), errorBytes);
  const text = Buffer.from(new Uint8Array(ring.memory, controlBytes, length)).toString();
  const space = text.indexOf(' ');
  const kind = text.slice(0, space);
  const message = text.slice(space + 1);
  return kind === 'internal' ? new Error(message) : new IgcError(kind as ErrorKind, message);
}
