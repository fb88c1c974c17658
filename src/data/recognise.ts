/**
 * Says what a file or folder holds, by names and a few bytes: which data set to open, and how.
 */

import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { dataError } from '../core/errors.ts';
import { packMagic } from './pack/pack-layout.ts';
import { readPackHeader } from './pack/read-pack.ts';
import { findParquet, isFineLabelled } from './readers/parquet-cifar.ts';
import { withFile } from './readers/reading.ts';

/** What was recognised: `name` and `dir` of a `DatasetRequest`. */
export interface RecognisedData {
  readonly name: string;
  readonly dir: string;
  /** Of a packed file: the data set that was packed. */
  readonly packedName?: string;
}

const idxMark = /^(train|t10k)-(images-idx3|labels-idx1)-ubyte(\.gz)?$/;

/** A data set whose files are known by their names. */
interface Mark {
  readonly name: string;
  /** The folder that they usually lie in. */
  readonly folder: string;
  readonly mark: RegExp;
  /** What the path must say, too, where other sets have files of these names. */
  readonly path?: RegExp;
}

/** The first whose files are in a folder, or in its usual one in there, says what it is. */
const marks: readonly Mark[] = [
  {
    name: 'cifar10',
    folder: 'cifar-10-batches-bin',
    mark: /^(data_batch_[1-5]|test_batch)\.bin$/,
  },
  {
    name: 'cifar100',
    folder: 'cifar-100-binary',
    mark: /^((fine|coarse)_label_names\.txt|train\.bin)$/,
  },
  { name: 'svhn', folder: 'svhn', mark: /^(train|test|extra)_32x32\.mat$/ },
  { name: 'fashion-mnist', folder: 'fashion-mnist', mark: idxMark, path: /fashion/i },
  { name: 'mnist', folder: 'mnist', mark: idxMark },
];

/** Undefined for what does not exist. A folder that is nothing else is one of images. Throws data errors. */
export async function recogniseData(place: string): Promise<RecognisedData | undefined> {
  const kind = await stat(place).catch(() => undefined);
  if (kind === undefined) return undefined;
  if (kind.isFile()) return recogniseFile(place);
  if (!kind.isDirectory()) throw unknownFile(place);
  const names = await namesIn(place);
  const isSaid = (said?: RegExp) => said === undefined || said.test(path.resolve(place));
  for (const { name, folder, mark, path: said } of marks) {
    const inside = names.includes(folder) ? await namesIn(path.join(place, folder)) : [];
    const found = isSaid(said) ? [...inside, ...names] : inside;
    if (found.some((file) => mark.test(file))) return { name, dir: place };
  }
  const parquet = await findParquet(place);
  if (parquet !== undefined) {
    const isFine = await isFineLabelled(parquet.train[0]!);
    return { name: isFine ? 'cifar100' : 'cifar10', dir: place };
  }
  return { name: (await isImagenet(place, names)) ? 'imagenet' : 'folder', dir: place };
}

/** A packed file, or one of the files of a known folder. Throws a data error for others. */
async function recogniseFile(file: string): Promise<RecognisedData> {
  const start = Buffer.alloc(packMagic.length);
  await withFile(file, (handle) => handle.read(start, 0, start.length, 0));
  if (start.toString('latin1') === packMagic) {
    return { name: 'packed', dir: file, packedName: (await readPackHeader(file)).name };
  }
  const folder = await recogniseData(path.dirname(file));
  const mark = marks.find(({ name }) => name === folder?.name)?.mark;
  if (folder && (mark?.test(path.basename(file)) || file.endsWith('.parquet'))) return folder;
  throw unknownFile(file);
}

function unknownFile(file: string): Error {
  return dataError({
    path: 'data.dir',
    rule: 'must be a folder, a packed file or a file of a known data set',
    got: file,
  });
}

/** Classes named by WordNet ids, or all of val's images in one folder; a folder test without classes is passed over. */
async function isImagenet(place: string, names: readonly string[]): Promise<boolean> {
  if (!names.includes('train') || !names.includes('val')) return false;
  const train = await namesIn(path.join(place, 'train'));
  if (train.some((name) => /^n\d{8}$/.test(name))) return true;
  const hasClasses = async (split: string) =>
    (await namesIn(path.join(place, split))).some((name) => train.includes(name));
  return !(await hasClasses('val')) && !(await hasClasses('test'));
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}
