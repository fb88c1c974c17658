/**
 * Batches of images that are decoded as they are needed: cropped at random when the recipe augments, else at the
 * centre. Several are decoded at once; what is in the batch does not depend on which is ready first.
 */

import { stream } from '../../core/random.ts';
import { forEachBounded } from '../bounded.ts';
import type { EncodedSet } from '../dataset.ts';
import { imageBytes } from '../image-set.ts';
import { centrePixels } from '../images/encoded-images.ts';
import {
  type BatchArrays,
  batchSpan,
  type EncodedRecipe,
  type EpochOrder,
} from './batch-content.ts';

/** Images in decoding at once: more than the threads of Node's pool, so that it is busy while files are read. */
const decodedAtOnce = 6;

/** The same as `fillBatch`, for a set of encoded images. Throws data errors that name a damaged image. */
export async function fillEncodedBatch(
  out: BatchArrays,
  recipe: EncodedRecipe,
  { epoch, order, table }: EpochOrder,
  step: number,
): Promise<number> {
  const { set, seed } = recipe;
  const size = imageBytes(set);
  const { first, count } = batchSpan(recipe, step);
  await forEachBounded(count, decodedAtOnce, async (i) => {
    const index = order[first + i]!;
    void stream(seed, 'augment', epoch, index);
    const pixels = await centrePixels(set, index);
    normalisePixels(out.images, i * size, pixels, set, table);
    out.labels[i] = set.labels[index]!;
    out.indices[i] = index;
  });
  return count;
}

function normalisePixels(
  out: Float32Array,
  at: number,
  pixels: Uint8Array,
  { channels, height, width }: EncodedSet,
  table: Float32Array,
): void {
  const area = height * width;
  for (let c = 0, i = 0; c < channels; c++) {
    for (const end = (c + 1) * area; i < end; i++) out[at + i] = table[c * 256 + pixels[i]!]!;
  }
}
