/** The images that a trained network takes for something else, the surest mistakes first, and the measure of all of them. */
import { normalisationTable } from '../data/batches/augment.ts';
import { type SheetRow, tileOf } from '../data/contact-sheet.ts';
import type { AnyImageSet, SplitName } from '../data/dataset.ts';
import { imagePixels } from '../data/image-set.ts';
import { centrePixels } from '../data/images/encoded-images.ts';
import { openDataset } from '../data/open-dataset.ts';
import { softmaxRows } from '../model/classifier.ts';
import { datasetRequest } from './config.ts';
import { checkFits, configOf, type LoadOptions, openModel, splitOf } from './load.ts';
import { addBatch, addLosses, type Evaluation, newTally, summarize } from './tally.ts';

/** An image that was taken for something else. */
export interface Mistake {
  /** In the split. */
  readonly index: number;
  /** Labels. */
  readonly truth: number;
  readonly predicted: number;
  /** What the network gave the class that it named, and the right one: 0…1. */
  readonly probability: number;
  readonly truthProbability: number;
  readonly tile: SheetRow['tiles'][number];
}

/** Which images, and how many mistakes. */
export interface MistakeOptions extends LoadOptions {
  /** Default `test`. */
  readonly split?: SplitName | undefined;
  readonly dataDir?: string | undefined;
  /** The most; default 24. */
  readonly count?: number | undefined;
}

/** What a network makes of a split. */
export interface MistakeReport {
  readonly evaluation: Evaluation;
  readonly classes: readonly string[];
  readonly epoch: number;
  /** Surest first. */
  readonly mistakes: readonly Mistake[];
}

const batchSize = 64;

/**
 * Classifies a split and keeps the mistakes of which the network was surest. Blocks this thread while it computes.
 *
 * Throws data errors for missing or damaged checkpoints and data, usage errors for a split the data lacks.
 * @example const { mistakes } = await findMistakes('runs/pets')
 */
export async function findMistakes(
  folder: string,
  { split = 'test', dataDir, count = 24, ...options }: MistakeOptions = {},
): Promise<MistakeReport> {
  const { card, checkpoint, classifier } = openModel(folder, options);
  try {
    const dataset = await openDataset(datasetRequest(configOf(folder, card.dataset, dataDir)));
    const set = splitOf(dataset, split);
    checkFits(checkpoint, card, dataset, set);
    const table = normalisationTable(set.maxValue, card.preprocessing);
    const { classes } = card;
    const tally = newTally(classes.length);
    const k = Math.min(5, classes.length);
    const found: Omit<Mistake, 'tile'>[] = [];
    for (let first = 0; first < set.count; first += batchSize) {
      const labels = Int32Array.from(set.labels.subarray(first, first + batchSize));
      const logits = classifier.logits(await pixelsOf(set, first, labels.length), table);
      const rows = softmaxRows(logits, classes.length);
      addBatch(tally, logits, labels, labels.length, k);
      addLosses(tally, rows, labels);
      for (const [i, row] of rows.entries()) {
        const truth = labels[i]!;
        const predicted = row.indexOf(Math.max(...row));
        if (predicted === truth || predicted < 0) continue;
        const [probability, truthProbability] = [row[predicted]!, row[truth]!];
        found.push({ index: first + i, truth, predicted, probability, truthProbability });
      }
    }
    found.sort((a, b) => b.probability - a.probability || a.index - b.index);
    const mistakes: Mistake[] = [];
    for (const mistake of found.slice(0, count)) {
      mistakes.push({ ...mistake, tile: await tileOf(set, mistake.index) });
    }
    const evaluation = summarize(tally, classes, set.count, k);
    return { evaluation, classes, epoch: card.epoch, mistakes };
  } finally {
    classifier.dispose();
  }
}

async function pixelsOf(set: AnyImageSet, first: number, count: number): Promise<Uint8Array> {
  const size = set.channels * set.height * set.width;
  const pixels = new Uint8Array(count * size);
  for (let i = 0; i < count; i++) {
    const image =
      'encoded' in set ? await centrePixels(set, first + i) : imagePixels(set, first + i);
    pixels.set(image, i * size);
  }
  return pixels;
}
