/**
 * `igcnet/runtime` in Node: trained networks by path, URL or bytes, on the native kernels or on those of WebAssembly.
 *
 * @example
 * import { load } from 'igcnet/runtime';
 * const model = await load('runs/pets');
 * const { top } = await model.classify('cat.jpg');
 */
import { usageError } from '../core/errors.ts';
import { chooseDecoder, decodeBytes } from '../data/images/image-decoder.ts';
import type { RgbImage } from '../data/images/rgb-image.ts';
import { readWhole } from '../data/readers/reading.ts';
import { chooseKernels, type KernelChoice } from '../kernels/choose.ts';
import type { KernelSet } from '../kernels/contract.ts';
import { fetchBytes } from './fetch-bytes.ts';
import { isPixelImage, type PixelImage, rgbOf } from './image-input.ts';
import { type ModelSource, pathOf, readModel, webUrl } from './model-source.ts';
import { openModel, type RuntimeModel } from './runtime.ts';

export { type ErrorKind, IgcError } from '../core/errors.ts';
export type { ClassProbability } from '../model/classifier.ts';
export type { PixelImage } from './image-input.ts';
export type { ModelSource } from './model-source.ts';
export type { Classification } from './runtime.ts';

/** A picture: the path or URL of an image file, its bytes, or pixels. */
export type ImageInput = string | URL | Uint8Array | ArrayBuffer | Blob | PixelImage;

/** On what the network is computed. */
export interface LoadOptions {
  /** Default `auto`: native where there are any, else WebAssembly. */
  readonly kernels?: KernelChoice | undefined;
  /** Default 0: all cores. */
  readonly threads?: number | undefined;
}

/** A trained network in use. */
export type Model = RuntimeModel<ImageInput>;

/**
 * Loads a trained network.
 *
 * Throws a data error when there is none or its file is damaged, a usage error for kernels that are not there.
 */
export async function load(source: ModelSource, options: LoadOptions = {}): Promise<Model> {
  const { kernels: name = 'auto', threads = 0 } = options;
  const network = await readModel(source);
  return openModel(network, { kernels: sharedKernels(name, threads), readImage });
}

/** Networks share threads and memory: each set has its own, which only the garbage collector would give back. */
const sets = new Map<string, KernelSet>();

function sharedKernels(name: KernelChoice, threads: number): KernelSet {
  const key = `${name} ${threads}`;
  const known = sets.get(key);
  if (known) return known;
  const { kernels } = chooseKernels({ kernels: name, threads, inference: true });
  sets.set(key, kernels);
  return kernels;
}

async function readImage(image: ImageInput): Promise<RgbImage> {
  if (isPixelImage(image)) return rgbOf(image);
  if (typeof image === 'string' || image instanceof URL) {
    const url = webUrl(image);
    const file = typeof image === 'string' ? image : url ? '' : pathOf(image);
    return decode(`${image}`, url ? await fetchBytes(url) : await readWhole(file, file));
  }
  if (image instanceof Uint8Array) return decode('image', image);
  if (image instanceof ArrayBuffer) return decode('image', new Uint8Array(image));
  if (image instanceof Blob) return decode('image', new Uint8Array(await image.arrayBuffer()));
  throw usageError({
    path: 'image',
    rule: 'must be a path, a URL, the bytes of a file, or {width, height, data}',
    got: typeof image,
  });
}

async function decode(name: string, bytes: Uint8Array): Promise<RgbImage> {
  const { buffer, byteOffset, byteLength } = bytes;
  return decodeBytes(name, Buffer.from(buffer, byteOffset, byteLength), await chooseDecoder());
}
