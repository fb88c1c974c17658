/**
 * The image decoder without native code: fast-png for PNG, @jsquash/jpeg (wasm) for JPEG. Knows no WebP, no
 * CMYK and no colour profiles (sRGB is assumed), and turns by EXIF orientation in JPEG files only.
 */

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import decodeJpeg, { init as initJpeg } from '@jsquash/jpeg/decode.js';
import { convertIndexedToRgb, type DecodedPng, decode as decodePng } from 'fast-png';
import { readJpegHeader } from './jpeg-header.ts';
import { checkPngBounds } from './png-bounds.ts';
import type { ImageDecoder, RgbImage } from './rgb-image.ts';

const maxPixels = 0x3fff * 0x3fff; // sharp's default limit, so that both refuse the same files

/**
 * Of a JPEG file: even one colour takes a bit for each block of 64 pixels of every component, with halved colours 170
 * pixels a byte.
 */
const mostPixelsPerByte = 1024;

/** Decodes PNG and JPEG; alpha is composited on white. */
export const portableDecoder: ImageDecoder = {
  name: 'portable',
  extensions: ['.png', '.jpg', '.jpeg'],
  async decode(bytes) {
    if (bytes[0] === 0x89 && bytes.toString('latin1', 1, 4) === 'PNG') return readPng(bytes);
    if (bytes[0] === 0xff && bytes[1] === 0xd8) return await readJpeg(bytes);
    throw new Error('neither PNG nor JPEG');
  },
};

let jpegReady: Promise<void> | undefined;

/** Compiles the codec once; it cannot fetch its own wasm file in Node. */
function prepareJpeg(): Promise<void> {
  jpegReady ??= (async () => {
    const file = createRequire(import.meta.url).resolve('@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm');
    const { buffer: wasmBinary } = new Uint8Array(await readFile(file));
    // The codec prints its warnings; a library must not.
    await initJpeg({ wasmBinary, print: () => {}, printErr: () => {} });
  })();
  return jpegReady;
}

async function readJpeg(bytes: Buffer): Promise<RgbImage> {
  const header = readJpegHeader(bytes);
  if (header === undefined) throw new Error('no JPEG frame header');
  if (!header.complete) throw new Error('the JPEG data is truncated');
  if (header.components === 4) throw new Error('CMYK JPEG files need sharp installed');
  checkSize(header.width, header.height);
  if (header.width * header.height > mostPixelsPerByte * bytes.length) {
    throw new Error(`too short for ${header.width}×${header.height} pixels`);
  }
  await prepareJpeg();
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
  const { width, height, data } = await decodeJpeg(file, { preserveOrientation: true }).catch(
    (error: unknown) => {
      // A failure leaves the codec in a state in which it may never return: the next file gets a new one.
      jpegReady = undefined;
      throw error;
    },
  );
  const pixels = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < pixels.length; from += 4, to += 3) {
    pixels[to] = data[from]!;
    pixels[to + 1] = data[from + 1]!;
    pixels[to + 2] = data[from + 2]!;
  }
  return { width, height, pixels };
}

function readPng(bytes: Buffer): RgbImage {
  if (bytes.length < 29) throw new Error('no PNG header');
  checkSize(bytes.readUInt32BE(16), bytes.readUInt32BE(20));
  checkPngBounds(bytes);
  const png = decodePng(bytes, { checkCrc: true });
  const { width, height } = png;
  const { channels, at } = openSamples(png);
  const hasAlpha = channels === 2 || channels === 4;
  const colours = channels >= 3 ? 3 : 1;
  const isKey = transparentKey(png, colours);
  const pixels = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    const alpha = isKey(i) ? 0 : hasAlpha ? at(i * channels + channels - 1) : 255;
    for (let c = 0; c < 3; c++) {
      const value = at(i * channels + (colours === 3 ? c : 0));
      pixels[i * 3 + c] = Math.round((alpha * value + (255 - alpha) * 255) / 255);
    }
  }
  return { width, height, pixels };
}

/** Samples of any PNG depth or palette as 8-bit values, `channels` a pixel. */
function openSamples(png: DecodedPng): { channels: number; at: (i: number) => number } {
  if (png.palette !== undefined && png.channels === 1) {
    const colours = convertIndexedToRgb(png);
    return { channels: png.palette[0]!.length, at: (i) => colours[i]! };
  }
  const { data, depth, channels } = png;
  if (depth === 16) return { channels, at: (i) => data[i]! >> 8 };
  if (depth === 8) return { channels, at: (i) => data[i]! };
  const max = 2 ** depth - 1;
  return { channels, at: (i) => Math.round((packedSample(png, i) * 255) / max) };
}

/** Grey sample i of 1, 2 or 4 bits; rows begin on whole bytes, high bits first. */
function packedSample({ data, width, depth }: DecodedPng, i: number): number {
  const rowBytes = Math.ceil((width * depth) / 8);
  const bit = (i % width) * depth;
  const byte = data[Math.floor(i / width) * rowBytes + (bit >> 3)]!;
  return (byte >> (8 - depth - (bit & 7))) & (2 ** depth - 1);
}

/** Whether pixel i has the one colour that a grey or RGB file declares transparent (tRNS). */
function transparentKey(png: DecodedPng, colours: number): (i: number) => boolean {
  const key = png.transparency;
  if (key === undefined || key.length !== colours || png.channels !== colours) return () => false;
  const raw = (i: number) => (png.depth < 8 ? packedSample(png, i) : png.data[i]!);
  return (i) => key.every((value, c) => raw(i * colours + c) === value);
}

function checkSize(width: number, height: number): void {
  if (width === 0 || height === 0) throw new Error('the image has no pixels');
  if (width * height > maxPixels) throw new Error(`too many pixels: ${width}×${height}`);
}
