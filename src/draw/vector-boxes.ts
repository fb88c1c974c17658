/** The boxes, matrices and arrows of figure 2: channels by the vector, kernels by the block. */
import { faint, ink, neutral, paper, partitionColour, rule, textWidth } from './palette.ts';
import { svgElement, svgText } from './svg.ts';

export interface Place {
  readonly x: number;
  readonly y: number;
}

/** Rows are outputs, columns inputs; the same for every secondary partition. */
export type FixedKernel = readonly (readonly (0 | 1)[])[];

/** The size of a vector, and what lies between two. */
export const box = { width: 66, height: 28, gap: 22 } as const;

/** A circle with a plus in it. */
export function sum(x: number, y: number): readonly string[] {
  return [
    svgElement('circle', { cx: x, cy: y, r: 8, fill: paper, stroke: ink, 'stroke-width': 1.3 }),
    svgElement('path', {
      d: `M${x - 4.5} ${y}h9M${x} ${y - 4.5}v9`,
      stroke: ink,
      'stroke-width': 1.3,
    }),
  ];
}

/** Channels as one box; those of a branch in its colour. */
export function vector({ x, y }: Place, name: string, branch?: number): readonly string[] {
  const colour = branch === undefined ? rule : partitionColour(branch);
  return [
    svgElement('rect', {
      x,
      y,
      width: box.width,
      height: box.height,
      rx: 4,
      fill: paper,
      stroke: colour,
      'stroke-width': 1.6,
    }),
    svgText(name, { x: x + box.width / 2, y: y + 19, 'font-size': 14, 'text-anchor': 'middle' }),
  ];
}

/** Block (i, j) of W, in the colour of its branch 2i + j. */
export function kernel(
  { x, y }: Place,
  [i, j]: readonly [number, number],
  size: { readonly width: number; readonly height: number },
  name = `W${sub(i + 1, j + 1)}`,
): readonly string[] {
  const colour = partitionColour(2 * i + j);
  return [
    svgElement('rect', {
      x,
      y,
      width: size.width,
      height: size.height,
      fill: colour,
      'fill-opacity': 0.18,
      stroke: colour,
      'stroke-width': 1.4,
    }),
    svgText(name, {
      x: x + size.width / 2,
      y: y + size.height / 2 + 5,
      'font-size': 14,
      'text-anchor': 'middle',
    }),
  ];
}

/** The weights of every secondary partition. */
export function matrix({ x, y }: Place, fixed: FixedKernel, source: string): readonly string[] {
  const cell = 24;
  const parts = [
    svgText('every Wˢ', { x, y, 'font-size': 13 }),
    svgText(source, { x: x + textWidth('every Wˢ', 13) + 8, y, 'font-size': 12, fill: faint }),
  ];
  for (const [i, row] of fixed.entries()) {
    for (const [j, value] of row.entries()) {
      const [cellX, cellY] = [x + j * cell, y + 10 + i * cell];
      const colour = partitionColour(j);
      parts.push(
        svgElement('rect', {
          x: cellX,
          y: cellY,
          width: cell,
          height: cell,
          fill: value ? colour : paper,
          'fill-opacity': value ? 0.28 : 1,
          stroke: rule,
        }),
        svgText(String(value), {
          x: cellX + cell / 2,
          y: cellY + 16.5,
          'font-size': 12,
          'text-anchor': 'middle',
          ...(value ? {} : { fill: neutral }),
        }),
      );
    }
  }
  return parts;
}

/** An arrow, straight down or to the right. */
export function arrow(x: number, y: number, toX: number, toY: number): string {
  const down = toX === x;
  const head = down ? `M${toX} ${toY}l-4 -7h8Z` : `M${toX} ${toY}l-7 -4v8Z`;
  return (
    svgElement('path', {
      d: `M${x} ${y}L${down ? toX : toX - 4} ${down ? toY - 4 : toY}`,
      stroke: ink,
      'stroke-width': 1.3,
    }) + svgElement('path', { d: head, fill: ink })
  );
}

/** Digits below the line. */
export function sub(...numbers: readonly number[]): string {
  return numbers.map((number) => String.fromCodePoint(0x2080 + number)).join('');
}
