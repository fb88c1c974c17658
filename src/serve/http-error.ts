/** What a client did wrong, or what it must wait for: a status and our usual line, which becomes the answer's `error`. */
import { type Complaint, complain } from '../core/errors.ts';

/** Thrown while a request is read or served. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    complaint: Complaint,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(complain(complaint));
    this.status = status;
    this.headers = headers;
  }
}

/** 503: the same request may do well in a moment. */
export function busy(complaint: Complaint): HttpError {
  return new HttpError(503, complaint, { 'retry-after': '1' });
}

const longest = 60;

/** A value of a request in an error: short, however long it is. */
export function brief(value: unknown): string {
  const isLong = typeof value === 'string' && value.length > longest;
  if (isLong) return `${JSON.stringify(value.slice(0, longest))}… of ${value.length} characters`;
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return JSON.stringify(value) ?? 'nothing';
}
