/**
 * The image decoder of the optional package sharp (libvips): also WebP and CMYK, EXIF orientation of
 * any file, and colour profiles brought to sRGB.
 */

import { IgcError } from '../../core/errors.ts';
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
      const { data, info } = await sharp(bytes)
        .rotate() // without an angle: by EXIF orientation
        .flatten({ background: 'white' })
        .toColourspace('srgb')
        .raw({ depth: 'uchar' })
        .toBuffer({ resolveWithObject: true });
      const { width, height } = info;
      return { width, height, pixels: data };
    },
  };
}

function isNotInstalled(error: unknown): boolean {
  return (
    error instanceof Error &&
    'code' in error &&
    error.code === 'ERR_MODULE_NOT_FOUND' &&
    error.message.includes("'sharp'")
  );
}
