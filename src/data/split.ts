/**
 * Holds out a part of labelled items so that every class gives the same share. Knows labels only, no images.
 */

import { type RandomStream, shuffledIndices } from '../core/random.ts';

/** Which items stay and which are held out, both in ascending order. */
export interface Split {
  readonly kept: Uint32Array;
  readonly held: Uint32Array;
}

/**
 * Holds out round(fraction · n) random items of every class of n items, but at least one and never all: a
 * class of one item keeps it. A fraction of 0 holds out nothing.
 */
export function splitByClass(
  labels: ArrayLike<number>,
  fraction: number,
  random: RandomStream,
): Split {
  const sizes = new Map<number, number>();
  for (let i = 0; i < labels.length; i++) {
    sizes.set(labels[i]!, (sizes.get(labels[i]!) ?? 0) + 1);
  }
  const quota = new Map<number, number>();
  for (const [label, n] of sizes) {
    const share = fraction === 0 ? 0 : Math.max(1, Math.round(fraction * n));
    quota.set(label, Math.min(n - 1, share));
  }
  const isHeld = new Uint8Array(labels.length);
  for (const i of shuffledIndices(random, labels.length)) {
    const left = quota.get(labels[i]!)!;
    if (left === 0) continue;
    isHeld[i] = 1;
    quota.set(labels[i]!, left - 1);
  }
  const indices = Uint32Array.from({ length: labels.length }, (_, i) => i);
  return {
    kept: indices.filter((i) => isHeld[i] === 0),
    held: indices.filter((i) => isHeld[i] === 1),
  };
}
