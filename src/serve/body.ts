/** Reads the body of a request: never more of it than is allowed, nor of all of them together. */
import type { IncomingMessage } from 'node:http';
import { busy, HttpError } from './http-error.ts';

/** What the bodies that are held at one time may come to. */
export interface BodyBudget {
  readonly mostBytes: number;
  usedBytes: number;
}

/** A body that counts in the budget until it is released. */
export interface HeldBody {
  readonly bytes: Buffer<ArrayBuffer>;
  release(): void;
}

/** What bounds the reading of one body. */
export interface BodyLimits {
  readonly maxBodyBytes: number;
  readonly budget: BodyBudget;
  /** Aborts with an HttpError when the request's time is over, with anything else when the client is gone. */
  readonly signal: AbortSignal;
}

/**
 * The whole body. Throws HttpErrors: 413 as soon as it is seen to be too large, 408 when its time is over before it is
 * all there, 503 when too much is held for other requests.
 */
export async function readBody(request: IncomingMessage, limits: BodyLimits): Promise<HeldBody> {
  const { maxBodyBytes, budget } = limits;
  const stated = Number(request.headers['content-length'] ?? 0);
  if (stated > maxBodyBytes) throw tooLarge(maxBodyBytes, `${stated}`);
  let held = 0;
  const release = () => {
    budget.usedBytes -= held;
    held = 0;
  };
  const chunks: Buffer[] = [];
  const take = (chunk: Buffer) => {
    if (held + chunk.length > maxBodyBytes) throw tooLarge(maxBodyBytes, 'more');
    if (budget.usedBytes + chunk.length > budget.mostBytes) throw overBudget(budget);
    held += chunk.length;
    budget.usedBytes += chunk.length;
    chunks.push(chunk);
  };
  try {
    await drain(request, take, limits.signal);
  } catch (error) {
    release();
    throw error;
  }
  return { bytes: join(chunks, held), release };
}

function tooLarge(mostBytes: number, got: string): HttpError {
  return new HttpError(413, { path: 'body', rule: `must have at most ${mostBytes} bytes`, got });
}

function overBudget({ usedBytes }: BodyBudget): HttpError {
  const got = `${usedBytes} bytes of others`;
  return busy({ path: 'body', rule: 'must wait until others are served', got });
}

/** Hands every chunk to `take`; what that throws ends the reading, and leaves the stream paused. */
function drain(
  request: IncomingMessage,
  take: (chunk: Buffer) => void,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: unknown) => {
      request.off('data', onData).off('end', onEnd).off('close', onClose);
      signal.removeEventListener('abort', onAbort);
      if (error === undefined) return resolve();
      request.pause();
      reject(error);
    };
    const onData = (chunk: Buffer) => {
      try {
        take(chunk);
      } catch (error) {
        settle(error);
      }
    };
    const onEnd = () => settle();
    const onClose = () => settle(new Error('the client is gone'));
    const onAbort = () => settle(signal.reason instanceof HttpError ? tooSlow() : signal.reason);
    if (signal.aborted) return onAbort();
    request.on('data', onData).on('end', onEnd).on('close', onClose);
    signal.addEventListener('abort', onAbort);
  });
}

function tooSlow(): HttpError {
  const complaint = {
    path: 'body',
    rule: 'must arrive within the time limit',
    got: 'a part of it',
  };
  return new HttpError(408, complaint);
}

/** In memory of its own: a Buffer's pool could not be moved to another thread. */
function join(chunks: readonly Buffer[], size: number): Buffer<ArrayBuffer> {
  const bytes = Buffer.allocUnsafeSlow(size);
  let at = 0;
  for (const chunk of chunks) at += chunk.copy(bytes, at);
  return bytes;
}
