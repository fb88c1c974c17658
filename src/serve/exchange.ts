/** One request and its answer: what an answer is, how it is written, and how an error becomes one. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { IgcError } from '../core/errors.ts';
import { HttpError } from './http-error.ts';

/** What is sent back. */
export interface Reply {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request while it is served. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
  readonly beganMs: number;
  /** Aborts with an HttpError when its time is over, with another error when the client is gone. */
  readonly signal: AbortSignal;
}

/** JSON, in one line. */
export function jsonReply(status: number, value: unknown): Reply {
  return { status, type: 'application/json', body: `${JSON.stringify(value)}\n` };
}

/** What a client is told of an error: all of its own mistakes, nothing of the inside of ours. */
export function errorReply(error: unknown): Reply {
  if (error instanceof HttpError) {
    return { ...jsonReply(error.status, { error: error.message }), headers: error.headers };
  }
  // The threads know nothing of HTTP: pictures that they refuse are data or usage errors.
  const isClients = error instanceof IgcError && ['data', 'usage'].includes(error.kind);
  if (isClients) return jsonReply(400, { error: error.message });
  return jsonReply(500, { error: 'service: must not fail, got an internal error; see its log' });
}

const security = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
} as const;

/** What an answer has besides itself. */
export interface SendOptions {
  readonly headers: Readonly<Record<string, string>>;
  /** Whether the connection ends with this answer. */
  readonly isLast: boolean;
}

/** Writes the answer. A long body that has not been read ends the connection, rather than be waited for. */
export function sendReply(
  { request, response }: Pick<Exchange, 'request' | 'response'>,
  reply: Reply,
  { headers, isLast }: SendOptions,
): void {
  const isCut = !request.complete && mayBeLong(request);
  response.writeHead(reply.status, {
    ...security,
    ...headers,
    ...reply.headers,
    ...(reply.status !== 204 && {
      'content-type': reply.type,
      'content-length': Buffer.byteLength(reply.body),
    }),
    ...((isLast || isCut) && { connection: 'close' }),
  });
  const body = request.method === 'HEAD' ? '' : reply.body;
  if (!isCut) return void response.end(body);
  response.write(body);
  endAfterBody(request, response);
}

const shortBytes = 65_536; // Node throws such a body away by itself

function mayBeLong({ headers }: IncomingMessage): boolean {
  const stated = Number(headers['content-length'] ?? 0);
  return headers['transfer-encoding'] !== undefined || stated > shortBytes;
}

const lingerMs = 500;
const lingerBytes = 2 ** 26;

/**
 * Throws away what still comes, for a moment, and closes then: a connection that is closed while its client writes is
 * reset, and the answer lost with it.
 */
function endAfterBody(request: IncomingMessage, response: ServerResponse): void {
  let restBytes = lingerBytes;
  const end = () => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(end, lingerMs);
  request.on('end', end).on('close', end);
  request.on('data', (chunk: Buffer) => {
    restBytes -= chunk.length;
    if (restBytes < 0) end();
  });
  request.resume();
}
