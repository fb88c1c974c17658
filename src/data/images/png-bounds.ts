/**
 * Refuses a PNG whose image data unpack to more than its header declares: fast-png would take the memory.
 * @source PNG specification, §5 and §9 (a filter byte a row; interlacing has seven passes)
 */

import { inflateSync } from 'node:zlib';

/** Samples a pixel of each colour type. */
const samples: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/** Throws an Error with the reason. The file begins with a whole IHDR chunk. */
export function checkPngBounds(bytes: Buffer): void {
  const [width, height] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20)];
  const [depth, type, interlaced] = [bytes[24] ?? 0, bytes[25] ?? 0, bytes[28] === 1];
  const rowBytes = Math.ceil((width * depth * (samples[type] ?? 4)) / 8);
  const passes = interlaced ? 7 : 1;
  const most = passes * height + height * rowBytes + passes * height; // rows of passes end on whole bytes
  const data = imageData(bytes);
  try {
    inflateSync(data, { maxOutputLength: most });
  } catch (error) {
    const isLarge =
      error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
    if (isLarge) throw new Error(`the image data unpack to more than ${width}×${height} pixels`);
    throw error;
  }
}

/** The contents of all IDAT chunks. */
function imageData(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 8; at + 8 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    const end = at + 8 + length;
    if (bytes.toString('latin1', at + 4, at + 8) === 'IDAT')
      parts.push(bytes.subarray(at + 8, end));
    at = end + 4; // the checksum
  }
  return Buffer.concat(parts);
}
