import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { deflateSync } from 'node:zlib';
import { encode } from 'fast-png';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { stream } from '../../src/core/random.ts';
import { chooseDecoder, decodeImageFile } from '../../src/data/images/image-decoder.ts';
import { readJpegHeader } from '../../src/data/images/jpeg-header.ts';
import { portableDecoder } from '../../src/data/images/portable-decoder.ts';
import { resizeToCover } from '../../src/data/images/resize.ts';
import { loadSharpDecoder } from '../../src/data/images/sharp-decoder.ts';
import {
  errorOf,
  missingReason,
  plainPng,
  put,
  realData,
  temporaryFolder,
  wavyPixels,
} from './fixtures.ts';

const folder = await temporaryFolder();
const sharpDecoder = (await loadSharpDecoder())!;
const decoders = [sharpDecoder, portableDecoder];
const shape = { channels: 3, height: 2, width: 2 };

function wavy(width: number, height: number) {
  const raw = { width, height, channels: 3 } as const;
  return sharp(wavyPixels(width, height, 'wavy'), { raw });
}

function largestDifference(a: Uint8Array, b: Uint8Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}

describe('resizeToCover', () => {
  it('keeps an image of the right size as it is, planar', () => {
    const pixels = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
    const out = resizeToCover({ width: 2, height: 2, pixels }, shape);
    expect([...out]).toEqual([1, 4, 7, 10, 2, 5, 8, 11, 3, 6, 9, 12]);
  });

  it('crops the middle of the longer side', () => {
    const pixels = Uint8Array.from({ length: 6 * 2 * 3 }, (_, i) => 10 * (Math.floor(i / 3) % 6));
    const wide = resizeToCover({ width: 6, height: 2, pixels }, shape);
    expect([...wide.subarray(0, 4)]).toEqual([20, 30, 20, 30]);
  });

  it('keeps a plain colour at any size, larger or smaller, and turns it grey by BT.601', () => {
    for (const [width, height] of [
      [1, 1],
      [3, 50],
      [301, 7],
    ] as const) {
      const pixels = new Uint8Array(width * height * 3).map((_, i) => [200, 100, 50][i % 3]!);
      const out = resizeToCover({ width, height, pixels }, { channels: 3, height: 5, width: 9 });
      expect(new Set(out.subarray(0, 45))).toEqual(new Set([200]));
      expect(new Set(out.subarray(90))).toEqual(new Set([50]));
      const grey = resizeToCover({ width, height, pixels }, { channels: 1, height: 1, width: 1 });
      expect([...grey]).toEqual([124]);
    }
  });

  it('agrees with libvips on a smooth reduction', async () => {
    const pixels = wavyPixels(160, 160, 'libvips');
    const image = { width: 160, height: 160, pixels };
    const ours = resizeToCover(image, { channels: 3, height: 16, width: 16 });
    const raw = { width: 160, height: 160, channels: 3 } as const;
    const theirs = await sharp(pixels, { raw })
      .resize(16, 16, { kernel: 'linear' })
      .raw()
      .toBuffer();
    const planar = Uint8Array.from(ours, (_, i) => theirs[(i % 256) * 3 + Math.floor(i / 256)]!);
    expect(largestDifference(ours, planar)).toBeLessThanOrEqual(3);
  });
});

