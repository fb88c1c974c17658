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

/** The images in `folder` and the folders in it, as a list may name them. */
interface ListedImages {
  readonly files: readonly string[];
  /** By path and by name, each with and without ending; all that are called so. */
  readonly named: ReadonlyMap<string, readonly string[]>;
}

async function imagesBelow(folder: string): Promise<ListedImages> {
  let names: string[];
  try {
    names = await readdir(folder, { recursive: true });
  } catch (cause) {
    throw unreadable('imagenet', folder, cause);
  }
  const images = names.filter(isImageFile).sort();
  const named = new Map<string, string[]>();
  for (const name of images) {
    const plain = name.split(path.sep).join('/');
    const base = path.posix.basename(plain);
    for (const key of new Set([plain, base, withoutEnding(plain), withoutEnding(base)])) {
      named.set(key, [...(named.get(key) ?? []), path.join(folder, name)]);
    }
  }
  return { files: images.map((name) => path.join(folder, name)), named };
}

function withoutEnding(name: string): string {
  return name.slice(0, name.length - path.posix.extname(name).length);
}

async function readList(
  list: string,
  images: ListedImages,
  classes: readonly string[],
): Promise<Listing> {
  const labelOf = new Map(classes.map((name, label) => [name, label]));
  const rows = (await readWhole('imagenet', list)).toString('utf8').split(/\r?\n/);
  const labelOfFile = new Map<string, number>();
  for (const [i, row] of rows.entries()) {
    const [name = '', label = ''] = row.trim().split(/[\s,]+/);
    const found = images.named.get(name.replace(/^\.\//, '')) ?? [];
    const isTitle = i === 0 && found.length === 0;
    if (name === '' || isTitle) continue;
    const fault = (rule: string, got: string) =>
      dataError({ path: 'imagenet', rule: `${list} line ${i + 1} ${rule}`, got });
    const [file, other] = found;
    if (file === undefined) throw fault('must name an image of val', JSON.stringify(name));
    if (other !== undefined) {
      throw fault('must name one image of val, with its folder or ending', `${file} and ${other}`);
    }
    const isNumber = /^\d+$/.test(label) && Number(label) < classes.length;
    const known = labelOf.get(label) ?? (isNumber ? Number(label) : undefined);
    if (known === undefined) {
      throw fault(`must name a class of train or a number below ${classes.length}`, `"${label}"`);
    }
    if (labelOfFile.has(file)) throw fault('must not name an image again', JSON.stringify(name));
    labelOfFile.set(file, known);
  }
  if (labelOfFile.size < images.files.length) {
    const nameless = images.files.find((file) => !labelOfFile.has(file));
    throw dataError({
      path: 'imagenet',
      rule: `${list} must name every image of val`,
      got: `${labelOfFile.size} of ${images.files.length}`,
      hint: `the first without a class is ${nameless}`,
    });
  }
  const { files } = images;
  return { classes, files, labels: files.map((file) => labelOfFile.get(file)!) };
}
