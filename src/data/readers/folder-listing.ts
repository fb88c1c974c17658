/**
 * Lists the image files of a folder of classes. Opens no image. Hidden files are left out, and so are files
 * that are no images by their ending; image types that cannot be read are listed, to be refused by name.
 */

import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { dataError } from '../../core/errors.ts';
import { systemCode, unreadable } from './reading.ts';

/** The images of one split, class by class. */
export interface Listing {
  /** Class names, sorted by code unit; a class's label is its index here. */
  readonly classes: readonly string[];
  readonly files: readonly string[];
  /** Label of each file. */
  readonly labels: readonly number[];
}

const imageEndings: ReadonlySet<string> = new Set(
  '.png .jpg .jpeg .webp .gif .bmp .tif .tiff .avif .heic .jxl'.split(' '),
);

/** Names of the folders in `folder`, sorted by code unit. Throws a data error when there is no such folder. */
export async function listFolders(folder: string): Promise<readonly string[]> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (cause) {
    const missing = ['ENOENT', 'ENOTDIR'].includes(systemCode(cause));
    if (!missing) throw unreadable('folder', folder, cause);
    throw dataError(
      { path: 'data.dir', rule: 'must be an existing folder of images', got: folder },
      cause,
    );
  }
  const visible = names.filter((name) => !name.startsWith('.')).sort();
  const isFolder = await Promise.all(visible.map((name) => isDirectory(path.join(folder, name))));
  return visible.filter((_, i) => isFolder[i]);
}

/** Whether there is a folder of that name (or a link to one). */
async function isDirectory(file: string): Promise<boolean> {
  try {
    return (await stat(file)).isDirectory();
  } catch {
    return false;
  }
}

/**
 * Lists `root/<class>/**` with labels by `classes` (found in `root` itself when not given).
 *
 * Throws data errors: no class folders, a single class, a class unknown to `classes`, or an empty one.
 */
export async function listClasses(root: string, known?: readonly string[]): Promise<Listing> {
  const folders = await listFolders(root);
  const classes = known ?? folders;
  checkClasses(root, folders, classes);
  const files: string[] = [];
  const labels: number[] = [];
  for (const name of folders) {
    const images = await listImages(path.join(root, name));
    if (images.length === 0) {
      throw dataError({
        path: 'folder',
        rule: `every class must have images, got none in ${path.join(root, name)}`,
        hint: 'add some or remove the folder',
      });
    }
    for (const image of images) {
      files.push(image);
      labels.push(classes.indexOf(name));
    }
  }
  return { classes, files, labels };
}

function checkClasses(root: string, folders: readonly string[], classes: readonly string[]): void {
  if (folders.length === 0) {
    throw dataError({
      path: 'folder',
      rule: `${root} must hold one folder of images for each class`,
      got: 'no folders',
      hint: 'no images were found',
    });
  }
  if (classes.length === 1) {
    throw dataError({
      path: 'folder',
      rule: `${root} must hold at least two classes`,
      got: `only "${classes[0]}"`,
    });
  }
  const unknown = folders.find((name) => !classes.includes(name));
  if (unknown !== undefined) {
    throw dataError({
      path: 'folder',
      rule: `every class in ${root} must also be in train`,
      got: `"${unknown}"`,
      hint: `train has ${classes.join(', ')}`,
    });
  }
}

async function listImages(folder: string): Promise<readonly string[]> {
  let names: string[];
  try {
    names = await readdir(folder, { recursive: true });
  } catch (cause) {
    throw unreadable('folder', folder, cause);
  }
  return names
    .filter(isImageFile)
    .sort()
    .map((name) => path.join(folder, name));
}

/** Whether a relative path is that of an image, by its ending, and of one that is not hidden. */
export function isImageFile(name: string): boolean {
  const isImage = imageEndings.has(path.extname(name).toLowerCase());
  return isImage && !name.split(path.sep).some((part) => part.startsWith('.'));
}
