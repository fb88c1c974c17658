/**
 * Images of sets that stay encoded: reads the bytes of one, decodes it, and brings it to the network's size for
 * evaluation. Random crops for training are in batches/.
 */

import { open, readFile } from 'node:fs/promises';
import { dataError, internalError } from '../../core/errors.ts';
import type { EncodedImages, EncodedSet } from '../dataset.ts';
import { readBytes, systemCode } from '../readers/reading.ts';
import { chooseDecoder, decodeBytes } from './image-decoder.ts';
import { resizeToCover } from './resize.ts';
import type { RgbImage } from './rgb-image.ts';

/**
 * For evaluation the shorter side becomes H / cropShare before the centre is cropped: 256 for 224.
 * @source authors' train_imagenet.py
 */
export const cropShare = 224 / 256;

/** Images in decoding at once: more than the threads of Node's pool, so that it is busy while files are read. */
export const decodedAtOnce = 6;

/** The name of image `index`, for errors. */
export function encodedName(encoded: EncodedImages, index: number): string {
  return encoded.kind === 'files' ? encoded.files[index]! : `${encoded.file}: image ${index}`;
}

/** The bytes of image `index`. Throws a data error that names it. */
export async function readEncoded(encoded: EncodedImages, index: number): Promise<Buffer> {
  try {
    if (encoded.kind === 'files') return await readFile(encoded.files[index]!);
    return await readSpan(encoded.file, encoded.starts[index]!, encoded.sizes[index]!);
  } catch (cause) {
    throw dataError(
      { path: encodedName(encoded, index), rule: 'must be readable', got: systemCode(cause) },
      cause,
    );
  }
}

async function readSpan(file: string, start: number, size: number): Promise<Buffer> {
  const handle = await open(file);
  try {
    const bytes = await readBytes(handle, start, size);
    if (bytes.length < size) throw internalError(`${bytes.length} bytes of ${size}`);
    return bytes;
  } finally {
    await handle.close();
  }
}

/** Image `index` of the set, at its full size. Throws a data error that names it. */
export async function decodeEncoded(
  { encoded }: Pick<EncodedSet, 'encoded'>,
  index: number,
): Promise<RgbImage> {
  const bytes = await readEncoded(encoded, index);
  return decodeBytes(encodedName(encoded, index), bytes, await chooseDecoder());
}

/** Image `index` as C×H×W bytes: as evaluation sees it. */
export async function centrePixels(set: EncodedSet, index: number): Promise<Uint8Array> {
  return resizeToCover(await decodeEncoded(set, index), set, cropShare);
}
