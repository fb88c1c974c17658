/** A folder of somebody's images as pixels: decoded in this page, split by class, and never sent anywhere. */
import { stream } from '../../core/random.ts';
import { allocateImageSet, selectImages } from '../../data/image-set.ts';
import { resizeToCover } from '../../data/images/resize.ts';
import { type Split, splitByClass } from '../../data/split.ts';
import { rgbOf } from '../../runtime/image-input.ts';
import type { LearnImages } from './messages.ts';

/** An image, its class, and its split where the folder has a train/ and a test/. */
export interface OwnFile {
  readonly file: File;
  readonly label: number;
  readonly isTest: boolean | undefined;
}

/** What a folder holds, before anything is decoded. */
export interface OwnFolder {
  readonly name: string;
  readonly classes: readonly string[];
  readonly files: readonly OwnFile[];
}

/**
 * One class for each folder below the chosen one, or below train/ and test/ in it. Throws an Error that says what is missing.
 */
export function readFolder(files: readonly File[]): OwnFolder {
  const images = files.flatMap((file) => {
    const parts = file.webkitRelativePath.split('/');
    const isImage =
      /\.(png|jpe?g|webp|gif|bmp|avif)$/i.test(file.name) && !file.name.startsWith('.');
    return isImage && parts.length >= 3
      ? [{ file, folder: parts[0]!, name: parts.at(-2)!, split: parts[1] }]
      : [];
  });
  const classes = [...new Set(images.map(({ name }) => name))].sort();
  if (classes.length < 2) {
    throw new Error(
      `folder: must hold a folder of images for each of at least 2 classes, got ${classes.length}; for example photos/cat/1.jpg and photos/dog/1.jpg`,
    );
  }
  const splits = new Set(images.map(({ split }) => split));
  const isSplit = splits.size === 2 && splits.has('train') && splits.has('test');
  const labelled = images.map(({ file, name, split }) => {
    return { file, label: classes.indexOf(name), isTest: isSplit ? split === 'test' : undefined };
  });
  return { name: images[0]!.folder, classes, files: labelled };
}

/** The images, and which files could not be decoded. */
export interface DecodedFolder {
  readonly images: LearnImages;
  readonly skipped: readonly string[];
}

/** Decodes every file to squares of `side` pixels; a fifth of each class is held out. `onProgress` hears how many are done. */
export async function decodeFolder(
  { name, classes, files }: OwnFolder,
  side: number,
  onProgress: (done: number) => void,
): Promise<DecodedFolder> {
  const shape = { channels: 3, height: side, width: side, maxValue: 255 };
  const all = allocateImageSet(name, { ...shape, count: files.length });
  const skipped: string[] = [];
  const kept: number[] = [];
  for (const [i, { file, label }] of files.entries()) {
    const pixels = await decodeFile(file, side);
    if (pixels) {
      all.pixels.set(pixels, i * pixels.length);
      all.labels[i] = label;
      kept.push(i);
    } else skipped.push(file.webkitRelativePath);
    if (i % 10 === 9) onProgress(i + 1);
  }
  onProgress(files.length);
  const good = selectImages(name, all, Uint32Array.from(kept));
  const split = splitOf(
    kept.map((i) => files[i]!),
    good.labels,
  );
  const images = {
    name,
    classes,
    train: selectImages(name, good, split.kept),
    test: selectImages(name, good, split.held),
  };
  if (images.test.count === 0) {
    throw new Error(
      `folder: must hold at least 2 images that can be decoded for a class, got ${kept.length} in all`,
    );
  }
  return { images, skipped };
}

/** The folder's own split, or a fifth of each class held out. */
function splitOf(files: readonly OwnFile[], labels: Uint16Array): Split {
  if (files.some(({ isTest }) => isTest === undefined)) {
    return splitByClass(labels, 1 / 5, stream(0, 'folder/test'));
  }
  const indices = Uint32Array.from(files, (_, i) => i);
  return {
    kept: indices.filter((i) => !files[i]!.isTest),
    held: indices.filter((i) => files[i]!.isTest),
  };
}

async function decodeFile(file: File, side: number): Promise<Uint8Array | undefined> {
  const bitmap = await createImageBitmap(file).catch(() => undefined);
  if (!bitmap) return undefined;
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  context?.drawImage(bitmap, 0, 0);
  bitmap.close();
  const data = context?.getImageData(0, 0, width, height);
  return data && resizeToCover(rgbOf(data), { channels: 3, height: side, width: side });
}
