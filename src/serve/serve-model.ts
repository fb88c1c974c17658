/** The public way to serve a network over HTTP: starts its threads and the server, and ends them together. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { IgcError, usageError } from '../core/errors.ts';
import { chooseDecoder } from '../data/images/image-decoder.ts';
import type { ModelSource } from '../runtime/model-source.ts';
import { startImageReader } from './images.ts';
import { makeMetrics } from './metrics.ts';
import { type NetworkFacts, startNetwork } from './network.ts';
import { makeService } from './service.ts';
import { resolveSettings, type ServeOptions, type ServeSettings } from './settings.ts';

/** What a program may hear of a service. */
export interface ServeEvents {
  /** An error of ours, which a client was told of as 500; default: forgotten. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** A service that runs. */
export interface ServedModel {
  /** `http://127.0.0.1:8080` */
  readonly url: string;
  readonly facts: NetworkFacts;
  readonly settings: ServeSettings;
  /** Takes no more requests, answers those it has within their time limit, and ends. */
  close(): Promise<void>;
  /** Rejects when a thread of the service is lost; it must be closed then. */
  readonly failed: Promise<never>;
}

/**
 * Serves a trained network over HTTP (docs/serve.md). Requests that come together are computed together, in a thread of its
 * own; pictures are decoded in another.
 *
 * Throws usage errors for options, data errors for a model that is missing or damaged, a failure when the port is taken.
 * @example
 * const { url, close } = await serveModel('runs/pets', { port: 0 });
 * const response = await fetch(`${url}/classify`, { method: 'POST', headers: { 'content-type': 'image/png' }, body });
 * console.log(await response.json()); // { predictions: [{ name: 'cat', probability: 0.98 }, …], timeMs: 3.2 }
 * await close();
 */
export async function serveModel(
  model: ModelSource,
  options: ServeOptions & ServeEvents = {},
): Promise<ServedModel> {
  const settings = resolveSettings(options);
  const { kernels, threads, batch } = settings;
  const decoder = await chooseDecoder();
  const network = await startNetwork({ model, kernels, threads, batch });
  const { facts } = network;
  const { cropShare } = facts.preprocessing;
  const images = startImageReader({ shape: facts.preprocessing, cropShare });
  const hasWebp = decoder.extensions.includes('.webp');
  const { onError = () => {} } = options;
  const metrics = makeMetrics(batch);
  const service = makeService({ network, images, settings, metrics, hasWebp, onError });
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= service.stop().then(async () => {
      await Promise.all([network.close(), images.close()]);
    });
    return closing;
  };
  try {
    const url = await listen(service.server, settings);
    service.server.on('error', onError); // of accepting connections; the server goes on
    const failed = Promise.race([network.failed, images.failed]);
    failed.catch(() => {}); // whoever wants to know listens
    return { url, facts, settings, close, failed };
  } catch (error) {
    await close();
    throw error;
  }
}

function listen(server: Server, { host, port }: ServeSettings): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => reject(listenError(error, host, port));
    server.once('error', fail);
    server.listen({ host, port }, () => {
      server.off('error', fail);
      const { port: taken } = server.address() as AddressInfo;
      resolve(`http://${host.includes(':') ? `[${host}]` : host}:${taken}`);
    });
  });
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): Error {
  const options = { cause: error };
  switch (error.code) {
    case 'EADDRINUSE': {
      const said = `port: must be free, got ${port}, in use on ${host}; 0 takes a free one`;
      return new IgcError('failure', said, options);
    }
    case 'EACCES':
      return new IgcError('failure', `port: must be allowed to this user, got ${port}`, options);
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN': {
      const rule = 'must be an address of this machine';
      return usageError({ path: 'host', rule, got: `${host} (${error.code})` });
    }
    default:
      return error;
  }
}
