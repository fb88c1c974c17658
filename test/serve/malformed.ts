/** Bodies that no service may take, drawn from a seed, and sound ones with damage. */

import fc from 'fast-check';
import { encode as encodePng } from 'fast-png';
import { wavyPixels } from '../data/fixtures.ts';
import { applyDamage, damage } from '../data/fuzz.ts';
import { classify, pixelsOf } from './services.ts';

const png = Buffer.from(
  encodePng({ width: 9, height: 7, data: wavyPixels(9, 7, 'malformed'), channels: 3 }),
);
const image = png.toString('base64');

export interface Body {
  readonly type: string;
  readonly bytes: Uint8Array;
  /** Whether it is malformed for certain; damage may leave a picture a picture. */
  readonly isCertain: boolean;
}

const json = (value: unknown): Body => ({
  type: 'application/json',
  bytes: Buffer.from(JSON.stringify(value) ?? ''),
  isCertain: true,
});

/** Anything that is no base64 of whole bytes. */
const notBase64 = fc.oneof(
  fc.constantFrom('', 'a', 'ab', 'abc', 'a===', '====', 'ab=c', `${image}=`, `${image}\n`),
  fc.constant(image.slice(1)),
  fc.string({ minLength: 1 }).map((text) => `${text}\u00fc!`),
);
const notText = fc.oneof(fc.integer(), fc.boolean(), fc.constant(null), fc.array(fc.integer()));
const notSize = fc.oneof(
  fc.constantFrom(0, -1, 0.5, 1e300, '8', null, true, [8]),
  fc.integer({ min: 9, max: 1e6 }), // larger than the data
);
const badPixels = fc.oneof(
  fc.record({ ...constants(pixelsOf(1)), width: notSize }),
  fc.record({ ...constants(pixelsOf(1)), height: notSize }),
  fc.record({ ...constants(pixelsOf(1)), data: fc.oneof(notBase64, notText) }),
  fc.constantFrom<object>({}, { width: 8, height: 8 }, { ...pixelsOf(1), depth: 8 }),
);
const badImage = fc.oneof(notBase64, notText, badPixels, fc.constant('AAAA'));
const badJson = fc
  .oneof(
    fc.oneof(notBase64, notText, fc.constant('AAAA')).map((one) => ({ image: one })),
    fc.oneof(badPixels, notText, fc.string()).map((pixels) => ({ pixels })),
    fc.tuple(badImage, fc.nat(3)).map(([bad, sound]) => ({
      images: [...new Array<string>(sound).fill(image), bad],
    })),
    fc.constantFrom<object>({}, { images: [] }, { images: image }, { image, pixels: pixelsOf(1) }),
    fc.constantFrom<object>({ img: image }, { image, top: 1 }, { images: [image], '': 1 }),
    notText,
  )
  .map(json);
const notJson = fc
  .oneof(
    fc.string().map((text) => `${text}{`),
    fc.constantFrom('', '{', '{"image":', `{"image":"${image}"`, 'NaN', '['.repeat(100_000)),
    fc.constant(`{"image":"${image}"}x`),
  )
  .map((text): Body => {
    return { type: 'application/json', bytes: Buffer.from(text), isCertain: true };
  });
const notUtf8 = fc.uint8Array({ maxLength: 50 }).map((bytes): Body => {
  const broken = Buffer.concat([
    Buffer.from('{"image":"'),
    bytes,
    Buffer.of(0xff),
    Buffer.from('"}'),
  ]);
  return { type: 'application/json', bytes: broken, isCertain: true };
});
const imageType = fc.constantFrom('image/png', 'image/jpeg', 'application/octet-stream');
const notFile = fc
  .tuple(imageType, fc.uint8Array({ maxLength: 200 }))
  .map(([type, bytes]): Body => {
    return { type, bytes, isCertain: true };
  });
const damaged = fc
  .tuple(imageType, fc.array(damage, { minLength: 1, maxLength: 4 }))
  .map(([type, damages]): Body => {
    return { type, bytes: damages.reduce(applyDamage, png), isCertain: false };
  });
const damagedJson = fc.array(damage, { minLength: 1, maxLength: 4 }).map((damages): Body => {
  const sound = Buffer.from(JSON.stringify({ images: [image, pixelsOf(3)] }));
  return { type: 'application/json', bytes: damages.reduce(applyDamage, sound), isCertain: false };
});
const otherType = fc
  .constantFrom('text/plain', 'image/gif', 'multipart/form-data', 'application/jsonx', '')
  .map((type): Body => ({ type, bytes: png, isCertain: true }));

const bodies = fc.oneof(badJson, notJson, notUtf8, notFile, damaged, damagedJson, otherType);

/** How many bodies got which status. */
export type Statuses = Readonly<Record<number, number>>;

/** Sends `count` bodies; throws at the first that is not refused with 4xx and a line that says why. */
export async function sendMalformed(url: string, count: number): Promise<Statuses> {
  const statuses: Record<number, number> = {};
  const property = fc.asyncProperty(bodies, async ({ type, bytes, isCertain }) => {
    const response = await classify(url, bytes, { type });
    const answer = (await response.json()) as { readonly error?: string };
    const { status } = response;
    statuses[status] = 1 + (statuses[status] ?? 0);
    if (status === 200 && !isCertain) return;
    const isRefused = status >= 400 && status < 500 && /^[^:]+: ./.test(answer.error ?? '');
    if (!isRefused) throw new Error(`${status} ${JSON.stringify(answer)}`);
  });
  await fc.assert(property, { numRuns: count, seed: 7, endOnFailure: true });
  return statuses;
}

function constants<T extends object>(value: T) {
  const entries = Object.entries(value).map(([key, one]) => [key, fc.constant(one)]);
  return Object.fromEntries(entries) as { [K in keyof T]: fc.Arbitrary<T[K]> };
}
