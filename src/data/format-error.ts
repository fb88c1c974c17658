/**
 * The data error of every reader: which file, at which byte, what was expected there and what was found.
 */

import { IgcError } from '../core/errors.ts';

/** What is wrong in a file of data. */
export interface FormatFault {
  /** Path of the file. */
  readonly file: string;
  /** Byte in the file (in the unpacked stream of a compressed one) where the fault lies. */
  readonly offset: number;
  /** What the format demands there, e.g. `a label below 10`. */
  readonly expected: string;
  /** What is there, e.g. `77` or `the end of the file`. */
  readonly got: string;
  /** The way out. */
  readonly hint?: string;
}

/** `<file>: expected <expected> at byte <offset>, got <got>[; <hint>]`, or `message` in its place. */
export class FormatError extends IgcError {
  readonly file: string;
  readonly offset: number;
  readonly expected: string;
  readonly got: string;

  constructor(fault: FormatFault, options: ErrorOptions & { readonly message?: string } = {}) {
    const { file, offset, expected, got, hint } = fault;
    const said = `${file}: expected ${expected} at byte ${offset}, got ${got}`;
    super('data', options.message ?? (hint ? `${said}; ${hint}` : said), options);
    this.file = file;
    this.offset = offset;
    this.expected = expected;
    this.got = got;
  }
}
