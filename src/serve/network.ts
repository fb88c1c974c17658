/** The thread that computes the network, as seen from outside: pixels in, probabilities out. */
import { workerUrl } from '../core/worker-url.ts';
import type { KernelChoice } from '../kernels/choose.ts';
import type { Preprocessing } from '../model/model-card.ts';
import type { ModelSource } from '../runtime/model-source.ts';
import { startWorkerCalls } from './worker-calls.ts';

/** Which network, on what. */
export interface NetworkRequest {
  readonly model: ModelSource;
  readonly kernels: KernelChoice;
  /** 0 means all cores. */
  readonly threads: number;
  /** Most images that will come at once. */
  readonly batch: number;
}

/** What there is to know of a network that is served. */
export interface NetworkFacts {
  readonly net: string;
  readonly depth: number;
  /** Class names in label order. */
  readonly classes: readonly string[];
  readonly preprocessing: Preprocessing;
  readonly dataset: string;
  readonly epoch: number;
  readonly kernels: { readonly name: string; readonly threads: number; readonly reason: string };
  /** Said once, e.g. why the native kernels are not used. */
  readonly warnings: readonly string[];
}

/** A network that computes somewhere else. */
export interface Network {
  readonly facts: NetworkFacts;
  /** Probabilities [image][class] of planar C×H×W bytes, one image behind the other; takes the pixels over. */
  compute(pixels: Uint8Array<ArrayBuffer>): Promise<Float32Array>;
  close(): Promise<void>;
  /** Rejects when the thread is lost. */
  readonly failed: Promise<never>;
}

/** What the thread is asked: first to load, then to compute. */
export type NetworkCall = { readonly load: NetworkRequest } | { readonly pixels: Uint8Array };

/** Starts the thread and loads the network. Throws what `load` of igcnet/runtime throws. */
export async function startNetwork(request: NetworkRequest): Promise<Network> {
  const { call, close, failed } = startWorkerCalls<NetworkCall, NetworkFacts | Float32Array>(
    workerUrl(import.meta.url, 'network-worker'),
    { name: 'network' },
  );
  const { model } = request;
  const place = model instanceof URL ? model.href : model; // a URL does not travel
  try {
    const facts = (await call({ load: { ...request, model: place } })) as NetworkFacts;
    const compute = (pixels: Uint8Array<ArrayBuffer>) =>
      call({ pixels }, [pixels.buffer]) as Promise<Float32Array>;
    return { facts, compute, close, failed };
  } catch (error) {
    await close();
    throw error;
  }
}
