/** What is counted as a network is measured: accuracies, loss and who is taken for whom. Nothing of Node. */

/** How well a network does on a split; accuracies in percent. */
export interface Evaluation {
  readonly images: number;
  /** Mean cross-entropy, without label smoothing. */
  readonly loss: number;
  /** Images whose class is the likeliest, or among the `k` likeliest; in percent. */
  readonly top1: number;
  readonly topK: number;
  /** min(5, classes) */
  readonly k: number;
  readonly perClass: readonly ClassAccuracy[];
  /** confusion[truth][predicted]: numbers of images. */
  readonly confusion: readonly (readonly number[])[];
}

/** How many images of one class were right. */
export interface ClassAccuracy {
  readonly name: string;
  readonly images: number;
  readonly correct: number;
  /** correct / images in percent, or null without images. */
  readonly accuracy: number | null;
}

/** Sums over the batches of a split. */
export interface Tally {
  loss: number;
  inTopK: number;
  readonly confusion: number[][];
}

/** Nothing counted yet. */
export function newTally(classes: number): Tally {
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  return { loss: 0, inTopK: 0, confusion };
}

/** Adds the logits [count][classes] of a batch; ties go to the lower class, and a NaN is never right. */
export function addBatch(
  tally: Tally,
  logits: ArrayLike<number>,
  labels: Int32Array,
  count: number,
  k: number,
): void {
  const classes = tally.confusion.length;
  for (let i = 0; i < count; i++) {
    const label = labels[i]!;
    tally.confusion[label]![likeliest(logits, i * classes, classes)]!++;
    if (rankOf(label, logits, i * classes, classes) < k) tally.inTopK++;
  }
}

/** Adds what a batch's images lose: −log of the probability that each one's row gives its own class. */
export function addLosses(
  tally: Tally,
  rows: readonly ArrayLike<number>[],
  labels: Int32Array,
): void {
  for (const [i, row] of rows.entries()) tally.loss -= Math.log(row[labels[i]!]!);
}

/** The class of the largest of `classes` logits from `at`; the lowest of equal ones. */
export function likeliest(logits: ArrayLike<number>, at: number, classes: number): number {
  let best = 0;
  for (let j = 1; j < classes; j++) if (logits[at + j]! > logits[at + best]!) best = j;
  return best;
}

/** How many of a batch's images are right, by its logits [count][classes]. */
export function countCorrect(
  logits: ArrayLike<number>,
  labels: Int32Array,
  count: number,
  classes: number,
): number {
  let correct = 0;
  for (let i = 0; i < count; i++) {
    if (likeliest(logits, i * classes, classes) === labels[i]) correct++;
  }
  return correct;
}

/** 100·part/whole: what every accuracy is, in rows, events, summaries and evaluations alike. */
export function percentOf(part: number, whole: number): number {
  return (100 * part) / whole;
}

/** How many classes come before `label`; all of them when its logit is NaN. */
function rankOf(label: number, logits: ArrayLike<number>, at: number, classes: number): number {
  const own = logits[at + label]!;
  let rank = Number.isNaN(own) ? classes : 0;
  for (let j = 0; j < classes; j++) {
    const isBehind = j > label ? own >= logits[at + j]! : own > logits[at + j]!;
    if (j !== label && !isBehind) rank++;
  }
  return rank;
}

/** What a whole split of `images` amounts to. */
export function summarize(
  { loss, inTopK, confusion }: Tally,
  classes: readonly string[],
  images: number,
  k: number,
): Evaluation {
  const perClass = classes.map((name, label): ClassAccuracy => {
    const row = confusion[label]!;
    const total = row.reduce((sum, n) => sum + n, 0);
    const correct = row[label]!;
    return {
      name,
      images: total,
      correct,
      accuracy: total === 0 ? null : percentOf(correct, total),
    };
  });
  const correct = perClass.reduce((sum, entry) => sum + entry.correct, 0);
  return {
    images,
    loss: loss / images,
    top1: percentOf(correct, images),
    topK: percentOf(inTopK, images),
    k,
    perClass,
    confusion,
  };
}
