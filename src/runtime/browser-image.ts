/** Pictures in whatever form a page has them, as the RGB images that networks take; the browser decodes files. */
import { dataError, usageError } from '../core/errors.ts';
import type { RgbImage } from '../data/images/rgb-image.ts';
import { fetchBytes } from './fetch-bytes.ts';
import { isPixelImage, type PixelImage, rgbOf } from './image-input.ts';

/** What a canvas can draw: a canvas, an image element, a video, an ImageBitmap, a VideoFrame. */
export type Drawable =
  | { readonly width: number; readonly height: number }
  | { readonly displayWidth: number; readonly displayHeight: number };

/** A picture: what a canvas can draw, pixels (an ImageData), a file (its bytes, a Blob, a File), or a file's URL. */
export type ImageInput = Drawable | PixelImage | Uint8Array | ArrayBuffer | Blob | URL | string;

/** The little of a page that is needed here; the library is compiled without a browser's types. */
interface Bitmap {
  readonly width: number;
  readonly height: number;
  close(): void;
}
interface Context {
  drawImage(image: unknown, x: number, y: number, width: number, height: number): void;
  getImageData(x: number, y: number, width: number, height: number): PixelImage;
}
const page = globalThis as unknown as {
  createImageBitmap(file: Blob): Promise<Bitmap>;
  readonly OffscreenCanvas: new (
    width: number,
    height: number,
  ) => {
    getContext(kind: '2d', options: { readonly willReadFrequently: boolean }): Context | null;
  };
};

/**
 * The whole picture, upright and opaque.
 *
 * Throws a usage error for what is no picture or has no pixels yet, a data error for what cannot be fetched or decoded.
 */
export async function readImage(image: ImageInput): Promise<RgbImage> {
  if (isPixelImage(image)) return rgbOf(image);
  if (typeof image === 'string' || image instanceof URL) {
    return decode(`${image}`, new Blob([(await fetchBytes(image)) as Uint8Array<ArrayBuffer>]));
  }
  if (image instanceof Blob) return decode('name' in image ? `${image.name}` : 'image', image);
  if (image instanceof ArrayBuffer || image instanceof Uint8Array) {
    return decode('image', new Blob([image as ArrayBuffer]));
  }
  return draw(image);
}

async function decode(name: string, file: Blob): Promise<RgbImage> {
  const bitmap = await page.createImageBitmap(file).catch((cause: unknown) => {
    const rule = 'must be an image that this browser can decode';
    throw dataError({ path: name, rule, got: `${file.size} bytes` }, cause);
  });
  try {
    return draw(bitmap);
  } finally {
    bitmap.close();
  }
}

/** The pixels of whatever a canvas can draw, at its own size. */
function draw(image: Drawable): RgbImage {
  const [width, height] = sizeOf(image);
  if (!(width > 0 && height > 0)) {
    throw usageError({
      path: 'image',
      rule: 'must be a picture that has been loaded, of at least one pixel',
      got: `${width}×${height}`,
    });
  }
  const context = new page.OffscreenCanvas(width, height).getContext('2d', {
    willReadFrequently: true,
  });
  if (!context) throw usageError({ path: 'image', rule: 'needs a 2D canvas', got: 'none' });
  context.drawImage(image, 0, 0, width, height);
  return rgbOf(context.getImageData(0, 0, width, height));
}

/** Elements have a size on the page besides their picture's own. */
function sizeOf(image: Drawable): readonly [number, number] {
  const sizes = image as Readonly<Record<string, unknown>>;
  const own = ['natural', 'video', 'display'].find((kind) => `${kind}Width` in sizes);
  const name = (dimension: 'Width' | 'Height') => (own ? own + dimension : dimension.toLowerCase());
  const [width, height] = [sizes[name('Width')], sizes[name('Height')]];
  return [Number(width ?? Number.NaN), Number(height ?? Number.NaN)];
}
