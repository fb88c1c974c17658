/** Services for tests: a small drawn network in its own threads, or parts that a test makes up. */
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { connect } from 'node:net';
import { afterAll, expect } from 'vitest';
import { type ImageReader, startImageReader } from '../../src/serve/images.ts';
import { makeMetrics } from '../../src/serve/metrics.ts';
import type { Network, NetworkFacts } from '../../src/serve/network.ts';
import { serveModel } from '../../src/serve/serve-model.ts';
import { makeService, type ServiceParts } from '../../src/serve/service.ts';
import { resolveSettings, type ServeOptions } from '../../src/serve/settings.ts';
import { namedNetwork } from '../../src/spec/named-networks.ts';
import { writeDrawn } from '../export/drawn-models.ts';

const ends: (() => Promise<unknown>)[] = [];
afterAll(() => Promise.all(ends.map((end) => end())));

export const input = { channels: 3, height: 8, width: 8 };
export const smallNet = namedNetwork({ net: 'IGC-L4M2', depth: 8, input, classes: 3 });

/** The folder of a drawn network of three classes. */
export const drawnFolder = (name: string) => writeDrawn(name, smallNet).folder;

/** Serves a drawn network on a free port until the tests are over. */
export async function serveSmall(options: ServeOptions = {}) {
  const folder = drawnFolder(`served ${ends.length}`);
  const served = await serveModel(folder, { port: 0, threads: 1, ...options });
  ends.push(served.close);
  return served;
}

export const madeUpFacts: NetworkFacts = {
  net: 'made up',
  depth: 8,
  classes: ['cat', 'dog', 'eel'],
  preprocessing: { ...input, maxValue: 255, mean: [0, 0, 0], std: [1, 1, 1] },
  dataset: 'nothing',
  epoch: 1,
  kernels: { name: 'none', threads: 1, reason: 'asked for' },
  warnings: [],
};

/** What a test may make up of a service. */
export interface MadeUp extends ServeOptions {
  /** Probabilities of a batch; default: the first class is certain. */
  readonly compute?: Network['compute'];
  readonly hasWebp?: boolean;
  readonly onError?: ServiceParts['onError'];
}

const never = new Promise<never>(() => {});
const certain: Network['compute'] = async (pixels) => {
  const count = pixels.length / (3 * 8 * 8);
  return Float32Array.from({ length: 3 * count }, (_, i) => (i % 3 === 0 ? 1 : 0));
};
let reader: ImageReader | undefined;

/** A service without a network, but with the thread that decodes. */
export async function serveMadeUp({ compute = certain, hasWebp = true, ...options }: MadeUp = {}) {
  if (!reader) {
    reader = startImageReader({ shape: input, cropShare: undefined });
    ends.push(reader.close);
  }
  const settings = resolveSettings(options);
  const network = { facts: madeUpFacts, compute, failed: never, close: async () => {} };
  const { server, stop } = makeService({
    ...{ network, images: reader, settings, hasWebp, metrics: makeMetrics(settings.batch) },
    onError: options.onError ?? (() => {}),
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  ends.push(async () => {
    server.closeAllConnections();
    await stop();
  });
  return { url: `http://127.0.0.1:${port}`, port, server, stop };
}

/** Sends a body to /classify. */
export function classify(
  url: string,
  body: Uint8Array | string,
  { type = 'application/json', query = '', signal }: ClassifyOptions = {},
): Promise<Response> {
  const headers = { 'content-type': type };
  const init = { method: 'POST', headers, body: body as string, ...(signal && { signal }) };
  return fetch(`${url}/classify${query}`, init);
}

interface ClassifyOptions {
  readonly type?: string;
  readonly query?: string;
  readonly signal?: AbortSignal;
}

/** Pixels as JSON takes them, all of one value. */
export function pixelsOf(value: number, { width = 8, height = 8, values = 3 } = {}) {
  const data = Buffer.alloc(width * height * values, value).toString('base64');
  return { width, height, data };
}

export const onePixels = JSON.stringify({ pixels: pixelsOf(7) });

/** Writes bytes on a connection of its own and gives all that came back when it was closed. */
export async function talk(port: number, ...parts: readonly (string | Uint8Array)[]) {
  const socket = openSocket(port);
  for (const part of parts) socket.write(part);
  return await heard(socket);
}

export function openSocket(port: number): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {}); // a reset is what some tests are for
  return socket;
}

/** All that a connection says until it is closed. */
export async function heard(socket: Socket): Promise<string> {
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  // Not `once` of node:events: it rejects when the connection is reset.
  if (!socket.closed) await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return text;
}

/** Expects of what `read` gives before long, on a busy machine too. */
export const eventually = <T>(read: () => T) => expect.poll(read, { timeout: 10_000 });

/** The value of one line of /metrics. */
export async function metric(url: string, line: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const found = text.split('\n').find((one) => one.startsWith(`${line} `));
  return Number(found?.slice(line.length + 1) ?? Number.NaN);
}

/** The status and the JSON of an answer. */
export async function answerOf(response: Response): Promise<Answered> {
  return { status: response.status, json: (await response.json()) as Answered['json'] };
}

/** What an answer says. */
export interface Answered {
  readonly status: number;
  readonly json: {
    readonly error: string;
    readonly predictions: readonly { readonly name: string; readonly probability: number }[];
    readonly results: readonly Pick<Answered['json'], 'predictions'>[];
    readonly timeMs: number;
  };
}
