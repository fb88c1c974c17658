/** What a client asks of /classify: reads and checks the headers, the query and the body; nothing is decoded here. */
import type { IncomingHttpHeaders } from 'node:http';
import { type Complaint, nearestName, suggestName } from '../core/errors.ts';
import { isRecord } from '../core/nested-values.ts';
import { brief, HttpError } from './http-error.ts';
import { readImageHeader } from './image-header.ts';
import type { SentImage } from './images.ts';

/** How a body is written. */
export type BodyKind = 'file' | 'json';

/** What pictures a request may send. */
export interface ImageLimits {
  readonly maxImages: number;
  readonly maxPixels: number;
  /** Whether the decoder knows WebP. */
  readonly hasWebp: boolean;
}

/** The pictures of a request. */
export interface SentImages {
  readonly images: readonly SentImage[];
  /** Whether they came as a list, and are answered by one. */
  readonly isList: boolean;
}

/** Media types of bodies. */
export const bodyTypes = {
  'image/png': 'file',
  'image/jpeg': 'file',
  'image/webp': 'file',
  'application/octet-stream': 'file',
  'application/json': 'json',
} as const satisfies Record<string, BodyKind>;

/** The media types that are taken. */
export function takenTypes(hasWebp: boolean): readonly string[] {
  return Object.keys(bodyTypes).filter((type) => hasWebp || type !== 'image/webp');
}

/** How the body is written, by its headers. Throws an HttpError of 415. */
export function readBodyKind(
  headers: Pick<IncomingHttpHeaders, 'content-type' | 'content-encoding'>,
  hasWebp: boolean,
): BodyKind {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    const rule = 'must not be given: bodies are taken as they are';
    throw new HttpError(415, { path: 'content-encoding', rule, got: brief(encoding) });
  }
  const [type = ''] = (headers['content-type'] ?? '').toLowerCase().split(/\s*;/);
  const taken = takenTypes(hasWebp);
  const kind = taken.includes(type) ? bodyTypes[type as keyof typeof bodyTypes] : undefined;
  if (kind) return kind;
  const hint = type === 'image/webp' ? 'the service needs the package sharp for WebP' : '';
  const rule = `must be one of ${taken.join(', ')}`;
  throw new HttpError(
    415,
    { path: 'content-type', rule, got: brief(type), hint },
    { 'accept-post': taken.join(', ') },
  );
}

/** How many classes to answer: `?top=`, 5 unless given. Throws an HttpError of 400. */
export function readTop(query: URLSearchParams): number {
  for (const name of query.keys()) {
    if (name !== 'top') {
      throw bad({ path: `?${brief(name)}`, rule: 'unknown', hint: suggestName(name, ['top']) });
    }
  }
  const values = query.getAll('top');
  if (values.length === 0) return 5;
  const got = values.join(', ');
  const top = /^\d{1,9}$/.test(got) ? Number(got) : 0;
  if (top >= 1) return top;
  throw bad({ path: '?top', rule: 'must be one whole number of at least 1', got: brief(got) });
}

/** The pictures of a body. Throws HttpErrors of 400 and 413. */
export function readImages(
  bytes: Buffer<ArrayBuffer>,
  kind: BodyKind,
  limits: ImageLimits,
): SentImages {
  if (bytes.length === 0) throw bad({ path: 'body', rule: 'must not be empty', got: '0 bytes' });
  const sent = kind === 'json' ? readJson(bytes, limits) : fileList('body', bytes);
  checkPixels(sent.images, limits);
  return sent;
}

function fileList(place: string, bytes: Uint8Array): SentImages {
  return { images: [{ kind: 'file', place, bytes }], isList: false };
}

const keys = ['image', 'images', 'pixels'] as const;
const pixelKeys = ['width', 'height', 'data'] as const;

