import { encode as encodePng } from 'fast-png';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { readImageHeader } from '../../src/serve/image-header.ts';
import { sendMalformed } from './malformed.ts';
import {
  answerOf,
  classify,
  type MadeUp,
  onePixels,
  pixelsOf,
  serveMadeUp,
  serveSmall,
} from './services.ts';

const png = Buffer.from(encodePng({ width: 8, height: 8, data: new Uint8Array(192), channels: 3 }));
const image = png.toString('base64');
const text = (value: unknown) => JSON.stringify(value);

interface Case {
  readonly body: Uint8Array | string;
  readonly type?: string;
  readonly query?: string;
  readonly options?: MadeUp;
  readonly status?: number;
  readonly says: string | RegExp;
}

/** A PNG that says of itself what it is not. */
function pngSaying(width: number, height: number): Buffer {
  const changed = Buffer.from(png);
  changed.writeUInt32BE(width, 16);
  changed.writeUInt32BE(height, 20);
  return changed;
}

const cases: Record<string, Case> = {
  'an empty body': { body: '', says: 'body: must not be empty, got 0 bytes' },
  'an empty file': { body: '', type: 'image/png', says: 'body: must not be empty, got 0 bytes' },
  'a half of JSON': { body: '{"image"', says: /^body: must be JSON in UTF-8, got "Expected ':'/ },
  'JSON in Latin-1': {
    body: Buffer.from('{"image":"\u00fc"}', 'latin1'),
    says: /^body: must be JSON in UTF-8, got "The encoded data was not valid/,
  },
  'a list': { body: '[1,2]', says: 'body: must be an object, got an array of 2' },
  'no picture': { body: '{}', says: 'body: must have one of image, images, pixels, got none' },
  'two kinds': {
    body: text({ image, images: [image] }),
    says: 'body: must have one of image, images, pixels, got image and images',
  },
  'a mistyped key': {
    body: text({ pixles: pixelsOf(1) }),
    says: '"pixles": unknown key; did you mean "pixels"?',
  },
  'a number for a picture': {
    body: text({ image: 5 }),
    says: 'image: must be base64, padded and without line ends, got 5',
  },
  'a picture that is no base64': {
    body: text({ images: [image, `${image.slice(0, -4)}@@@@`] }),
    says: /^images\[1\]: must be base64, padded and without line ends, got "iVBORw.*"… of \d+ cha/,
  },
  'base64 without its padding': {
    body: text({ image: 'AAA' }),
    says: 'image: must be base64, padded and without line ends, got "AAA"',
  },
  'no pictures in a list': {
    body: text({ images: [] }),
    says: 'images: must be an array of at least one image, got an array of 0',
  },
  'too many pictures': {
    body: text({ images: [image, image, image] }),
    options: { maxImages: 2 },
    status: 413,
    says: 'images: must be at most 2, got 3',
  },
  'more pictures than can ever wait': {
    body: text({ images: [image, image, image] }),
    options: { queue: 2 },
    status: 413,
    says: 'images: must be at most 2, got 3',
  },
  'pixels of half a width': {
    body: text({ pixels: { ...pixelsOf(1), width: 7.5 } }),
    says: 'pixels.width: must be a whole number of at least 1, got 7.5',
  },
  'pixels without data': {
    body: text({ images: [{ width: 1, height: 1 }] }),
    says: 'images[0].data: must be base64, padded and without line ends, got nothing',
  },
  'pixels of another size': {
    body: text({ pixels: { ...pixelsOf(1), height: 9 } }),
    says: 'pixels.data: must hold 1, 3 or 4 bytes for each of width × height pixels, got 192 bytes for 8×9',
  },
  'a text file': {
    body: 'hello',
    type: 'image/png',
    says: 'body: must be a decodable image: PNG, JPEG or WebP, got no such header',
  },
  'a truncated file': {
    body: png.subarray(0, 40),
    type: 'image/png',
    says: /^body: must be a decodable image, got "/,
  },
  'a truncated file in base64': {
    body: text({ images: [image, png.subarray(0, 40).toString('base64')] }),
    says: /^images\[1\]: must be a decodable image, got "/,
  },
  'a picture of no pixels': {
    body: pngSaying(0, 8),
    type: 'image/png',
    says: 'body: must be a decodable image: PNG, JPEG or WebP, got PNG of 0×8',
  },
  'a bomb': {
    body: pngSaying(100_000, 100_000),
    type: 'image/png',
    status: 413,
    says: 'body: pictures of a request must have at most 16777216 pixels, got 100000×100000',
  },
  'many pictures that are one too large': {
    body: text({ images: [image, image] }),
    options: { maxPixels: 100 },
    status: 413,
    says: 'images[1]: pictures of a request must have at most 100 pixels, got 8×8 and 128 in all',
  },
  'no type': {
    body: new Uint8Array(3),
    type: '',
    status: 415,
    says: /^content-type: must be one of image\/png, .*, application\/json, got ""$/,
  },
  'WebP where nothing reads it': {
    body: new Uint8Array(3),
    type: 'image/webp',
    options: { hasWebp: false },
    status: 415,
    says: /got "image\/webp"; the service needs the package sharp for WebP$/,
  },
  'a body above the limit': {
    body: onePixels,
    options: { maxBodyBytes: 100 },
    status: 413,
    says: `body: must have at most 100 bytes, got ${onePixels.length}`,
  },
  'a mistyped query': {
    body: onePixels,
    query: '?tpo=3',
    says: '?"tpo": unknown; did you mean "top"?',
  },
  'a query that is no number': {
    body: onePixels,
    query: '?top=many',
    says: '?top: must be one whole number of at least 1, got "many"',
  },
  'no classes at all': {
    body: onePixels,
    query: '?top=0',
    says: '?top: must be one whole number of at least 1, got "0"',
  },
  'two queries': {
    body: onePixels,
    query: '?top=1&top=2',
    says: '?top: must be one whole number of at least 1, got "1, 2"',
  },
};

describe('a malformed body', () => {
  it.each(Object.keys(cases))('%s is refused with the reason', async (name) => {
    const { body, says, status = 400, options = {}, ...how } = cases[name]!;
    const { url } = await serveMadeUp(options);
    const { status: got, json } = await answerOf(await classify(url, body, how));
    expect(json.error).toEqual(typeof says === 'string' ? says : expect.stringMatching(says));
    expect(got).toBe(status);
  });

  it('that is packed is refused', async () => {
    const { url } = await serveMadeUp();
    const headers = { 'content-type': 'image/png', 'content-encoding': 'gzip' };
    const response = await fetch(`${url}/classify`, { method: 'POST', headers, body: png });
    const { status, json } = await answerOf(response);
    expect(status).toBe(415);
    expect(json.error).toBe(
      'content-encoding: must not be given: bodies are taken as they are, got "gzip"',
    );
  });

  it('of 500 drawn ones is refused, and the service is alive afterwards', async () => {
    const { url } = await serveSmall();
    const statuses = await sendMalformed(url, 500);
    expect(Object.keys(statuses).sort()).toEqual(expect.arrayContaining(['200', '400', '415']));
    expect((await classify(url, onePixels)).status).toBe(200);
  });
});

describe('the size in a header', () => {
  const plain = sharp({ create: { width: 37, height: 21, channels: 4, background: '#f008' } });
  it.each([
    ['PNG', () => plain.clone().png()],
    ['JPEG', () => plain.clone().jpeg()],
    ['WebP', () => plain.clone().removeAlpha().webp()],
    ['WebP', () => plain.clone().webp({ lossless: true })],
    ['WebP', () => plain.clone().webp({ alphaQuality: 50 })],
  ])('of %s is found', async (format, make) => {
    const bytes = await make().toBuffer();
    expect(readImageHeader(bytes)).toEqual({ format, width: 37, height: 21 });
    for (let length = 0; length < 20; length++) {
      expect(readImageHeader(bytes.subarray(0, length))).toBeUndefined();
    }
  });
});
