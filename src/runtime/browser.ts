/**
 * `igcnet/runtime` in the browser: trained networks by URL or bytes, on the kernels of WebAssembly; on several threads
 * where the page is cross-origin isolated. Asks for the model and one .wasm file, and for nothing else.
 *
 * @example
 * import { load } from 'igcnet/runtime';
 * const model = await load('model.safetensors');
 * const { top } = await model.classify(document.querySelector('canvas'));
 */
import { dataError, usageError } from '../core/errors.ts';
import type { RgbImage } from '../data/images/rgb-image.ts';
import { fetchKernels } from '../kernels/wasm-browser.ts';
import type { WasmVariant } from '../kernels/wasm-variants.ts';
import { fetchBytes } from './fetch-bytes.ts';
import { isPixelImage, type PixelImage, rgbOf } from './image-input.ts';
import { openModel, type RuntimeModel } from './runtime.ts';

export { type ErrorKind, IgcError } from '../core/errors.ts';
export type { PixelImage } from './image-input.ts';
export type { Classification, ClassProbability } from './runtime.ts';

/** A model.safetensors: its URL or its bytes. */
export type ModelSource = string | URL | Uint8Array | ArrayBuffer | Blob;

/** What a canvas can draw: a canvas, an image element, a video, an ImageBitmap, a VideoFrame. */
export type Drawable =
  | { readonly width: number; readonly height: number }
  | { readonly displayWidth: number; readonly displayHeight: number };

/** A picture: what a canvas can draw, pixels (an ImageData), a file (its bytes, a Blob, a File), or a file's URL. */
export type ImageInput = Drawable | PixelImage | Uint8Array | ArrayBuffer | Blob | URL | string;

/** On what the network is computed. */
export interface LoadOptions {
  /** Default: the best that this engine runs. */
  readonly variant?: WasmVariant | undefined;
  /** The page's own included; default: all cores, or 1 where a page may not have threads. */
  readonly threads?: number | undefined;
  /**
   * Where the package's wasm/ folder is served, with a slash at its end; default: beside this module, which bundlers
   * (Vite, webpack, Rollup's plugins) understand.
   */
  readonly wasm?: URL | string | undefined;
}

/** A trained network in use. */
export type Model = RuntimeModel<ImageInput>;

/**
 * Loads a trained network.
 *
 * Throws a data error when it is not there or damaged, a failure where the engine lacks what it needs.
 */
export async function load(source: ModelSource, options: LoadOptions = {}): Promise<Model> {
  const { wasm, ...engine } = options;
  const [bytes, kernels] = await Promise.all([
    readModel(source),
    fetchKernels(engine, true, (file) => {
      if (wasm !== undefined) return new URL(file, new URL(wasm, page.location.href));
      return new URL(modules[file]!());
    }),
  ]);
  const name = typeof source === 'string' || source instanceof URL ? `${source}` : 'model';
  return openModel(bytes, name, { kernels, readImage });
}

/** Written out, so that bundlers see them. */
const modules: Readonly<Record<string, () => URL>> = {
  'inference-simd128.wasm': () => new URL('../../wasm/inference-simd128.wasm', import.meta.url),
  'inference-simd128-threads.wasm': () =>
    new URL('../../wasm/inference-simd128-threads.wasm', import.meta.url),
  'inference-relaxed-simd.wasm': () =>
    new URL('../../wasm/inference-relaxed-simd.wasm', import.meta.url),
  'inference-relaxed-simd-threads.wasm': () =>
    new URL('../../wasm/inference-relaxed-simd-threads.wasm', import.meta.url),
};

async function readModel(source: ModelSource): Promise<Uint8Array> {
  if (typeof source === 'string' || source instanceof URL) return fetchBytes(source);
  if (source instanceof Blob) return new Uint8Array(await source.arrayBuffer());
  return source instanceof Uint8Array ? source : new Uint8Array(source);
}

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
  readonly location: { readonly href: string };
  createImageBitmap(file: Blob): Promise<Bitmap>;
  readonly OffscreenCanvas: new (
    width: number,
    height: number,
  ) => {
    getContext(kind: '2d', options: { readonly willReadFrequently: boolean }): Context | null;
  };
};

async function readImage(image: ImageInput): Promise<RgbImage> {
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