function readJson(bytes: Buffer<ArrayBuffer>, { maxImages }: ImageLimits): SentImages {
  const body = parseJson(bytes);
  if (!isRecord(body)) throw bad({ path: 'body', rule: 'must be an object', got: brief(body) });
  checkKeys('', body, keys);
  const given = keys.filter((key) => key in body);
  const [key] = given;
  if (key === undefined || given.length > 1) {
    const got = given.join(' and ') || 'none';
    throw bad({ path: 'body', rule: `must have one of ${keys.join(', ')}`, got });
  }
  const value = body[key];
  if (key === 'image') return fileList('image', readBase64('image', value));
  if (key === 'pixels') return { images: [readPixels('pixels', value)], isList: false };
  if (!Array.isArray(value) || value.length === 0) {
    const rule = 'must be an array of at least one image';
    throw bad({ path: 'images', rule, got: brief(value) });
  }
  if (value.length > maxImages) {
    const rule = `must be at most ${maxImages}`;
    throw new HttpError(413, { path: 'images', rule, got: `${value.length}` });
  }
  const images = value.map((one: unknown, i): SentImage => {
    const place = `images[${i}]`;
    if (isRecord(one)) return readPixels(place, one);
    return { kind: 'file', place, bytes: readBase64(place, one) };
  });
  return { images, isList: true };
}

function parseJson(bytes: Buffer<ArrayBuffer>): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    const got = brief(error instanceof Error ? error.message : 'something else');
    throw bad({ path: 'body', rule: 'must be JSON in UTF-8', got });
  }
}

function readPixels(place: string, value: unknown): SentImage {
  if (!isRecord(value)) throw bad({ path: place, rule: 'must be an object', got: brief(value) });
  checkKeys(`${place}.`, value, pixelKeys);
  const [width, height] = (['width', 'height'] as const).map((name) => {
    const size = value[name];
    if (typeof size === 'number' && Number.isInteger(size) && size >= 1) return size;
    const rule = 'must be a whole number of at least 1';
    throw bad({ path: `${place}.${name}`, rule, got: brief(size) });
  });
  const data = readBase64(`${place}.data`, value.data);
  const values = data.length / (width! * height!);
  if (![1, 3, 4].includes(values)) {
    const rule = 'must hold 1, 3 or 4 bytes for each of width × height pixels';
    const got = `${data.length} bytes for ${width}×${height}`;
    throw bad({ path: `${place}.data`, rule, got });
  }
  return { kind: 'pixels', place, width: width!, height: height!, data };
}

function checkKeys(prefix: string, value: object, known: readonly string[]): void {
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue;
    const near = nearestName(key.slice(0, 20), known);
    const hint = near ? `did you mean "${near}"?` : `known are ${known.join(', ')}`;
    throw bad({ path: `${prefix}${brief(key)}`, rule: 'unknown key', hint });
  }
}

/** Padded, of the standard or the URL's alphabet; Buffer alone would skip whatever is neither. */
function readBase64(place: string, text: unknown): Uint8Array<ArrayBuffer> {
  const rule = 'must be base64, padded and without line ends';
  if (typeof text !== 'string') throw bad({ path: place, rule, got: brief(text) });
  if (text === '') throw bad({ path: place, rule: 'must not be empty', got: '""' });
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = Buffer.allocUnsafeSlow(Math.floor((text.length * 3) / 4) - padding);
  if (text.length % 4 === 0 && bytes.write(text, 'base64') === bytes.length) return bytes;
  throw bad({ path: place, rule, got: brief(text) });
}

/** Refuses files of no known format, and more pixels than may be decoded. */
function checkPixels(images: readonly SentImage[], { maxPixels, hasWebp }: ImageLimits): void {
  let sum = 0;
  for (const image of images) {
    const { width, height } = image.kind === 'pixels' ? image : fileSize(image, hasWebp);
    sum += width * height;
    if (sum <= maxPixels) continue;
    const rule = `pictures of a request must have at most ${maxPixels} pixels`;
    const got = `${width}×${height}${images.length > 1 ? ` and ${sum} in all` : ''}`;
    throw new HttpError(413, { path: image.place, rule, got });
  }
}

function fileSize({ place, bytes }: SentImage & { readonly kind: 'file' }, hasWebp: boolean) {
  const { buffer, byteOffset, byteLength } = bytes;
  const header = readImageHeader(Buffer.from(buffer, byteOffset, byteLength));
  const isTaken = header && (hasWebp || header.format !== 'WebP');
  if (isTaken && header.width > 0 && header.height > 0) return header;
  const rule = `must be a decodable image: PNG${hasWebp ? ', JPEG or WebP' : ' or JPEG'}`;
  const got = header ? `${header.format} of ${header.width}×${header.height}` : 'no such header';
  throw bad({ path: place, rule, got });
}

function bad(complaint: Complaint): HttpError {
  return new HttpError(400, complaint);
}
