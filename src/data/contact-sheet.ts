/**
 * A few training images of every class, for people to look at: as rows of tiles, and those as a PNG.
 * Letters: C channels, H height, W width.
 */

import { encode } from 'fast-png';
import type { AnyImageSet, Dataset } from './dataset.ts';
import { imagePixels } from './image-set.ts';
import { centrePixels } from './images/encoded-images.ts';
import type { RgbImage } from './images/rgb-image.ts';

/** The images of one class. */
export interface SheetRow {
  readonly name: string;
  readonly tiles: readonly RgbImage[];
}

/** How many are shown. */
export interface SheetSize {
  /** Images of each class; 10. */
  readonly perClass?: number | undefined;
  /** The first classes; 100. */
  readonly classes?: number | undefined;
}

/** Encoded images are shown no larger than this. */
const tileSide = 96;
const gap = 2;

/** The first images of each class, as evaluation crops them. */
export async function sheetRows(
  { classes, train }: Dataset,
  { perClass = 10, classes: most = 100 }: SheetSize = {},
): Promise<readonly SheetRow[]> {
  const rows: SheetRow[] = [];
  for (const [label, name] of classes.slice(0, most).entries()) {
    const tiles: RgbImage[] = [];
    for (let i = 0; i < train.count && tiles.length < perClass; i++) {
      if (train.labels[i] === label) tiles.push(await tileOf(train, i));
    }
    rows.push({ name, tiles });
  }
  return rows;
}

/** One image as people see it; an encoded one small. */
export async function tileOf(set: AnyImageSet, index: number): Promise<RgbImage> {
  if (!('encoded' in set)) return interleave(set, imagePixels(set, index));
  const side = Math.min(tileSide, set.height);
  const small = { ...set, height: side, width: side };
  return interleave(small, await centrePixels(small, index));
}

/** C×H×W bytes of 0…maxValue as H×W×3 of 0…255; grey three times. */
function interleave(
  { channels, height, width, maxValue }: AnyImageSet,
  planar: Uint8Array,
): RgbImage {
  const area = height * width;
  const pixels = new Uint8Array(3 * area);
  for (let c = 0; c < 3; c++) {
    const from = channels >= 3 ? c * area : 0;
    for (let i = 0; i < area; i++) {
      pixels[3 * i + c] = Math.round((planar[from + i]! * 255) / maxValue);
    }
  }
  return { width, height, pixels };
}

/** One tile as a PNG file. */
export function tilePng({ width, height, pixels }: RgbImage): Uint8Array {
  return encode({ width, height, data: pixels, channels: 3, depth: 8 });
}

/** All tiles as a PNG file: a class a row, in label order, on white. */
export function sheetPng(rows: readonly SheetRow[]): Uint8Array {
  const tiles = rows.flatMap((row) => row.tiles);
  const [cellWidth, cellHeight] = [
    gap + Math.max(1, ...tiles.map((tile) => tile.width)),
    gap + Math.max(1, ...tiles.map((tile) => tile.height)),
  ];
  const columns = Math.max(1, ...rows.map((row) => row.tiles.length));
  const width = gap + columns * cellWidth;
  const height = gap + rows.length * cellHeight;
  const data = new Uint8Array(3 * width * height).fill(255);
  for (const [y, row] of rows.entries()) {
    for (const [x, tile] of row.tiles.entries()) {
      for (let line = 0; line < tile.height; line++) {
        const at = (gap + y * cellHeight + line) * width + gap + x * cellWidth;
        const from = 3 * line * tile.width;
        data.set(tile.pixels.subarray(from, from + 3 * tile.width), 3 * at);
      }
    }
  }
  return encode({ width, height, data, channels: 3, depth: 8 });
}
