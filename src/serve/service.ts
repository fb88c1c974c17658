/** The HTTP server: routes requests, bounds their time and the connections, stops without losing what it has begun. */
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import { complain } from '../core/errors.ts';
import { type ClassifyParts, type ClassifyService, makeClassifyService } from './classify.ts';
import { type EndpointPath, endpoints, isEndpoint, methodsOf } from './endpoints.ts';
import { type Exchange, errorReply, jsonReply, type Reply, sendReply } from './exchange.ts';
import { brief, busy, HttpError } from './http-error.ts';
import type { Metrics } from './metrics.ts';
import { openApi } from './openapi.ts';
import { describeModel, describeService } from './service-facts.ts';
import type { ServeSettings } from './settings.ts';

/** What a service is made of. */
export interface ServiceParts extends ClassifyParts {
  /** Hears of errors that are ours. */
  readonly onError: (error: unknown) => void;
}

/** A server that does not listen yet. */
export interface Service {
  readonly server: Server;
  /** Takes no more, and resolves when all that was begun is answered, or cut after the time limit. */
  stop(): Promise<void>;
}

type Handler = (exchange: Exchange) => Reply | Promise<Reply>;

/** What changes while a service runs. */
interface State {
  isStopping: boolean;
}

/** Makes the server of a network; `listen` and the threads are the caller's. */
export function makeService(parts: ServiceParts): Service {
  const { settings, metrics } = parts;
  const state: State = { isStopping: false };
  const classify = makeClassifyService(parts);
  const server = createServer(serverOptions(settings));
  server.maxConnections = settings.maxConnections;
  server.timeout = 2 * settings.timeoutMs; // of a connection on which nothing moves
  const handlers = makeHandlers(parts, { state, classify, server });
  const live = new WeakMap<Socket, Live>();
  const onRequest = (request: IncomingMessage, response: ServerResponse) =>
    serveOne(parts, { state, handlers, server, live }, request, response);
  server.on('request', onRequest);
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    // Refused before it is sent where the headers are enough for that.
    const isLarge = Number(request.headers['content-length'] ?? 0) > settings.maxBodyBytes;
    if (!isLarge) response.writeContinue();
    onRequest(request, response);
  });
  server.on('checkExpectation', onRequest); // a server may ignore what it does not know
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    answerBadHttp(error, socket, live.get(socket), metrics);
  });
  server.on('drop', () => metrics.countRefusedConnection());
  return { server, stop: () => stop(server, state, settings) };
}

function serverOptions({ timeoutMs }: ServeSettings): ServerOptions {
  return {
    headersTimeout: timeoutMs,
    // The body has its own timer, which answers; this one ends what even so does not end.
    requestTimeout: 2 * timeoutMs,
    connectionsCheckingInterval: Math.min(1000, Math.ceil(timeoutMs / 4)),
    keepAliveTimeout: 5000,
    maxHeaderSize: 16_384,
  };
}

interface Running {
  readonly state: State;
  readonly server: Server;
}

function makeHandlers(
  parts: ServiceParts,
  { state, classify, server }: Running & { readonly classify: ClassifyService },
): Record<EndpointPath, Handler> {
  const { settings, metrics, network, hasWebp } = parts;
  let connections = 0;
  server.on('connection', (socket: Socket) => {
    connections++;
    socket.once('close', () => connections--);
  });
  const levels = () => ({
    waiting: classify.waiting(),
    bodyBytes: classify.budget.usedBytes,
    connections,
  });
  return {
    '/classify': (exchange) => {
      if (state.isStopping) throw busy({ path: 'service', rule: 'stops and takes no more' });
      return classify.answer(exchange);
    },
    '/': () => jsonReply(200, describeService(network.facts)),
    '/model': () => jsonReply(200, describeModel(network.facts, settings)),
    '/healthz': () => {
      if (state.isStopping) return jsonReply(503, { status: 'stopping' });
      return jsonReply(200, { status: 'ok' });
    },
    '/metrics': () => {
      return { status: 200, type: 'text/plain; version=0.0.4', body: metrics.text(levels()) };
    },
    '/openapi.json': () => jsonReply(200, openApi(settings, hasWebp)),
  };
}

/** The latest request of a connection. */
interface Live {
  readonly response: ServerResponse;
  /** What it was answered, as the metrics call it. */
  status: string;
}

interface Serving extends Running {
  readonly handlers: Record<EndpointPath, Handler>;
  readonly live: WeakMap<Socket, Live>;
}

