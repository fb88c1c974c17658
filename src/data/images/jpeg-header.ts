/**
 * Reads a JPEG file's frame header: size and components, and whether the image data has an end. The
 * portable decoder needs it because its codec invents the missing part of a truncated file.
 * @source ITU-T T.81, annex B
 */

/** What the frame header says. */
export interface JpegHeader {
  readonly width: number;
  readonly height: number;
  /** 1 grey, 3 colour, 4 CMYK. */
  readonly components: number;
  /** An end-of-image marker follows the scan. */
  readonly complete: boolean;
  /** What may say of orientation, colour profile or colour transform: APP1, APP2 and APP14. */
  readonly hasProfile: boolean;
}

const startOfScan = 0xda;
const endOfImage = Buffer.from([0xff, 0xd9]);
// 0xc4, 0xc8 and 0xcc lie in the range of frame headers, but are tables.
const profileMarkers: ReadonlySet<number> = new Set([0xe1, 0xe2, 0xee]);
const notFrames: ReadonlySet<number> = new Set([0xc4, 0xc8, 0xcc]);

/** The header of a JPEG file, or undefined when there is none before the bytes end. */
export function readJpegHeader(bytes: Buffer): JpegHeader | undefined {
  let frame: Omit<JpegHeader, 'complete' | 'hasProfile'> | undefined;
  let hasProfile = false;
  let at = 2;
  while (at + 4 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1]!;
    if (marker === 0xff) {
      at++; // fill byte
      continue;
    }
    if (marker === startOfScan) {
      return frame && { ...frame, hasProfile, complete: bytes.indexOf(endOfImage, at) >= 0 };
    }
    hasProfile ||= profileMarkers.has(marker);
    if (isFrame(marker) && at + 10 <= bytes.length) {
      frame = {
        height: bytes.readUInt16BE(at + 5),
        width: bytes.readUInt16BE(at + 7),
        components: bytes[at + 9]!,
      };
    }
    at += 2 + bytes.readUInt16BE(at + 2);
  }
  return undefined;
}

function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && !notFrames.has(marker);
}
