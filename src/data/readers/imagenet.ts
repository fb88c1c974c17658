/**
 * ImageNet, and folders laid out like it: `train/<class>/…` and `val/<class>/…`, or all of val's images in one
 * folder with a list of their classes. Images stay encoded and are decoded when they are needed.
 */

import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { dataError } from '../../core/errors.ts';
import type { Dataset, EncodedSet } from '../dataset.ts';
import { isImageFile, type Listing, listClasses, listFolders } from './folder-listing.ts';
import { readWhole, unreadable } from './reading.ts';

/** Which folder, and the size that the network will see. */
export interface ImagenetRequest {
  readonly dir: string;
  /** Side of the square images, in pixels; 224. */
  readonly imgSize?: number | undefined;
}

/**
 * Lists of val's classes that are known, in the folder val or beside it: lines of a file's name and its class,
 * parted by spaces, tabs or a comma; more columns, and a first line of titles, are passed over. A class is a folder
 * of train, or its number (from 0) in their order.
 */
export const valLists: readonly string[] = [
  'val_annotations.txt', // Tiny ImageNet
  'LOC_val_solution.csv', // Kaggle
  'val.txt', // Caffe
  'val_labels.txt',
  'labels.txt',
];

/** Lists the images; opens none. Throws data errors. */
export async function openImagenet({
  dir,
  imgSize = 224,
}: ImagenetRequest): Promise<Dataset<EncodedSet>> {
  const folders = await listFolders(dir);
  const missing = ['train', 'val'].find((name) => !folders.includes(name));
  if (missing !== undefined) {
    throw dataError({
      path: 'imagenet',
      rule: `${dir} must hold the folders train and val`,
      got: `no ${missing}`,
      hint: 'a folder of one’s own images is --data folder',
    });
  }
  const train = await listClasses(path.join(dir, 'train'));
  const test = await listVal(path.join(dir, 'val'), train.classes);
  return {
    name: 'imagenet',
    classes: train.classes,
    train: encodedSet(train, imgSize),
    test: encodedSet(test, imgSize),
    skipped: [],
  };
}

function encodedSet({ files, labels }: Listing, size: number): EncodedSet {
  const shared = new Uint16Array(new SharedArrayBuffer(2 * labels.length));
  shared.set(labels);
  return {
    channels: 3,
    height: size,
    width: size,
    maxValue: 255,
    count: files.length,
    labels: shared,
    encoded: { kind: 'files', files },
  };
}

async function listVal(folder: string, classes: readonly string[]): Promise<Listing> {
  if ((await listFolders(folder)).some((name) => classes.includes(name))) {
    return listClasses(folder, classes);
  }
  const places = [folder, path.dirname(folder)];
  const lists = places.flatMap((place) => valLists.map((name) => path.join(place, name)));
  const list = lists.find((file) => existsSync(file));
  if (list !== undefined) return readList(list, await imagesBelow(folder), classes);
  throw dataError({
    path: 'imagenet',
    rule: `${folder} must hold a folder for each class, or a list of its images' classes`,
    got: 'neither',
    hint: `a list is a file ${valLists[2]} of lines "name class", in val or beside it`,
  });
}

/** Paths of the images in `folder` and the folders in it, by the file's name without its ending. */
async function imagesBelow(folder: string): Promise<ReadonlyMap<string, string>> {
  let names: string[];
  try {
    names = await readdir(folder, { recursive: true });
  } catch (cause) {
    throw unreadable('imagenet', folder, cause);
  }
  return new Map(names.filter(isImageFile).map((name) => [stem(name), path.join(folder, name)]));
}

function stem(name: string): string {
  return path.basename(name, path.extname(name));
}

async function readList(
  list: string,
  images: ReadonlyMap<string, string>,
  classes: readonly string[],
): Promise<Listing> {
  const labelOf = new Map(classes.map((name, label) => [name, label]));
  const rows = (await readWhole('imagenet', list)).toString('utf8').split(/\r?\n/);
  const found = new Map<string, number>();
  for (const [i, row] of rows.entries()) {
    const [name = '', label = ''] = row.trim().split(/[\s,]+/);
    const isTitle = i === 0 && !images.has(stem(name));
    if (name === '' || isTitle) continue;
    const fault = (rule: string, got: string) =>
      dataError({ path: 'imagenet', rule: `${list} line ${i + 1} ${rule}`, got });
    const file = images.get(stem(name));
    if (file === undefined) throw fault('must name an image of val', JSON.stringify(name));
    const isNumber = /^\d+$/.test(label) && Number(label) < classes.length;
    const known = labelOf.get(label) ?? (isNumber ? Number(label) : undefined);
    if (known === undefined) {
      throw fault(`must name a class of train or a number below ${classes.length}`, `"${label}"`);
    }
    if (found.has(file)) throw fault('must not name an image again', JSON.stringify(name));
    found.set(file, known);
  }
  if (found.size < images.size) {
    const nameless = [...images.values()].find((file) => !found.has(file));
    throw dataError({
      path: 'imagenet',
      rule: `${list} must name every image of val`,
      got: `${found.size} of ${images.size}`,
      hint: `the first without a class is ${nameless}`,
    });
  }
  const files = [...found.keys()].sort();
  return { classes, files, labels: files.map((file) => found.get(file)!) };
}