/** Answers one request, whatever happens; never throws. */
async function serveOne(
  { settings, metrics, onError }: ServiceParts,
  { state, handlers, server, live }: Serving,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const beganMs = performance.now();
  const [path = '', ...query] = (request.url ?? '').split('?');
  const aborter = new AbortController();
  const timer = setTimeout(() => aborter.abort(tooLate(settings)), settings.timeoutMs);
  const one: Live = { response, status: 'gone' };
  live.set(request.socket, one);
  response.on('close', () => {
    clearTimeout(timer);
    aborter.abort(new Error('the client is gone'));
    const known = isEndpoint(path) ? path : 'other';
    metrics.countRequest(known, one.status, performance.now() - beganMs);
    if (state.isStopping) setImmediate(() => server.closeIdleConnections());
  });
  const { signal } = aborter;
  const search = new URLSearchParams(query.join('?'));
  const exchange = { request, response, beganMs, signal, query: search };
  const reply = await route(path, exchange, handlers, settings).catch((error: unknown) => {
    const answer = errorReply(error);
    if (answer.status === 500 && !response.destroyed) onError(error);
    return answer;
  });
  clearTimeout(timer);
  if (response.destroyed) return;
  one.status = `${reply.status}`;
  const isLast = state.isStopping || reply.status === 408;
  sendReply(exchange, reply, { headers: corsHeaders(settings), isLast });
}

async function route(
  path: string,
  exchange: Exchange,
  handlers: Record<EndpointPath, Handler>,
  settings: ServeSettings,
): Promise<Reply> {
  if (!isEndpoint(path)) {
    const hint = `known are ${Object.keys(endpoints).join(', ')}`;
    throw new HttpError(404, { path: brief(path), rule: 'unknown path', hint });
  }
  const method = exchange.request.method ?? '';
  const methods = methodsOf(path, settings.cors !== undefined);
  if (!methods.includes(method)) {
    const rule = `method must be ${methods.join(' or ')}`;
    throw new HttpError(405, { path, rule, got: method }, { allow: methods.join(', ') });
  }
  if (method === 'OPTIONS') return preflight(methods);
  return handlers[path](exchange);
}

/** What a browser asks before it sends a picture from another origin. */
function preflight(methods: readonly string[]): Reply {
  return {
    ...{ status: 204, type: 'application/json', body: '' },
    headers: {
      'access-control-allow-methods': methods.join(', '),
      'access-control-allow-headers': 'content-type',
      'access-control-max-age': '600',
    },
  };
}

function corsHeaders({ cors }: ServeSettings): Record<string, string> {
  if (cors === undefined) return {};
  return { 'access-control-allow-origin': cors, ...(cors !== '*' && { vary: 'origin' }) };
}

function tooLate({ timeoutMs }: ServeSettings): HttpError {
  return busy({ path: 'request', rule: `must be answered within ${timeoutMs} ms` });
}

const statusLines: ReadonlyMap<string, string> = new Map([
  ['ERR_HTTP_REQUEST_TIMEOUT', '408 Request Timeout'],
  ['HPE_HEADER_OVERFLOW', '431 Request Header Fields Too Large'],
]);

/** What the network did, not the client's words. */
const lostCodes: ReadonlySet<string | undefined> = new Set(['ECONNRESET', 'EPIPE']);

/** What is no HTTP, or comes too slowly to be any: answered by hand, and cut. */
function answerBadHttp(
  error: NodeJS.ErrnoException,
  socket: Socket,
  live: Live | undefined,
  metrics: Metrics,
): void {
  const current = live && !live.response.writableFinished ? live : undefined;
  const isLost = lostCodes.has(error.code) || (current && error.code === 'HPE_INVALID_EOF_STATE');
  if (!socket.writable || isLost || current?.response.headersSent) return void socket.destroy();
  const line = statusLines.get(error.code ?? '') ?? '400 Bad Request';
  const said = complain({ path: 'request', rule: 'must be HTTP/1.1', got: brief(error.code) });
  const body = `${JSON.stringify({ error: said })}\n`;
  const headers = `content-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close`;
  if (current) current.status = line.slice(0, 3);
  else metrics.countRequest('other', line.slice(0, 3), 0);
  socket.end(`HTTP/1.1 ${line}\r\n${headers}\r\n\r\n${body}`, () => socket.destroy());
}

async function stop(server: Server, state: State, { timeoutMs }: ServeSettings): Promise<void> {
  state.isStopping = true;
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), timeoutMs);
  await closed;
  clearTimeout(timer);
}
