/**
 * What an image file says of itself in its first bytes, so that a small file that unpacks to a huge picture is refused
 * before anything is decoded. The decoders hold files to what they say.
 * @source PNG specification §11.2.2; ITU-T T.81 annex B; RFC 9649 (WebP)
 */
import { readJpegHeader } from '../data/images/jpeg-header.ts';

/** Format and size, as the file states them. */
export interface ImageHeader {
  readonly format: 'PNG' | 'JPEG' | 'WebP';
  readonly width: number;
  readonly height: number;
}

/** The header, or undefined for what is none of the three formats or ends before it. */
export function readImageHeader(bytes: Buffer): ImageHeader | undefined {
  if (bytes.length >= 24 && bytes.toString('latin1', 0, 8) === '\x89PNG\r\n\x1a\n') {
    const size = { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
    return bytes.toString('latin1', 12, 16) === 'IHDR' ? { format: 'PNG', ...size } : undefined;
  }
  if (bytes[0] === 0xff && bytes[1] === 0xd8) {
    const header = readJpegHeader(bytes);
    return header && { format: 'JPEG', width: header.width, height: header.height };
  }
  if (bytes.toString('latin1', 0, 4) === 'RIFF' && bytes.toString('latin1', 8, 12) === 'WEBP') {
    return readWebp(bytes);
  }
  return undefined;
}

/** Lossy, lossless, or extended, by its first chunk. */
function readWebp(bytes: Buffer): ImageHeader | undefined {
  if (bytes.length < 30) return undefined;
  switch (bytes.toString('latin1', 12, 16)) {
    case 'VP8 ':
      return webp(bytes.readUInt16LE(26) & 0x3fff, bytes.readUInt16LE(28) & 0x3fff);
    case 'VP8L': {
      const bits = bytes.readUInt32LE(21);
      return webp(1 + (bits & 0x3fff), 1 + ((bits >>> 14) & 0x3fff));
    }
    case 'VP8X':
      return webp(1 + bytes.readUIntLE(24, 3), 1 + bytes.readUIntLE(27, 3));
    default:
      return undefined;
  }
}

function webp(width: number, height: number): ImageHeader {
  return { format: 'WebP', width, height };
}
