/**
 * Our packed format: one file that opens at once and is mapped to memory. All numbers are little-endian.
 *
 *   "IGCPACK1"   8 bytes
 *   n            uint32, length of the header
 *   header       n bytes of JSON, described by the schema below
 *   sections     each at a multiple of 64 KiB, zeros between them
 *
 * A split has a section of labels (uint16) and either one of pixels (C×H×W bytes an image) or, for images that
 * stay encoded, one of the files' bytes one behind the other and one of their ends (float64, in that section).
 */

import * as v from 'valibot';

export const packMagic = 'IGCPACK1';
/** Longest header that is read: 65,535 class names and to spare. */
export const longestHeader = 2 ** 24;

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const size = v.pipe(count, v.minValue(1), v.maxValue(65_535));

const sectionSchema = v.strictObject({
  offset: count,
  length: count,
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
});

const shape = {
  split: v.picklist(['train', 'validation', 'test']),
  channels: size,
  height: size,
  width: size,
  count: v.pipe(count, v.minValue(1), v.maxValue(2 ** 32 - 1)),
  maxValue: v.pipe(count, v.minValue(1), v.maxValue(255)),
  labels: sectionSchema,
};

const splitSchema = v.variant('kind', [
  v.strictObject({ kind: v.literal('pixels'), ...shape, pixels: sectionSchema }),
  v.strictObject({
    kind: v.literal('encoded'),
    ...shape,
    bytes: sectionSchema,
    ends: sectionSchema,
  }),
]);

export const packHeaderSchema = v.strictObject({
  /** The data set's name, which trained networks will carry. */
  name: v.pipe(v.string(), v.minLength(1)),
  classes: v.pipe(v.array(v.string()), v.minLength(1), v.maxLength(65_536)),
  splits: v.pipe(v.array(splitSchema), v.minLength(2), v.maxLength(3)),
});

/** Where a run of bytes lies in the file, and its SHA-256. */
export type PackSection = v.InferOutput<typeof sectionSchema>;
export type PackSplit = v.InferOutput<typeof splitSchema>;
export type PackHeader = v.InferOutput<typeof packHeaderSchema>;

/** Every section of a split, by name. */
export function sectionsOf(split: PackSplit): readonly (readonly [string, PackSection])[] {
  const { labels } = split;
  if (split.kind === 'pixels') {
    return [
      ['labels', labels],
      ['pixels', split.pixels],
    ];
  }
  return [
    ['labels', labels],
    ['bytes', split.bytes],
    ['ends', split.ends],
  ];
}
