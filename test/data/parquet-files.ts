/** CIFAR in the Parquet layout of Hugging Face, written by an independent library. */

import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { encode } from 'fast-png';
import type { CompressionCodec } from 'hyparquet';
import { parquetWriteBuffer, parquetWriteFile } from 'hyparquet-writer';

/** Planar pixels of 3×32×32 an image, and labels. */
export interface Images {
  readonly pixels: Uint8Array;
  readonly labels: ArrayLike<number>;
}

export interface ParquetOptions {
  /** `label`, or `fine_label` beside `coarse_label`. */
  readonly labelName?: string;
  readonly codec?: CompressionCodec;
  readonly pageSize?: number;
  readonly rowGroupSize?: number;
}

/** The PNG of image i. */
export function pngOf({ pixels }: Images, i: number): Uint8Array {
  const data = new Uint8Array(3072);
  for (let p = 0; p < 1024; p++) {
    for (let c = 0; c < 3; c++) data[3 * p + c] = pixels[i * 3072 + c * 1024 + p]!;
  }
  return encode({ width: 32, height: 32, data, channels: 3, depth: 8 });
}

function content(images: Images, options: ParquetOptions) {
  const { labelName = 'label', codec = 'SNAPPY', ...sizes } = options;
  const n = images.labels.length;
  const rows = Array.from({ length: n }, (_, i) => ({ bytes: pngOf(images, i), path: null }));
  const labels = Array.from({ length: n }, (_, i) => BigInt(images.labels[i]!));
  return {
    schema: [
      { name: 'schema', num_children: 2 },
      { name: 'img', num_children: 2, repetition_type: 'OPTIONAL' as const },
      { name: 'bytes', type: 'BYTE_ARRAY' as const, repetition_type: 'OPTIONAL' as const },
      {
        name: 'path',
        type: 'BYTE_ARRAY' as const,
        converted_type: 'UTF8' as const,
        repetition_type: 'OPTIONAL' as const,
      },
      { name: labelName, type: 'INT64' as const, repetition_type: 'OPTIONAL' as const },
    ],
    columnData: [
      { name: 'img', data: rows },
      { name: labelName, data: labels },
    ],
    codec,
    compressors: { GZIP: (bytes: Uint8Array) => gzipSync(bytes) },
    ...sizes,
  };
}

export function parquetBytes(images: Images, options: ParquetOptions = {}): Uint8Array {
  return new Uint8Array(parquetWriteBuffer(content(images, options)));
}

/** Writes `folder/plain_text/<split>-0000k-of-0000n.parquet`. */
export function putParquet(
  folder: string,
  split: 'train' | 'test',
  shards: readonly Images[],
  options: ParquetOptions = {},
): void {
  const place = path.join(folder, 'plain_text');
  mkdirSync(place, { recursive: true });
  for (const [k, images] of shards.entries()) {
    const name = `${split}-0000${k}-of-0000${shards.length}.parquet`;
    parquetWriteFile({ filename: path.join(place, name), ...content(images, options) });
  }
}
