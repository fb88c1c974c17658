/**
 * One request for a file, and the bytes that come: as the server keeps them, never decoded (many call a .gz file
 * `Content-Encoding: gzip`, and fetch would unpack it). Redirects are followed; a connection that stalls is ended.
 */

import http, { type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import https from 'node:https';
import { dataError } from '../../core/errors.ts';

/** What may pass, and is worth another try. */
export class PassingError extends Error {}

const mostRedirects = 5;
const redirects: readonly (number | undefined)[] = [301, 302, 303, 307, 308];

/** Errors of a machine without a network, or of a wrong address. */
const offlineCodes = ['ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED', 'ENETUNREACH', 'EHOSTUNREACH'];
const insecureCode = /^(CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERR_TLS_|ERR_SSL_|EPROTO)/;

/** Ends one attempt when nothing has come for `timeoutMs`, or when the user wants to stop. */
export class Patience {
  /** Aborted at the end of the attempt. */
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  readonly #timeoutMs: number;
  #timer: NodeJS.Timeout | undefined;
  #isStalled = false;

  constructor(timeoutMs: number, stop: AbortSignal | undefined) {
    this.#timeoutMs = timeoutMs;
    const own = this.#controller.signal;
    this.signal = stop === undefined ? own : AbortSignal.any([own, stop]);
    this.renew();
  }

  /** A byte has come. */
  renew(): void {
    this.pause();
    this.#timer = setTimeout(() => {
      this.#isStalled = true;
      this.#controller.abort();
    }, this.#timeoutMs);
  }

  /** Nothing is awaited. */
  pause(): void {
    clearTimeout(this.#timer);
  }

  /** Ends the connection, if there still is one. */
  end(): void {
    this.pause();
    this.#controller.abort();
  }

  /** What an error of the connection means. */
  explain(error: unknown): PassingError {
    const said = this.#isStalled ? `no byte for ${this.#timeoutMs / 1000} s` : reasonOf(error);
    return new PassingError(said, { cause: error });
  }
}

/**
 * Asks for a file. The answer may have any status but that of a redirect.
 *
 * Throws `PassingError`s, and data errors when there is no use in trying again.
 */
export async function requestFile(
  url: string,
  headers: OutgoingHttpHeaders,
  patience: Patience,
): Promise<IncomingMessage> {
  let at = new URL(url);
  for (let followed = 0; followed <= mostRedirects; followed++) {
    const answer = await requestOnce(at, headers, patience);
    const { location } = answer.headers;
    if (location === undefined || !redirects.includes(answer.statusCode)) return answer;
    answer.destroy();
    const next = URL.canParse(location, at.href) ? new URL(location, at) : undefined;
    if (next === undefined || !/^https?:$/.test(next.protocol)) {
      throw missing(url, `a redirect to ${location}`);
    }
    at = next;
  }
  throw missing(url, `more than ${mostRedirects} redirects`);
}

/** The pieces of an answer; what breaks the connection is worth another try. */
export async function* piecesOf(
  answer: IncomingMessage,
  patience: Patience,
): AsyncGenerator<Buffer> {
  const pieces: AsyncIterable<Buffer> = answer;
  try {
    for await (const piece of pieces) {
      patience.pause(); // while it is written
      yield piece;
      patience.renew();
    }
  } catch (error) {
    throw patience.explain(error);
  }
}

/** The error for an address where the file is not. */
export function missing(url: string, got: string): Error {
  return dataError({ path: url, rule: 'must be there', got, hint: 'has it moved? give --from' });
}

async function requestOnce(
  url: URL,
  headers: OutgoingHttpHeaders,
  patience: Patience,
): Promise<IncomingMessage> {
  const { signal } = patience;
  const { get } = url.protocol === 'https:' ? https : http;
  const all = { 'user-agent': 'igcnet', 'accept-encoding': 'identity', ...headers };
  try {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      get(url, { headers: all, signal, agent: false }, resolve).on('error', reject);
    });
    patience.renew();
    return answer;
  } catch (error) {
    const code = codeOf(error);
    if (signal.aborted || !(offlineCodes.includes(code) || insecureCode.test(code))) {
      throw patience.explain(error);
    }
    throw new UnreachableError(url.href, reasonOf(error), error);
  }
}

/** Nobody answers, or nobody who could be trusted: final, unless bytes have come from there before. */
export class UnreachableError extends PassingError {
  readonly url: string;

  constructor(url: string, reason: string, cause: unknown) {
    super(reason, { cause });
    this.url = url;
  }
}

/** `ECONNRESET`, or the message with it. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  const code = codeOf(error);
  if (code === '' || error.message.includes(code)) return error.message || code;
  return `${code}: ${error.message}`;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
