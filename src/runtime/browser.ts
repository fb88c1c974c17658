/**
 * `igcnet/runtime` in the browser: trained networks by URL or bytes, on the kernels of WebAssembly; on several threads
 * where the page is cross-origin isolated. Asks for the model and one .wasm file, and for nothing else.
 *
 * @example
 * import { load } from 'igcnet/runtime';
 * const model = await load('model.safetensors');
 * const { top } = await model.classify(document.querySelector('canvas'));
 */
import type { KernelSet } from '../kernels/contract.ts';
import { fetchKernels } from '../kernels/wasm-browser.ts';
import type { WasmVariant } from '../kernels/wasm-variants.ts';
import { decodeModel } from '../model/model-file.ts';
import { type ImageInput, readImage } from './browser-image.ts';
import { fetchBytes } from './fetch-bytes.ts';
import { openModel, type RuntimeModel } from './runtime.ts';

export { type ErrorKind, IgcError } from '../core/errors.ts';
export type { ClassProbability } from '../model/classifier.ts';
export type { Drawable, ImageInput } from './browser-image.ts';
export type { PixelImage } from './image-input.ts';
export type { Classification } from './runtime.ts';

/** A model.safetensors: its URL or its bytes. */
export type ModelSource = string | URL | Uint8Array | ArrayBuffer | Blob;

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
  const [bytes, kernels] = await Promise.all([readModel(source), sharedKernels(options)]);
  const name = typeof source === 'string' || source instanceof URL ? `${source}` : 'model';
  return openModel(decodeModel(bytes, name), { kernels, readImage });
}

/** Networks share threads and memory: each set has its own, which only the garbage collector would give back. */
const sets = new Map<string, Promise<KernelSet>>();

function sharedKernels({ wasm, ...engine }: LoadOptions): Promise<KernelSet> {
  const key = `${engine.variant} ${engine.threads} ${wasm}`;
  const known = sets.get(key);
  if (known) return known;
  const fetched = fetchKernels(engine, true, (file) => {
    if (wasm !== undefined) return new URL(file, new URL(wasm, location().href));
    return new URL(modules[file]!());
  });
  sets.set(key, fetched);
  fetched.catch(() => sets.delete(key)); // the next may have more luck
  return fetched;
}

/** The library is compiled without a browser's types. */
const location = () => (globalThis as unknown as { location: { href: string } }).location;

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
