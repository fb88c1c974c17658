/**
 * What a decoder is, and what it gives.
 */

/** An opaque, upright 8-bit image of H·W·3 interleaved bytes, row by row. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;
}

/** One way of decoding image files. */
export interface ImageDecoder {
  readonly name: 'sharp' | 'portable';
  /** Endings of the files it can read, lower case. */
  readonly extensions: readonly string[];
  /** Throws an Error with the reason when the bytes are no such image. */
  decode(bytes: Buffer): Promise<RgbImage>;
}
