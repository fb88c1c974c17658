/**
 * Says what a file or folder holds, by names and a few bytes: which data set to open, and how.
 */

import { open, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { packMagic } from './pack/pack-layout.ts';
import { readPackHeader } from './pack/read-pack.ts';
import { findParquet, isFineLabelled } from './readers/parquet-cifar.ts';

/** What was recognised: `name` and `dir` of a `DatasetRequest`. */
export interface RecognisedData {
  readonly name: string;
  readonly dir: string;
  /** Of a packed file: the data set that was packed. */
  readonly packedName?: string;
}

/** Files whose presence in a folder, or in one of this name in it, says what it is. */
const marks: readonly { readonly name: string; readonly folder: string; readonly mark: RegExp }[] =
  [
    { name: 'cifar10', folder: 'cifar-10-batches-bin', mark: /^data_batch_1\.bin$/ },
    { name: 'cifar100', folder: 'cifar-100-binary', mark: /^fine_label_names\.txt$/ },
    { name: 'svhn', folder: 'svhn', mark: /^(train|test|extra)_32x32\.mat$/ },
    { name: 'fashion-mnist', folder: 'fashion-mnist', mark: /^train-images-idx3-ubyte(\.gz)?$/ },
    { name: 'mnist', folder: 'mnist', mark: /^train-images-idx3-ubyte(\.gz)?$/ },
  ];

/** Undefined for what does not exist. A folder that is nothing else is one of images. */
export async function recogniseData(place: string): Promise<RecognisedData | undefined> {
  const kind = await stat(place).catch(() => undefined);
  if (kind === undefined) return undefined;
  if (!kind.isDirectory()) return recogniseFile(place);
  const names = await namesIn(place);
  for (const { name, folder, mark } of marks) {
    const inside = names.includes(folder) ? await namesIn(path.join(place, folder)) : [];
    const isNamed = name !== 'mnist' || !/fashion/i.test(path.resolve(place));
    const isMarked = name !== 'fashion-mnist' || /fashion/i.test(path.resolve(place));
    if (inside.some((file) => mark.test(file))) return { name, dir: place };
    if (isNamed && isMarked && names.some((file) => mark.test(file))) return { name, dir: place };
  }
  const parquet = await findParquet(place);
  if (parquet !== undefined) {
    const isFine = await isFineLabelled(parquet.train[0]!);
    return { name: isFine ? 'cifar100' : 'cifar10', dir: place };
  }
  return { name: (await isImagenet(place, names)) ? 'imagenet' : 'folder', dir: place };
}

/** A packed file, or one of the files of a known folder. */
async function recogniseFile(file: string): Promise<RecognisedData | undefined> {
  const handle = await open(file);
  const start = Buffer.alloc(packMagic.length);
  try {
    await handle.read(start, 0, start.length, 0);
  } finally {
    await handle.close();
  }
  if (start.toString('latin1') === packMagic) {
    return { name: 'packed', dir: file, packedName: (await readPackHeader(file)).name };
  }
  const folder = await recogniseData(path.dirname(file));
  return folder?.name === 'folder' || folder?.name === 'imagenet' ? undefined : folder;
}

/** Classes named by WordNet ids, or all of val's images in one folder. */
async function isImagenet(place: string, names: readonly string[]): Promise<boolean> {
  if (!names.includes('train') || !names.includes('val') || names.includes('test')) return false;
  const train = await namesIn(path.join(place, 'train'));
  const val = await namesIn(path.join(place, 'val'));
  return train.some((name) => /^n\d{8}$/.test(name)) || !train.some((name) => val.includes(name));
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}
