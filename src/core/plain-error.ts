/** Errors as plain data, for the way between two threads, on which they lose their class otherwise. */
import { type ErrorKind, IgcError } from './errors.ts';

/** An error as it travels. */
export interface PlainError {
  /** Undefined for errors that are no IgcError: bugs. */
  readonly errorKind: ErrorKind | undefined;
  readonly message: string;
  readonly stack: string | undefined;
  /** Of an IgcError. */
  readonly isToldElsewhere?: boolean;
}

/** The error without its class. */
export function toPlainError(error: unknown): PlainError {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  if (!(error instanceof IgcError)) return { errorKind: undefined, message, stack };
  const { kind, isToldElsewhere } = error;
  return { errorKind: kind, message, stack, ...(isToldElsewhere && { isToldElsewhere }) };
}

/** The error as it was thrown in the other thread. */
export function fromPlainError({ errorKind, message, stack, ...rest }: PlainError): Error {
  const error =
    errorKind === undefined ? new Error(message) : new IgcError(errorKind, message, rest);
  if (stack !== undefined) error.stack = stack;
  return error;
}