describe('decodeImageFile', () => {
  it.each(decoders)('expands grey, reads palettes and all depths ($name)', async (decoder) => {
    const decode = async (name: string, bytes: Uint8Array) => [
      ...(await decodeImageFile(await put(path.join(folder, name), bytes), shape, { decoder })),
    ];
    expect(await decode('grey.png', plainPng([77]))).toEqual(Array(12).fill(77));
    const deep = encode({
      width: 2,
      height: 2,
      channels: 1,
      depth: 16,
      data: new Uint16Array(4).fill(0x8040),
    });
    expect(await decode('deep.png', deep)).toEqual(Array(12).fill(0x80));
    const bits = encode({
      width: 2,
      height: 2,
      channels: 1,
      depth: 1,
      data: Uint8Array.of(0x80, 0x40),
    });
    expect((await decode('bits.png', bits)).slice(0, 4)).toEqual([255, 0, 0, 255]);
    const three = sharp(plainPng([9, 200, 30])).png({ palette: true });
    expect(await decode('palette.png', await three.toBuffer())).toEqual([
      ...[9, 9, 9, 9],
      ...[200, 200, 200, 200],
      ...[30, 30, 30, 30],
    ]);
    expect(
      await decode(
        'UPPER.JPEG',
        await sharp(plainPng([60]))
          .jpeg()
          .toBuffer(),
      ),
    ).toEqual(Array(12).fill(60));
  });

  it.each(decoders)('composites alpha on white ($name)', async (decoder) => {
    const decode = async (name: string, bytes: Uint8Array) =>
      decodeImageFile(await put(path.join(folder, name), bytes), shape, { decoder });
    const half = await decode('half.png', plainPng([0, 100, 255, 127]));
    // libvips rounds down.
    expect([half[0], half[4], half[8]]).toEqual([128, decoder.name === 'sharp' ? 177 : 178, 255]);
    const greyAlpha = await decode('grey-alpha.png', plainPng([10, 0]));
    expect([...greyAlpha]).toEqual(Array(12).fill(255));
  });

  it('makes the colour that a PNG declares transparent white', async () => {
    const png = plainPng([5, 6, 7]);
    const withKey = insertChunk(png, 'tRNS', Uint8Array.of(0, 5, 0, 6, 0, 7));
    const file = await put(path.join(folder, 'key.png'), withKey);
    for (const decoder of decoders) {
      expect([...(await decodeImageFile(file, shape, { decoder }))]).toEqual(Array(12).fill(255));
    }
  });

  it('turns a JPEG by its EXIF orientation, with either decoder', async () => {
    const file = path.join(folder, 'turned.jpg');
    await wavy(48, 32).withMetadata({ orientation: 6 }).jpeg({ quality: 95 }).toFile(file);
    const upright = await wavy(48, 32).rotate(90).jpeg({ quality: 95 }).toBuffer();
    const expected = await decodeImageFile(await put(path.join(folder, 'upright.jpg'), upright), {
      channels: 3,
      height: 12,
      width: 8,
    });
    for (const decoder of decoders) {
      const turned = await decodeImageFile(
        file,
        { channels: 3, height: 12, width: 8 },
        { decoder },
      );
      expect(largestDifference(turned, expected)).toBeLessThanOrEqual(4);
    }
  });

  it('gives nearly the same pixels with either decoder', async () => {
    const files: string[] = [];
    for (const progressive of [false, true]) {
      const file = path.join(folder, `same-${progressive}.jpg`);
      await wavy(211, 140).jpeg({ quality: 85, progressive }).toFile(file);
      files.push(file);
    }
    const real = realData('imagenette-mini/train');
    if (real === undefined) console.info(missingReason('imagenette-mini/train'));
    else files.push(...(await somePhotos(real)));
    for (const file of files) {
      const size = { channels: 3, height: 32, width: 32 };
      const [a, b] = await Promise.all(
        decoders.map((d) => decodeImageFile(file, size, { decoder: d })),
      );
      expect(largestDifference(a!, b!)).toBeLessThanOrEqual(4);
    }
  });

  it('reads CMYK with sharp, and says that it needs sharp without it', async () => {
    const file = path.join(folder, 'cmyk.jpg');
    await wavy(16, 16).toColourspace('cmyk').jpeg().toFile(file);
    expect(await decodeImageFile(file, shape, { decoder: sharpDecoder })).toHaveLength(12);
    expect(
      await errorOf(() => decodeImageFile(file, shape, { decoder: portableDecoder })),
    ).toMatchObject({
      kind: 'data',
      message: `${file}: must be a decodable image, got "CMYK JPEG files need sharp installed"`,
    });
  });

  it('reads WebP with sharp, and says that it needs sharp without it', async () => {
    const file = path.join(folder, 'photo.webp');
    await wavy(16, 16).webp().toFile(file);
    expect(await decodeImageFile(file, shape)).toHaveLength(12);
    expect(
      (await errorOf(() => decodeImageFile(file, shape, { decoder: portableDecoder }))).message,
    ).toBe(`${file}: must end in .png, .jpg, .jpeg, got .webp; install sharp to read WebP`);
  });

  it('refuses files of other endings, missing files and other channel counts', async () => {
    expect((await errorOf(() => decodeImageFile('cat.gif', shape))).message).toBe(
      'cat.gif: must end in .png, .jpg, .jpeg, .webp, got .gif',
    );
    expect((await errorOf(() => decodeImageFile('cat', shape))).message).toBe(
      'cat: must end in .png, .jpg, .jpeg, .webp, got no ending',
    );
    const missing = path.join(folder, 'missing.png');
    expect((await errorOf(() => decodeImageFile(missing, shape))).message).toBe(
      `image: ${missing} must be readable, got ENOENT`,
    );
    const two = { ...shape, channels: 2 };
    expect(await errorOf(() => decodeImageFile('cat.png', two))).toMatchObject({
      kind: 'usage',
      message: 'image: channels must be 1 or 3 to decode image files, got 2',
    });
  });

  it('refuses damaged files with either decoder, truncated ones above all', async () => {
    const jpeg = await wavy(64, 64).jpeg().toBuffer();
    const png = await wavy(64, 64).png().toBuffer();
    const flipped = Buffer.from(png);
    flipped[png.length >> 1]! ^= 255;
    const bad: Record<string, Uint8Array> = {
      'empty.jpg': new Uint8Array(0),
      'text.png': Buffer.from('no image at all'),
      'cut.jpg': jpeg.subarray(0, jpeg.length - 400),
      'header.jpg': jpeg.subarray(0, 20),
      'cut.png': png.subarray(0, png.length >> 1),
      'header.png': png.subarray(0, 20),
      'flipped.png': flipped,
    };
    for (const [name, bytes] of Object.entries(bad)) {
      const file = await put(path.join(folder, name), bytes);
      for (const decoder of decoders) {
        const { message } = await errorOf(() => decodeImageFile(file, shape, { decoder }));
        expect(message).toMatch(/^\/.*: must be a decodable image, got ".+"$/);
      }
    }
  });

  it('says why the portable decoder refused', async () => {
    const jpeg = await wavy(64, 64).jpeg().toBuffer();
    const huge = Buffer.from(plainPng([0]));
    huge.writeUInt32BE(1 << 20, 16);
    huge.writeUInt32BE(1 << 20, 20);
    const none = Buffer.from(plainPng([0]));
    none.writeUInt32BE(0, 16);
    const reason = async (bytes: Buffer) =>
      (await errorOf(() => portableDecoder.decode(bytes))).message;
    expect(await reason(Buffer.from('GIF89a'))).toBe('neither PNG nor JPEG');
    expect(await reason(jpeg.subarray(0, 20))).toBe('no JPEG frame header');
    expect(await reason(jpeg.subarray(0, jpeg.length - 9))).toBe('the JPEG data is truncated');
    expect(await reason(huge.subarray(0, 20))).toBe('no PNG header');
    expect(await reason(huge)).toBe('too many pixels: 1048576×1048576');
    expect(await reason(none)).toBe('the image has no pixels');
  });
});

