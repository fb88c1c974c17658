/** What the page and its training worker say to each other. */
import type { ImageSet } from '../../data/dataset.ts';
import type { PageConfusion } from '../../ui/page-data.ts';

/** What is asked for; everything else is the recipe's. */
export interface LearnSettings {
  readonly recipe: 'digits' | 'folder';
  readonly net: string;
  readonly depth: number;
  readonly epochs: number;
  readonly seed: number;
  readonly learningRate: number;
  readonly mirror: boolean;
}

/** Pixels with labels, held out ones apart. */
export interface LearnImages {
  readonly name: string;
  readonly classes: readonly string[];
  readonly train: ImageSet;
  readonly test: ImageSet;
}

export type ToWorker =
  /** Without images: the embedded digits, as the bytes of their .csv.gz. */
  | {
      readonly kind: 'start';
      readonly settings: LearnSettings;
      readonly images: LearnImages | ArrayBuffer;
    }
  | { readonly kind: 'stop' };

/** A row of the curves; accuracies in percent. */
export interface LearnRow {
  readonly epoch: number;
  readonly learningRate: number;
  readonly trainLoss: number;
  readonly trainAccuracy: number;
  readonly testLoss: number;
  readonly testAccuracy: number;
  readonly imagesPerSecond: number;
}

export type FromWorker =
  | {
      readonly kind: 'begin';
      readonly kernels: string;
      readonly threads: number;
      readonly params: number;
      readonly trainImages: number;
      readonly testImages: number;
      readonly epochs: number;
      readonly steps: number;
    }
  | {
      readonly kind: 'step';
      readonly step: number;
      readonly epoch: number;
      readonly loss: number;
      readonly imagesPerSecond: number;
    }
  | { readonly kind: 'epoch'; readonly row: LearnRow }
  | {
      readonly kind: 'done';
      /** Whether it was stopped before its last epoch. */
      readonly isStopped: boolean;
      readonly model: Uint8Array<ArrayBuffer>;
      readonly confusion: PageConfusion;
      readonly seconds: number;
    }
  | { readonly kind: 'error'; readonly message: string };
