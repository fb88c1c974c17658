/**
 * Mixup and cutmix: each image of a batch (or of a part of it) is blended with the next one, or gets a rectangle of it
 * (the last one: of the first), and so does its label. Letters: C channels, H height, W width.
 * @source mixup: Zhang et al., ICLR 2018; cutmix: Yun et al., ICCV 2019
 * Differs: they draw one λ a batch and partners by a permutation; here each image has its own λ, from
 * stream(seed, 'mix', epoch, index), and the neighbour in the shuffled batch.
 */

import { type RandomStream, stream, symmetricBeta } from '../../core/random.ts';
import type { ImageSetShape } from '../dataset.ts';
import { imageBytes } from '../image-set.ts';
import type { AugmentSpec } from './augment.ts';
import type { BatchArrays } from './batch-content.ts';
import { type Patch, patchAround } from './cutout.ts';

/** How one image is mixed. Its own label weighs λ, or for cutmix the share of its pixels that stay. */
export type Mixture =
  | { readonly kind: 'blend'; readonly weight: number }
  | { readonly kind: 'paste'; readonly weight: number; readonly patch: Patch };

/** Whether a recipe mixes. */
export function isMixing(augment: AugmentSpec | null): augment is AugmentSpec {
  return augment !== null && ((augment.mixup ?? 0) > 0 || (augment.cutmix ?? 0) > 0);
}

/** Draws a mixture; with both kinds on, each has probability 1/2. */
export function chooseMixture(
  { mixup = 0, cutmix = 0 }: Pick<AugmentSpec, 'mixup' | 'cutmix'>,
  { height, width }: Pick<ImageSetShape, 'height' | 'width'>,
  random: RandomStream,
): Mixture {
  const pastes = random.uniform() < 0.5 ? cutmix > 0 : mixup === 0;
  const lambda = symmetricBeta(random, pastes ? cutmix : mixup);
  if (!pastes) return { kind: 'blend', weight: Math.fround(lambda) };
  const side = Math.sqrt(1 - lambda);
  const patch = patchAround(
    random.integer(height),
    random.integer(width),
    Math.round(side * height),
    Math.round(side * width),
    { height, width },
  );
  const area = (patch.bottom - patch.top) * (patch.right - patch.left);
  return { kind: 'paste', weight: Math.fround(1 - area / (height * width)), patch };
}

/** A filled batch, and what its mixtures are drawn from. */
export interface MixingTask {
  readonly out: BatchArrays;
  readonly shape: ImageSetShape;
  readonly spec: AugmentSpec;
  readonly seed: number;
  readonly epoch: number;
  readonly count: number;
  /** Equal parts, each mixed in itself, as processes do that have only a part of the batch. */
  readonly parts: number;
}

/** Mixes the first `count` images of a batch in place, and writes partners and weights. */
export function mixBatch(task: MixingTask): void {
  const size = Math.ceil(task.count / task.parts);
  for (let from = 0; from < task.count; from += size) {
    mixPart(task, from, Math.min(from + size, task.count));
  }
}

/** Mixes the images from `from` to `end`. */
function mixPart({ out, shape, spec, seed, epoch }: MixingTask, from: number, end: number): void {
  const size = imageBytes(shape);
  const first = out.images.slice(from * size, (from + 1) * size);
  for (let i = from; i < end; i++) {
    const next = i + 1 < end ? i + 1 : from;
    // Each image is changed after the one before it has been mixed with it; the first is kept for the last.
    const partner = next === from ? first : out.images.subarray(next * size, (next + 1) * size);
    const random = stream(seed, 'mix', epoch, out.indices[i]!);
    const mixture = chooseMixture(spec, shape, random);
    applyMixture(out.images.subarray(i * size, (i + 1) * size), partner, shape, mixture);
    out.partners[i] = out.labels[next]!;
    out.weights[i] = mixture.weight;
  }
}

/** image ← w·image + (1 − w)·partner, or the patch of the partner; C×H×W values each. */
export function applyMixture(
  image: Float32Array,
  partner: Float32Array,
  { channels, height, width }: ImageSetShape,
  mixture: Mixture,
): void {
  if (mixture.kind === 'blend') {
    const { weight } = mixture;
    for (let i = 0; i < image.length; i++)
      image[i] = weight * image[i]! + (1 - weight) * partner[i]!;
    return;
  }
  const { top, bottom, left, right } = mixture.patch;
  for (let c = 0; c < channels; c++) {
    for (let y = top; y < bottom; y++) {
      const row = (c * height + y) * width;
      image.set(partner.subarray(row + left, row + right), row + left);
    }
  }
}
