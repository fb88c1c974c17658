/**
 * The server of `igc ui`: the page's files, and api/ beside them with the runs of a folder. Only for this machine: it answers
 * requests that name it by a loopback address, and takes orders only from its own page.
 */
import { existsSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { IgcError, usageError } from '../core/errors.ts';
import { referenceKernels } from '../kernels/reference.ts';
import { encodeModel, modelFromFile } from '../model/model-file.ts';
import { packageVersion } from '../train/environment.ts';
import { readNetwork } from '../train/read-network.ts';
import { type Measuring, makeMeasuring } from './measuring.ts';
import {
  type PageInfo,
  pageRecords,
  pageReport,
  pageRun,
  pageRunDetail,
  runIdOf,
} from './page-data.ts';
import { makeRunFeed, type RunFeed } from './run-feed.ts';
import { makeStarter, type Starter } from './started-run.ts';
import { sendFile } from './static-files.ts';

/** Where, and what is shown. */
export interface UiOptions {
  /** Folder of runs; it need not exist yet. Default `runs`. */
  readonly runs?: string | undefined;
  /** Default 0: a free one. */
  readonly port?: number | undefined;
}

/** A page that is served. */
export interface UiServer {
  /** `http://127.0.0.1:8417/` */
  readonly url: string;
  /** Ends a run that the page started, with a checkpoint, and the server. */
  close(): Promise<void>;
}

/** Seen from src/ui and dist/ui alike. */
const packageFolder = fileURLToPath(new URL('../..', import.meta.url));
const wasmFolder = path.join(packageFolder, 'wasm');
const pageFolder = path.join(packageFolder, 'dist', 'page');
const host = '127.0.0.1';
const largestBody = 64 * 1024;

/**
 * Serves the page on this machine's loopback address.
 *
 * Throws a failure when the port is taken, or the page is not built.
 * @example const { url, close } = await serveUi({ runs: 'runs' })
 */
export async function serveUi({ runs = 'runs', port = 0 }: UiOptions = {}): Promise<UiServer> {
  const root = path.resolve(runs);
  if (existsSync(root) && !statSync(root).isDirectory()) {
    throw usageError({ path: 'runs', rule: 'must be a folder', got: runs });
  }
  if (!(Number.isInteger(port) && port >= 0 && port <= 65_535)) {
    throw usageError({ path: 'port', rule: 'must be a whole number in 0…65535', got: `${port}` });
  }
  const feed = makeRunFeed(root);
  const starter = makeStarter(root, feed);
  const measuring = makeMeasuring();
  const server = createServer((request, response) => {
    answer({ root, feed, starter, measuring, request, response }).catch((error) =>
      refuse(response, error),
    );
  });
  await listen(server, port);
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `http://${host}:${taken}/`,
    async close() {
      feed.close();
      await Promise.all([starter.close(), measuring.close()]);
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const inUse = cause.code === 'EADDRINUSE';
      const rule = inUse ? 'must be free' : 'must be a port that may be listened on';
      const hint = 'choose another, or 0 for any';
      reject(
        inUse
          ? new IgcError('failure', `port: ${rule}, got ${port}; ${hint}`, { cause })
          : usageError({ path: 'port', rule, got: `${port} (${cause.code})`, hint }),
      );
    });
    server.listen(port, host, resolve);
  });
}

interface Exchange {
  readonly root: string;
  readonly feed: RunFeed;
  readonly starter: Starter;
  readonly measuring: Measuring;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** Sets what makes the page cross-origin isolated, and keeps others from framing or reading it. */
const headers = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'cross-origin-resource-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
} as const;

