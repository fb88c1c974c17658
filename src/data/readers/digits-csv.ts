/**
 * The embedded digits as text: rows of 64 pixels from 0 to 16 and a label. Nothing of Node, so that a page reads them too.
 */
import { dataError } from '../../core/errors.ts';
import { stream } from '../../core/random.ts';
import type { Dataset, ImageSet } from '../dataset.ts';
import { allocateImageSet, selectImages } from '../image-set.ts';
import { splitByClass } from '../split.ts';

const maxValue = 16;
const pixelsPerImage = 64;
const classes = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'] as const;

/** The data set of such rows; its test split is the same whatever the seed of a run. Throws data errors. */
export function digitsDataset(csv: string): Dataset<ImageSet> {
  const all = parseDigits(csv);
  const { kept, held } = splitByClass(all.labels, 1 / 5, stream(0, 'digits/test'));
  return {
    name: 'digits',
    classes,
    train: selectImages('digits', all, kept),
    test: selectImages('digits', all, held),
    skipped: [],
  };
}

/** Reads rows of 64 pixels and a label. Throws a data error that names the row (from 1) and its fault. */
export function parseDigits(csv: string): ImageSet {
  const rows = csv.split('\n').filter((row) => row !== '');
  const shape = { channels: 1, height: 8, width: 8, maxValue, count: rows.length };
  const set = allocateImageSet('digits', shape);
  for (const [i, row] of rows.entries()) {
    const values = row.split(',').map(Number);
    if (values.length !== pixelsPerImage + 1) {
      throw badRow(i, 'must have 64 pixels and a label', `${values.length} values`);
    }
    const label = values.pop()!;
    if (!isInteger(label, classes.length - 1)) {
      throw badRow(i, 'must end in a label from 0 to 9', String(label));
    }
    const wrong = values.find((value) => !isInteger(value, maxValue));
    if (wrong !== undefined) {
      throw badRow(i, 'must have whole pixels from 0 to 16', String(wrong));
    }
    set.pixels.set(values, i * pixelsPerImage);
    set.labels[i] = label;
  }
  return set;
}

function isInteger(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= max;
}

function badRow(index: number, rule: string, got: string): Error {
  return dataError({ path: 'digits', rule: `row ${index + 1} ${rule}`, got });
}
