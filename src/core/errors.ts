/**
 * The one error class of the library. Every message names the place, the rule, the value and the way out:
 * `<path>: <rule>, got <value>[; <hint>]`. The kind decides the exit code of the command; library code
 * itself never prints and never exits.
 */

export type ErrorKind = 'failure' | 'usage' | 'data' | 'diverged' | 'interrupted';

/** Exit code of the `igc` command for each kind of error. */
export const exitCodes = {
  failure: 1,
  usage: 2,
  data: 3,
  diverged: 4,
  interrupted: 130,
} as const satisfies Record<ErrorKind, number>;

/** A mistake we expected somebody to make: shown as one line, without a stack trace. */
export class IgcError extends Error {
  override readonly name = 'IgcError';
  readonly kind: ErrorKind;
  /** Another process of the same team tells it: this one only ends as it says. */
  readonly isToldElsewhere: boolean;

  constructor(
    kind: ErrorKind,
    message: string,
    { isToldElsewhere = false, ...options }: ErrorOptions & { isToldElsewhere?: boolean } = {},
  ) {
    super(message, options);
    this.kind = kind;
    this.isToldElsewhere = isToldElsewhere;
  }
}

/** What went wrong, in the four parts that every message has. */
export interface Complaint {
  readonly path: string;
  readonly rule: string;
  readonly got?: string;
  readonly hint?: string;
}

/** `<path>: <rule>, got <value>; <hint>` */
export function complain({ path, rule, got, hint }: Complaint): string {
  return `${path}: ${rule}${got === undefined ? '' : `, got ${got}`}${hint ? `; ${hint}` : ''}`;
}

/** A wrong flag, config value, network name or shape (exit code 2). */
export function usageError(complaint: Complaint): IgcError {
  return new IgcError('usage', complain(complaint));
}

/** Missing, truncated or corrupt files (exit code 3). */
export function dataError(complaint: Complaint, cause?: unknown): IgcError {
  return new IgcError('data', complain(complaint), { cause });
}

/** A broken invariant of our own: a bug, and said so. */
export function internalError(message: string): Error {
  return new Error(`internal: ${message}`);
}

/** The known name nearest to a mistyped one (edit distance), or undefined when nothing is near. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** `did you mean "x"?` for a mistyped name, or the list of names when nothing is near. */
export function suggestName(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  return nearest === undefined ? `known are ${known.join(', ')}` : `did you mean "${nearest}"?`;
}

/** Damerau-Levenshtein distance (adjacent swaps count once). */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let distance = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        distance = Math.min(distance, beforeLast[j - 2]! + 1);
      }
      row.push(distance);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