async function answer(exchange: Exchange): Promise<void> {
  const { request, response } = exchange;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (!isOurs(request)) return sendJson(response, 403, { error: 'host: must be this machine' });
  const pathname = (request.url ?? '/').replace(/[?#].*$/, '');
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  if (pathname.startsWith('/api/')) return answerApi(exchange, pathname.slice('/api/'.length));
  if (!isRead) return sendJson(response, 405, { error: 'method: must be GET' });
  const place = decodeURIComponent(pathname);
  const kernels = place.startsWith('/wasm/') ? place.slice('/wasm'.length) : undefined;
  if (kernels !== undefined && sendFile(response, wasmFolder, kernels)) return;
  if (sendFile(response, pageFolder, place)) return;
  if (pathname === '/') {
    const error = 'page: is not built; npm run build:page builds it';
    return sendJson(response, 404, { error });
  }
  sendJson(response, 404, { error: `${pathname}: nothing is here` });
}

/**
 * A page of another site could have its own name point here (DNS rebinding); and its forms could send orders, which
 * browsers mark with where they come from.
 */
function isOurs({ headers: sent, method }: IncomingMessage): boolean {
  const name = (sent.host ?? '').replace(/:\d+$/, '');
  if (name !== host && name !== 'localhost') return false;
  const from = sent['sec-fetch-site'] ?? 'none';
  if (from !== 'same-origin' && from !== 'none') return false;
  if (method === 'GET' || method === 'HEAD') return true;
  return sent.origin === `http://${sent.host}` && sent['content-type'] === 'application/json';
}

async function answerApi(exchange: Exchange, place: string): Promise<void> {
  const { root, feed, starter, request, response } = exchange;
  if (request.method === 'POST') {
    if (place === 'start')
      return sendJson(response, 200, { id: await starter.start(await body(request)) });
    if (place === 'stop') return sendJson(response, 200, { stopped: starter.stop() });
    return sendJson(response, 405, { error: `${place}: takes no orders` });
  }
  if (request.method !== 'GET') return sendJson(response, 405, { error: 'method: must be GET' });
  if (place === 'info.json') {
    return sendJson(response, 200, { igcnet: packageVersion(), live: true } satisfies PageInfo);
  }
  if (place === 'events') return stream(feed, response);
  const records = pageRecords(root);
  if (place === 'runs.json') {
    return sendJson(
      response,
      200,
      records.map((record) => pageRun(root, record)),
    );
  }
  if (place === 'report.json') return sendJson(response, 200, pageReport(root));
  const run = /^runs\/(.+?)(\/mistakes)?\.(json|safetensors)$/.exec(place);
  const id = run ? decodeURIComponent(run[1]!) : undefined;
  const record = records.find((one) => runIdOf(root, one) === id);
  if (!run || !record) return sendJson(response, 404, { error: `${place}: nothing is here` });
  if (run[3] === 'safetensors') return sendBytes(response, modelBytes(record.folder));
  if (run[2]) return sendMistakes(exchange, record.folder);
  return sendJson(response, 200, pageRunDetail(root, record));
}

/** Whatever the network was read from, the page gets it whole. */
function modelBytes(folder: string): Uint8Array {
  const { network } = readNetwork(folder);
  return encodeModel(modelFromFile(network, referenceKernels('float32')), network.card);
}

async function sendMistakes({ measuring, response }: Exchange, folder: string): Promise<void> {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  const mistakes = await measuring.measure(folder, gone.signal).catch((error: unknown) => {
    if (!gone.signal.aborted) throw error;
  });
  if (mistakes) sendJson(response, 200, mistakes);
}

async function body(request: IncomingMessage): Promise<unknown> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size > largestBody)
      throw usageError({ path: 'body', rule: `must be under ${largestBody} bytes` });
    pieces.push(piece);
  }
  try {
    return JSON.parse(Buffer.concat(pieces).toString('utf8'));
  } catch {
    throw usageError({ path: 'body', rule: 'must be JSON' });
  }
}

/** Server-sent events, with a comment now and then that keeps the connection. */
function stream(feed: RunFeed, response: ServerResponse): void {
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
  });
  const unsubscribe = feed.subscribe((event) =>
    response.write(`data: ${JSON.stringify(event)}\n\n`),
  );
  const beat = setInterval(() => response.write(': \n\n'), 15_000);
  response.on('close', () => {
    clearInterval(beat);
    unsubscribe();
  });
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
  });
  response.end(JSON.stringify(value));
}

function sendBytes(response: ServerResponse, bytes: Uint8Array): void {
  response.writeHead(200, {
    'content-type': 'application/octet-stream',
    'content-length': bytes.length,
    'cache-control': 'no-store',
  });
  response.end(bytes);
}

const statuses = { usage: 400, data: 409, failure: 500, diverged: 500, interrupted: 500 } as const;

/** Expected mistakes are told; of others the page learns only that there was one. */
function refuse(response: ServerResponse, error: unknown): void {
  const isAddress = error instanceof URIError;
  if (!isAddress && !(error instanceof IgcError)) {
    process.emitWarning(error instanceof Error ? error : String(error));
    sendJson(response, 500, { error: 'internal: see the terminal of igc ui' });
    return;
  }
  const message = isAddress ? 'path: must be a URL' : error.message;
  sendJson(response, isAddress ? 400 : statuses[error.kind], { error: message });
}
