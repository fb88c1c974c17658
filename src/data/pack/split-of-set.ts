/** An image set that is open already, as a source that streams. */

import type { ImageSet } from '../dataset.ts';
import { imageBytes, imagePixels } from '../image-set.ts';
import type { SplitSource } from '../source.ts';

const chunkBytes = 2 ** 22;

/** The images of `set` in order, in chunks of at most 4 MiB (one image at least). */
export function sourceOf(set: ImageSet): SplitSource {
  const { channels, height, width, count, maxValue, labels } = set;
  const size = imageBytes(set);
  const images = Math.max(1, Math.floor(chunkBytes / size));
  return {
    channels,
    height,
    width,
    count,
    maxValue,
    async *chunks() {
      for (let first = 0; first < count; first += images) {
        const n = Math.min(images, count - first);
        const pixels = new Uint8Array(n * size);
        for (let i = 0; i < n; i++) pixels.set(imagePixels(set, first + i), i * size);
        yield { pixels, labels: labels.subarray(first, first + n) };
      }
    },
  };
}
