import { expect } from 'vitest';
import { IgcError } from '../../src/core/errors.ts';

/** The message of a usage error. */
export function complaint(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(IgcError);
    expect((error as IgcError).kind).toBe('usage');
    return (error as IgcError).message;
  }
  throw new Error('nothing was thrown');
}
