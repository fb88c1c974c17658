/**
 * What a data set is to everybody else: named splits of equally sized images with labels, as plain data that
 * travels to a worker without being copied. How a set is read from disk is the business of one file per format
 * (readers/); how it is augmented and batched, of batches/. Letters: C channels, H height, W width.
 */

import type { FilePart } from './mapped-file.ts';

/** What the images of every kind of set have in common. */
export interface ImageSetShape {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** Number of images. */
  readonly count: number;
  /** The byte that means full intensity: 255, or 16 for `digits`. */
  readonly maxValue: number;
}

/** One split as pixels in memory, or in a file that is mapped to memory. */
export interface ImageSet extends ImageSetShape {
  /** C × H × W bytes an image (channels planar), in a SharedArrayBuffer unless mapped. */
  readonly pixels: Uint8Array;
  /** count labels, each below the number of classes. */
  readonly labels: Uint16Array;
  /** Which image of the mapped `pixels` each image of the set is; absent when it is all of them in their order. */
  readonly rows?: Uint32Array;
  /** Where `pixels` is mapped from, when it is: a mapping does not travel, another thread makes its own. */
  readonly mapped?: FilePart;
}

/**
 * One split as files that are decoded when they are needed: for training cropped and coloured at random, for
 * evaluation resized and cropped at the centre to C×H×W. For sets too large for memory.
 */
export interface EncodedSet extends ImageSetShape {
  readonly encoded: EncodedImages;
  readonly labels: Uint16Array;
}

/** Where encoded images lie: one file each, or one behind the other in a packed file. */
export type EncodedImages =
  | { readonly kind: 'files'; readonly files: readonly string[] }
  | {
      readonly kind: 'packed';
      readonly file: string;
      /** Image i is the bytes [starts[i], starts[i] + sizes[i]) of the file. */
      readonly starts: Float64Array;
      readonly sizes: Uint32Array;
    };

/** A split of either kind. */
export type AnyImageSet = ImageSet | EncodedSet;

/** The splits, by name. */
export type SplitName = 'train' | 'validation' | 'test';

/** A data set, by default with splits of either kind. */
export interface Dataset<Set extends AnyImageSet = AnyImageSet> {
  /** `digits`, `cifar10`, `folder`, `synthetic`. */
  readonly name: string;
  /** Class names in label order. */
  readonly classes: readonly string[];
  readonly train: Set;
  /** The set's own, or held out from the training images by `valSplit`; absent without either. */
  readonly validation?: Set;
  readonly test: Set;
  /** Files left out under `skipBad`, with the reason. */
  readonly skipped: readonly string[];
}

/** Per-channel mean and standard deviation, in units of `maxValue` (so 0…1). */
export interface ChannelStatistics {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}
