/**
 * Decodes image files for networks: sharp when it is installed, else the portable decoder. Both give full-size
 * RGB; the one resize is in resize.ts, so they differ by at most a few levels (JPEG rounding).
 */

import path from 'node:path';
import { dataError, usageError } from '../../core/errors.ts';
import { readWhole } from '../readers/reading.ts';
import { portableDecoder } from './portable-decoder.ts';
import { type ImageShape, resizeToCover } from './resize.ts';
import type { ImageDecoder, RgbImage } from './rgb-image.ts';
import { loadSharpDecoder } from './sharp-decoder.ts';

let chosen: Promise<ImageDecoder> | undefined;

/** The decoder used unless one is given: sharp when installed. Throws when sharp is broken. */
export function chooseDecoder(): Promise<ImageDecoder> {
  chosen ??= loadSharpDecoder().then((sharp) => sharp ?? portableDecoder);
  return chosen;
}

/** How an image file is decoded. */
export interface DecodeOptions {
  /** Default: the best one installed. */
  readonly decoder?: ImageDecoder | undefined;
  /** Share of the largest centred square's side that is kept; 1. Networks trained on `imagenet`: 224 / 256. */
  readonly share?: number | undefined;
}

/**
 * The image in `file` as C×H×W bytes (0…255), resized to cover and centre-cropped as in training. Grey images
 * are expanded when `channels` is 3, colour images turned grey when it is 1; alpha is composited on white.
 * With sharp also WebP and CMYK, any file's EXIF orientation and colour profile; without it PNG and
 * RGB or grey JPEG, EXIF orientation of JPEG, no profiles.
 *
 * Throws a data error that names an unreadable or undecodable file.
 * @example await decodeImageFile('cat.jpg', { channels: 3, height: 32, width: 32 })
 */
export async function decodeImageFile(
  file: string,
  shape: ImageShape,
  { decoder, share }: DecodeOptions = {},
): Promise<Uint8Array> {
  if (shape.channels !== 1 && shape.channels !== 3) {
    throw usageError({
      path: 'image',
      rule: 'channels must be 1 or 3 to decode image files',
      got: String(shape.channels),
    });
  }
  const chosenDecoder = decoder ?? (await chooseDecoder());
  const { name, extensions } = chosenDecoder;
  const extension = path.extname(file).toLowerCase();
  if (!extensions.includes(extension)) {
    throw dataError({
      path: file,
      rule: `must end in ${extensions.join(', ')}`,
      got: extension === '' ? 'no ending' : extension,
      ...(extension === '.webp' && name === 'portable' && { hint: 'install sharp to read WebP' }),
    });
  }
  const bytes = await readWhole('image', file);
  return resizeToCover(await decodeBytes(file, bytes, chosenDecoder), shape, share);
}

/** The image that `bytes` hold, at its full size. Throws a data error that begins with `name`. */
export async function decodeBytes(
  name: string,
  bytes: Buffer,
  decoder: ImageDecoder,
): Promise<RgbImage> {
  try {
    return await decoder.decode(bytes);
  } catch (cause) {
    const got = `"${firstLine(cause)}"`;
    throw dataError({ path: name, rule: 'must be a decodable image', got }, cause);
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!.trim();
}
