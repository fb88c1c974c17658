/** The entry of the thread in which a run's network is measured, so that the page's server goes on answering. */
import { parentPort, workerData } from 'node:worker_threads';
import { toPlainError } from '../core/plain-error.ts';
import { tilePng } from '../data/contact-sheet.ts';
import { findMistakes } from '../train/mistakes.ts';
import type { PageMistakes } from './page-data.ts';

async function measure(folder: string): Promise<PageMistakes> {
  const { evaluation, classes, epoch, mistakes } = await findMistakes(folder);
  const { confusion: counts, images, top1 } = evaluation;
  return {
    confusion: { classes, counts, images, top1, epoch },
    mistakes: mistakes.map(({ tile, truth, predicted, probability, truthProbability }) => ({
      image: `data:image/png;base64,${Buffer.from(tilePng(tile)).toString('base64')}`,
      truth: classes[truth]!,
      predicted: classes[predicted]!,
      probability,
      truthProbability,
    })),
  };
}

try {
  parentPort!.postMessage({ mistakes: await measure(workerData as string) });
} catch (error) {
  parentPort!.postMessage({ error: toPlainError(error) });
}