describe('the choice of decoder', () => {
  const failing = (message: string, code?: string) => () =>
    Promise.reject(Object.assign(new Error(message), code && { code }));

  it('is sharp when it is installed', async () => {
    expect((await chooseDecoder()).name).toBe('sharp');
  });

  it('is none of sharp when it is not installed', async () => {
    const load = failing("Cannot find package 'sharp' imported from x", 'ERR_MODULE_NOT_FOUND');
    expect(await loadSharpDecoder(load)).toBeUndefined();
  });

  it('is an error when sharp is installed but broken', async () => {
    const load = failing('Could not load the "sharp" module\nPossible solutions: …');
    expect(await errorOf(() => loadSharpDecoder(load))).toMatchObject({
      kind: 'failure',
      message:
        'sharp: must load when it is installed, got "Could not load the "sharp" module"; reinstall or remove it',
    });
  });
});

describe('readJpegHeader', () => {
  it('reads size, components and completeness, over fill bytes and other segments', async () => {
    const jpeg = await wavy(40, 30).withMetadata().jpeg().toBuffer();
    expect(readJpegHeader(jpeg)).toEqual({
      width: 40,
      height: 30,
      components: 3,
      hasProfile: true,
      complete: true,
    });
    const filled = Buffer.concat([jpeg.subarray(0, 2), Buffer.of(0xff), jpeg.subarray(2)]);
    expect(readJpegHeader(filled)).toMatchObject({ width: 40 });
    for (let length = 0; length < jpeg.length; length += 7) {
      expect(readJpegHeader(jpeg.subarray(0, length))?.complete ?? false).toBe(false);
    }
  });
});

