/**
 * The embedded digits: 1,797 images of 1×8×8 with pixels from 0 to 16 (data/digits/README.md says whose they
 * are). There is no official split; a fixed, stratified fifth is the test split.
 */

import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { dataError } from '../../core/errors.ts';
import type { Dataset, ImageSet } from '../dataset.ts';
import { digitsDataset } from './digits-csv.ts';
import { readWhole } from './reading.ts';

// src/data/readers and dist/data/readers are both three levels below the package's root.
const embedded = fileURLToPath(new URL('../../../data/digits/digits.csv.gz', import.meta.url));

/** Opens the embedded set. Throws data errors. */
export async function openDigits(file: string = embedded): Promise<Dataset<ImageSet>> {
  return digitsDataset(unzip(await readWhole('digits', file)));
}

function unzip(bytes: Uint8Array): string {
  try {
    return gunzipSync(bytes).toString('latin1');
  } catch (cause) {
    throw dataError(
      {
        path: 'digits',
        rule: 'the file of digits must be gzip',
        got: `"${cause instanceof Error ? cause.message : cause}"`,
        hint: 'install the package again',
      },
      cause,
    );
  }
}
