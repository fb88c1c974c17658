/**
 * What a data set is to everybody else: named splits of equally sized images with labels, as plain data that
 * travels to a worker without being copied (its bytes lie in SharedArrayBuffers). How a set is read from
 * disk is the business of one file per format; how it is augmented and batched, of augment.ts and batches.ts.
 * Letters: C channels, H height, W width.
 */

/** One split, wholly in memory. */
export interface ImageSet {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** Number of images. */
  readonly count: number;
  /** count × C × H × W bytes (channels planar). */
  readonly pixels: Uint8Array;
  /** count labels, each below the number of classes. */
  readonly labels: Uint16Array;
  /** The byte that means full intensity: 255, or 16 for `digits`. */
  readonly maxValue: number;
}

/** Where the images of the validation split came from, and which splits there are. */
export interface Dataset {
  /** `digits`, `cifar10`, `folder`, `synthetic`. */
  readonly name: string;
  /** Class names in label order. */
  readonly classes: readonly string[];
  readonly train: ImageSet;
  /** Held out from the training images by `valSplit`; absent when that is 0. */
  readonly validation?: ImageSet;
  readonly test: ImageSet;
  /** Files left out under `skipBad`, with the reason. */
  readonly skipped: readonly string[];
}

/** Per-channel mean and standard deviation, in units of `maxValue` (so 0…1). */
export interface ChannelStatistics {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}
