/** Image sets that travel to other threads of Node. */
import type { AnyImageSet } from './dataset.ts';
import { mapFilePart } from './mapped-file.ts';

/** The set as it may be sent to another thread, which calls `receiveSet`: without copies of mapped pixels. */
export function sendSet<Set extends AnyImageSet>(set: Set): Set {
  if ('encoded' in set || set.mapped === undefined) return set;
  return { ...set, pixels: new Uint8Array(0) };
}

/** A set that another thread has sent; maps what is mapped. */
export function receiveSet<Set extends AnyImageSet>(set: Set): Set {
  if ('encoded' in set || set.mapped === undefined) return set;
  return { ...set, pixels: mapFilePart(set.mapped) };
}
