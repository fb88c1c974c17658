/**
 * The image decoder of the optional package sharp (libvips): also WebP and CMYK, EXIF orientation of
 * any file, and colour profiles brought to sRGB.
 */

import { IgcError } from '../../core/errors.ts';
import { readJpegHeader } from './jpeg-header.ts';
import type { ImageDecoder } from './rgb-image.ts';

/** What a dynamic import of the package gives. */
type SharpModule = typeof import('sharp');

/**
 * The decoder, or undefined when sharp is not installed. Alpha is composited on white.
 *
 * Throws when it is installed but does not load.
 */
export async function loadSharpDecoder(
  load: () => Promise<SharpModule> = () => import('sharp'),
): Promise<ImageDecoder | undefined> {
  try {
    return makeDecoder((await load()).default);
  } catch (cause) {
    if (isNotInstalled(cause)) return undefined;
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    throw new IgcError(
      'failure',
      `sharp: must load when it is installed, got "${reason}"; reinstall or remove it`,
      { cause },
    );
  }
}

function makeDecoder(sharp: SharpModule['default']): ImageDecoder {
  return {
    name: 'sharp',
    extensions: ['.png', '.jpg', '.jpeg', '.webp'],
    async decode(bytes) {
      const image = sharp(bytes);
      if (!isPlain(bytes)) {
        image.rotate(); // without an angle: by EXIF orientation
        image.flatten({ background: 'white' }).toColourspace('srgb');
      }
      const output = image.raw({ depth: 'uchar' });
      const { data, info } = await output.toBuffer({ resolveWithObject: true });
      const { width, height } = info;
      return { width, height, pixels: data };
    },
  };
}

/** A JPEG that is RGB, upright and without a profile already: a tenth faster when nothing of it is asked for. */
function isPlain(bytes: Buffer): boolean {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return false;
  const header = readJpegHeader(bytes);
  return header?.components === 3 && !header.hasProfile;
}

function isNotInstalled(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    error.code === 'ERR_MODULE_NOT_FOUND' &&
    error.message.includes("'sharp'")
  );
}
