/** An evaluation of a run as files: evaluation.json, and the confusion matrix as CSV, JSON and SVG. */
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { makeFolder, replaceFile } from '../core/durable-files.ts';
import { jsonText, readJsonFile } from '../core/json-file.ts';
import { confusionCsv, confusionSvg } from '../draw/confusion.ts';
import type { WeightStorage } from '../formats/weight-storage.ts';
import type { RunEvaluation } from '../train/load.ts';

const natural = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const percent = v.pipe(v.number(), v.minValue(0), v.maxValue(100));
const storedSchema = v.pipe(
  v.looseObject({
    epoch: natural,
    images: natural,
    top1: percent,
    topK: percent,
    k: natural,
    classes: v.array(v.string()),
    confusion: v.array(v.array(natural)),
  }),
  v.check(
    ({ classes: { length }, confusion }) =>
      confusion.length === length && confusion.every((row) => row.length === length),
    'the confusion matrix must have a row and a column for each class',
  ),
);
/** The parts of evaluation.json that reports use; accuracies in percent. */
export type StoredEvaluation = v.InferOutput<typeof storedSchema>;

/** Where `igc eval` puts an evaluation: in the folder of the run or network, or beside a file. */
export function evaluationFolder(
  run: string,
  split: string,
  which = 'last',
  weights: WeightStorage = 'float32',
): string {
  const rounded = weights === 'float32' ? '' : `-${weights}`;
  const name = `eval-${split}-${which}${rounded}`;
  const isFile = statSync(run, { throwIfNoEntry: false })?.isFile() ?? false;
  return isFile ? `${run.replace(/\.\w+$/, '')}-${name}` : path.join(run, name);
}

/** Writes an evaluation into a folder, which is made. Throws a failure that says why it could not. */
export function writeEvaluation(folder: string, evaluation: RunEvaluation): void {
  const classes = evaluation.perClass.map(({ name }) => name);
  const counts = evaluation.confusion;
  const { run, dataset, split, which, epoch, images, top1 } = evaluation;
  const title = `${path.basename(path.resolve(run))} on ${dataset}`;
  const count = images.toLocaleString('en-US');
  const subtitle = `${top1.toFixed(2)}% of ${count} ${split} images right; ${which} checkpoint, epoch ${epoch}`;
  makeFolder(folder);
  const write = (name: string, text: string) => replaceFile(path.join(folder, name), text);
  write('confusion.json', jsonText({ classes, counts }));
  write('confusion.csv', confusionCsv({ classes, counts }));
  write('confusion.svg', confusionSvg({ classes, counts, title, subtitle }));
  // The last, since its presence says that all are there.
  write('evaluation.json', jsonText(evaluation));
}

/** The kept evaluation of a run's last epoch on a split, by its name. Throws a data error for a damaged one. */
export function readEvaluation<S extends 'test' | 'train'>(
  run: string,
  split: S,
): { readonly [name in S]?: StoredEvaluation } {
  const file = path.join(evaluationFolder(run, split), 'evaluation.json');
  if (!existsSync(file)) return {};
  const evaluation = readJsonFile(file, storedSchema, 'must be an evaluation of a run');
  return { [split]: evaluation } as { readonly [name in S]?: StoredEvaluation };
}