async function somePhotos(root: string): Promise<readonly string[]> {
  const photos = await readdir(root, { recursive: true });
  const jpegs = photos.filter((name) => /\.jpe?g$/i.test(name)).sort();
  return jpegs.filter((_, i) => i % 6 === 0).map((name) => path.join(root, name));
}

/** Inserts a chunk before the first IDAT. */
function insertChunk(png: Uint8Array, type: string, data: Uint8Array): Buffer {
  const bytes = Buffer.from(png);
  const at = bytes.indexOf('IDAT') - 4;
  const body = Buffer.concat([Buffer.from(type), data]);
  const chunk = Buffer.alloc(body.length + 8);
  chunk.writeUInt32BE(data.length, 0);
  body.copy(chunk, 4);
  chunk.writeUInt32BE(crc32(body), body.length + 4);
  return Buffer.concat([bytes.subarray(0, at), chunk, bytes.subarray(at)]);
}

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

describe('a PNG that unpacks to more than it declares', () => {
  it('is refused without the memory being taken', async () => {
    const small = Buffer.from(plainPng([1, 2, 3], 32, 32));
    const ihdr = small.subarray(0, 33);
    const packed = deflateSync(Buffer.alloc(2 ** 28));
    const chunk = (type: string, data: Buffer) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(data.length);
      return Buffer.concat([length, Buffer.from(type, 'latin1'), data, Buffer.alloc(4)]);
    };
    const bomb = Buffer.concat([ihdr, chunk('IDAT', packed), chunk('IEND', Buffer.alloc(0))]);
    const before = process.memoryUsage().rss;
    await expect(portableDecoder.decode(bomb)).rejects.toThrow(
      'the image data unpack to more than 32×32 pixels',
    );
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 2 ** 20);
  });
});

describe('a JPEG that is damaged', () => {
  it('does not hold up the next one in the portable decoder', async () => {
    const sound = await wavy(40, 30).jpeg().toBuffer();
    const random = stream(0, 'damaged JPEG');
    let refused = 0;
    for (let i = 0; i < 300; i++) {
      const damaged = Buffer.from(sound);
      for (let n = 0; n < 3; n++)
        damaged[2 + random.integer(sound.length - 2)] = random.integer(256);
      await portableDecoder.decode(damaged).catch(() => refused++);
      expect((await portableDecoder.decode(sound)).width).toBe(40);
    }
    expect(refused).toBeGreaterThan(10);
  });

  it('is refused when it is too short for the size that it declares', async () => {
    const bytes = await wavy(40, 30).jpeg().toBuffer();
    const frame = bytes.indexOf(Buffer.from([0xff, 0xc0]));
    bytes.writeUInt16BE(16_000, frame + 5);
    bytes.writeUInt16BE(16_000, frame + 7);
    await expect(portableDecoder.decode(bytes)).rejects.toThrow('too short for 16000×16000 pixels');
  });

  it('may be of one colour', async () => {
    const raw = { width: 2000, height: 2000, channels: 3 } as const;
    const flat = sharp({ create: { ...raw, background: '#888' } });
    for (const progressive of [false, true]) {
      const bytes = await flat.clone().jpeg({ quality: 1, progressive }).toBuffer();
      expect((await portableDecoder.decode(bytes)).width).toBe(2000);
    }
  });
});
