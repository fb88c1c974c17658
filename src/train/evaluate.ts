/** Measures a network on a split: accuracies, loss, per-class accuracy, confusion matrix. */

export interface Evaluation {
  readonly images: number;
  /** Mean cross-entropy, without label smoothing. */
  readonly loss: number;
  /** Shares of images whose class is the likeliest, or among the `k` likeliest. */
  readonly top1: number;
  readonly topK: number;
  /** min(5, classes) */
  readonly k: number;
  readonly perClass: readonly ClassAccuracy[];
  /** confusion[truth][predicted]: numbers of images. */
  readonly confusion: readonly (readonly number[])[];
}

export interface ClassAccuracy {
  readonly name: string;
  readonly images: number;
  readonly correct: number;
  /** correct / images, or null without images. */
  readonly accuracy: number | null;
}
