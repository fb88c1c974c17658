/**
 * Pictures that a program has in memory, as the opaque RGB images that networks take. Nothing is decoded here: files are
 * the platform's business (node.ts, browser.ts).
 */
import { usageError } from '../core/errors.ts';
import type { RgbImage } from '../data/images/rgb-image.ts';

/**
 * Pixels row by row, 8 bits a value: grey, RGB or RGBA, which of them follows from the length of `data`. A canvas's
 * `ImageData` is one.
 */
export interface PixelImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array | Uint8ClampedArray;
}

/** Whether something has the form of pixels in memory; that they fit is `rgbOf`’s to say. */
export function isPixelImage(image: unknown): image is PixelImage {
  if (typeof image !== 'object' || image === null) return false;
  const { data, width, height } = image as Partial<Record<keyof PixelImage, unknown>>;
  const isBytes = data instanceof Uint8Array || data instanceof Uint8ClampedArray;
  return isBytes && typeof width === 'number' && typeof height === 'number';
}

/**
 * Alpha is composited on white, as everywhere in igcnet.
 *
 * Throws a usage error when the data are not width·height pixels of 1, 3 or 4 values.
 */
export function rgbOf({ width, height, data }: PixelImage): RgbImage {
  const area = width * height;
  const values = data.length / area;
  const isWhole = Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0;
  if (!(isWhole && (values === 1 || values === 3 || values === 4))) {
    throw usageError({
      path: 'image',
      rule: 'data must hold 1, 3 or 4 bytes for each of width × height pixels',
      got: `${data.length} bytes for ${width}×${height}`,
    });
  }
  const pixels = new Uint8Array(area * 3);
  for (let i = 0; i < area; i++) {
    const at = i * values;
    const opacity = values === 4 ? data[at + 3]! : 255;
    for (let c = 0; c < 3; c++) {
      const value = data[values === 1 ? at : at + c]!;
      pixels[3 * i + c] =
        opacity === 255 ? value : Math.round((value * opacity + 255 * (255 - opacity)) / 255);
    }
  }
  return { width, height, pixels };
}
