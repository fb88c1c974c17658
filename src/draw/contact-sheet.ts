/** A contact sheet as SVG: a row of images for every class, with its name. */

import { svgDocument, svgElement, svgText } from './svg.ts';
import { displayWidth } from './text-table.ts';

/** One class: its name and its images as PNG files, all of one size in pixels. */
export interface PictureRow {
  readonly name: string;
  readonly pngs: readonly Uint8Array[];
}

const side = 48; // of a tile, whatever its pixels
const gap = 4;
const margin = 16;
const fontSize = 14;

/** The sheet of the data set `name`. Small images are drawn with sharp pixels. */
export function contactSheetSvg(name: string, rows: readonly PictureRow[]): string {
  const longest = Math.max(0, ...rows.map((row) => displayWidth(row.name)));
  const left = margin + Math.ceil(longest * fontSize * 0.62) + 8;
  const columns = Math.max(1, ...rows.map((row) => row.pngs.length));
  const width = left + columns * (side + gap) + margin;
  const height = rows.length * (side + gap) + 2 * margin;
  const parts = rows.map((row, y) => {
    const top = margin + y * (side + gap);
    const label = svgText(row.name, {
      x: left - 8,
      y: top + side / 2 + fontSize / 3,
      'font-size': fontSize,
      'text-anchor': 'end',
    });
    const images = row.pngs.map((png, x) =>
      svgElement('image', {
        x: left + x * (side + gap),
        y: top,
        width: side,
        height: side,
        href: `data:image/png;base64,${Buffer.from(png).toString('base64')}`,
        style: 'image-rendering: pixelated',
      }),
    );
    return [label, ...images].join('');
  });
  const title = `${name}: images of each class`;
  const description = `Rows of training images of ${rows.map((row) => row.name).join(', ')}.`;
  return svgDocument({ width, height, title, description }, parts);
}
