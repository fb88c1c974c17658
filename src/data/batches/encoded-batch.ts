/**
 * Batches of images that are decoded as they are needed: cropped at random when the recipe augments, else at the
 * centre. Several are decoded at once; what is in the batch does not depend on which is ready first.
 */

import { IgcError } from '../../core/errors.ts';
import { stream } from '../../core/random.ts';
import { forEachBounded } from '../bounded.ts';
import { imageBytes } from '../image-set.ts';
import { decodedAtOnce, decodeEncoded } from '../images/encoded-images.ts';
import {
  type BatchArrays,
  batchSpan,
  type EncodedRecipe,
  type EpochOrder,
  finishBatch,
} from './batch-content.ts';
import { chooseResizedCrop, cropWriter } from './resized-crop.ts';

/** The same as `fillBatch`, for a set of encoded images. Throws data errors that name a damaged image. */
export async function fillEncodedBatch(
  out: BatchArrays,
  recipe: EncodedRecipe,
  { epoch, order }: EpochOrder,
  step: number,
): Promise<number> {
  const { set, seed, augment, statistics } = recipe;
  const { height, width } = set;
  const { mirror = false, resizedCrop = null, color = null } = augment ?? {};
  const choice = { crop: resizedCrop, mirror, color };
  const { first, count } = batchSpan(recipe, step);
  const writeCrop = cropWriter();
  await forEachBounded(count, decodedAtOnce, async (i) => {
    const index = order[first + i]!;
    const image = await decodeEncoded(set, index).catch((error) => {
      throw withHint(error);
    });
    const random = stream(seed, 'augment', epoch, index);
    const crop = chooseResizedCrop(choice, image, set, random);
    const at = i * imageBytes(set);
    writeCrop({ out: out.images, at, height, width, statistics }, image, crop);
    out.labels[i] = set.labels[index]!;
    out.indices[i] = index;
  });
  finishBatch(out, recipe, epoch, count);
  return count;
}

function withHint(error: unknown): unknown {
  if (!(error instanceof IgcError)) return error;
  const hint = '"igc data check" lists all images that cannot be decoded';
  return new IgcError(error.kind, `${error.message}; ${hint}`, { cause: error });
}
