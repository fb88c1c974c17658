/** What a service allows and where it listens, complete and checked. */
import { usageError } from '../core/errors.ts';
import type { KernelChoice } from '../kernels/choose.ts';

/** How to serve; everything has a default. */
export interface ServeOptions {
  /** Address or name to listen on; default 127.0.0.1: this machine alone. */
  readonly host?: string | undefined;
  /** Default 8080; 0 takes a free one. */
  readonly port?: number | undefined;
  /** Most images computed at once; default 64. */
  readonly batch?: number | undefined;
  /** Longest that an image waits for others, in milliseconds; default 2. */
  readonly maxWaitMs?: number | undefined;
  /** Most images that wait, over all requests; default 256. */
  readonly queue?: number | undefined;
  /** Most images in a request; default 64. */
  readonly maxImages?: number | undefined;
  /** Largest body of a request; default 10,000,000. Those of all requests together may be 16 times as large. */
  readonly maxBodyBytes?: number | undefined;
  /** Most pixels of all pictures of a request, as they are sent; default 2^24. */
  readonly maxPixels?: number | undefined;
  /** Longest that a request may take, its sending included, in milliseconds; default 10,000. */
  readonly timeoutMs?: number | undefined;
  /** Default 512. */
  readonly maxConnections?: number | undefined;
  /** Origin whose pages may read answers, or `*`; default: none. */
  readonly cors?: string | undefined;
  /** Default `auto`. */
  readonly kernels?: KernelChoice | undefined;
  /** Of the kernels; default 0: all cores. */
  readonly threads?: number | undefined;
}

/** `ServeOptions` with every default in its place. */
export type ServeSettings = {
  readonly [K in Exclude<keyof ServeOptions, 'cors'>]-?: NonNullable<ServeOptions[K]>;
} & { readonly cors: string | undefined };

interface NumberRule {
  readonly least: number;
  readonly most: number;
  readonly usual: number;
  readonly isWhole?: false;
}

const dayMs = 86_400_000;

const numbers = {
  port: { least: 0, most: 65_535, usual: 8080 },
  batch: { least: 1, most: 1024, usual: 64 },
  maxWaitMs: { least: 0, most: 60_000, usual: 2, isWhole: false },
  queue: { least: 1, most: 1_000_000, usual: 256 },
  maxImages: { least: 1, most: 100_000, usual: 64 },
  maxBodyBytes: { least: 1, most: 2 ** 29, usual: 10_000_000 }, // JSON is read as one string
  maxPixels: { least: 1, most: 2 ** 28, usual: 2 ** 24 },
  timeoutMs: { least: 1, most: dayMs, usual: 10_000, isWhole: false },
  maxConnections: { least: 1, most: 1_000_000, usual: 512 },
  threads: { least: 0, most: 1024, usual: 0 },
} as const satisfies Partial<Record<keyof ServeOptions, NumberRule>>;

type NumberName = keyof typeof numbers;

/** Fills in the defaults. Throws a usage error that names what is out of range. */
export function resolveSettings(options: ServeOptions): ServeSettings {
  const { host = '127.0.0.1', kernels = 'auto', cors } = options;
  const checked = (Object.keys(numbers) as NumberName[]).map((name) => {
    return [name, checkNumber(name, options[name], numbers[name])] as const;
  });
  const settings = Object.fromEntries(checked) as Record<NumberName, number>;
  if (cors !== undefined) checkOrigin(cors);
  if (host === '') throw usageError({ path: 'host', rule: 'must be an address', got: '""' });
  // A request that no queue can hold would be told to come again for ever.
  const maxImages = Math.min(settings.maxImages, settings.queue);
  return { ...settings, maxImages, host, kernels, cors };
}

function checkNumber(name: string, value: number | undefined, rule: NumberRule): number {
  const { least, most, usual, isWhole = true } = rule;
  if (value === undefined) return usual;
  const isSound = value >= least && value <= most && (Number.isInteger(value) || !isWhole);
  if (isSound) return value;
  const kind = isWhole ? 'a whole number' : 'a number';
  throw usageError({ path: name, rule: `must be ${kind} of ${least}…${most}`, got: `${value}` });
}

function checkOrigin(cors: string): void {
  if (cors === '*' || (URL.canParse(cors) && new URL(cors).origin === cors)) return;
  throw usageError({
    path: 'cors',
    rule: 'must be an origin, or *',
    got: JSON.stringify(cors),
    hint: 'for example https://example.org, without a slash at its end',
  });
}
