/**
 * The boxes of a network's picture and the arrows between them. A box has a line for every layer, crossing lines for
 * a permutation, and small words for what acts on every channel alone.
 */
import { interleave, restore } from '../core/permutation.ts';
import type { OutlineLine } from './network-outline.ts';
import { faint, ink, neutral, paper, partitionColour, rule, textWidth } from './palette.ts';
import { svgElement, svgText } from './svg.ts';

/** Something drawn from some height on: its elements and where it ends. */
export interface Drawn {
  readonly parts: readonly string[];
  readonly bottom: number;
}

/** Between a box's edge and its lines. */
export const pad = 7;
const layerHeight = 24;
const permuteHeight = 20;
const pointwiseHeight = 19;

/** The width that a box of these lines needs. */
export function boxWidth(lines: readonly OutlineLine[]): number {
  const widths = lines.map(({ kind, name, size }) => {
    if (kind === 'permute') return 0;
    return kind === 'layer'
      ? textWidth(name, 12) + 16 + textWidth(size, 12) + 16
      : textWidth(name, 11);
  });
  return Math.max(...widths) + 2 * pad;
}

/** The height of a box of these lines. */
export function heightOf(lines: readonly OutlineLine[]): number {
  const heights = lines.map(({ kind }) =>
    kind === 'layer' ? layerHeight : kind === 'permute' ? permuteHeight : pointwiseHeight,
  );
  return heights.reduce((sum, height) => sum + height, 2 * pad);
}

/** A box of lines. */
export function drawBox(
  lines: readonly OutlineLine[],
  { left, width, top: y }: { readonly left: number; readonly width: number; readonly top: number },
): Drawn {
  const height = heightOf(lines);
  const parts = [
    svgElement('rect', {
      class: 'box',
      x: left,
      y,
      width,
      height,
      rx: 7,
      fill: paper,
      stroke: rule,
    }),
  ];
  let at = y + pad;
  for (const line of lines) {
    const middle = left + width / 2;
    if (line.kind === 'layer') {
      parts.push(...layerLine(line, left + pad, width - 2 * pad, at));
      at += layerHeight;
    } else if (line.kind === 'permute') {
      parts.push(crossing(middle, at + 4, permuteHeight - 8, line.name));
      at += permuteHeight;
    } else {
      parts.push(
        svgText(line.name, {
          x: middle,
          y: at + 13.5,
          'font-size': 11,
          fill: faint,
          'text-anchor': 'middle',
        }),
      );
      at += pointwiseHeight;
    }
  }
  return { parts, bottom: y + height };
}

const roleColours = {
  primary: partitionColour(0),
  secondary: partitionColour(1),
  other: neutral,
} as const;

function layerLine(
  { name, size, role }: OutlineLine,
  x: number,
  width: number,
  y: number,
): readonly string[] {
  return [
    svgElement('rect', {
      x,
      y: y + 1,
      width,
      height: layerHeight - 2,
      rx: 4,
      fill: roleColours[role],
      'fill-opacity': 0.18,
    }),
    svgText(name, { x: x + 8, y: y + 16, 'font-size': 12 }),
    svgText(size, { x: x + width - 8, y: y + 16, 'font-size': 12, 'text-anchor': 'end' }),
  ];
}

/** What the permutation does to two partitions of three, in small; a repetition as branches. */
function crossing(x: number, y: number, height: number, name: string): string {
  const map = crossings[name as keyof typeof crossings] ?? crossings.interleave;
  const at = (i: number) => x + (i - 2.5) * 14;
  const from = (i: number) => (name === 'repeat' ? x : at(i));
  const d = map.map((source, i) => `M${n(from(source))} ${n(y)}L${n(at(i))} ${n(y + height)}`);
  return svgElement('path', {
    class: 'permutation',
    d: d.join(''),
    fill: 'none',
    stroke: neutral,
    'stroke-width': 1.2,
  });
}

const crossings = {
  interleave: interleave(2, 3),
  restore: restore(2, 3),
  repeat: [0, 0, 0, 0, 0, 0],
} as const;

/** An arrow down, or its line alone. */
export function arrowAt(x: number, from: number, to: number, head = true): string {
  const line = svgElement('path', {
    d: `M${n(x)} ${n(from)}V${n(head ? to - 3 : to)}`,
    fill: 'none',
    stroke: ink,
    'stroke-width': 1.3,
  });
  return head ? line + arrowHead(x, to, 'down') : line;
}

/** The head of an arrow whose point is at (x, y). */
export function arrowHead(x: number, y: number, way: 'down' | 'left'): string {
  const d = way === 'down' ? `M${n(x)} ${n(y)}l-4 -7h8Z` : `M${n(x)} ${n(y)}l7 -4v8Z`;
  return svgElement('path', { d, fill: ink });
}

/** A coordinate as it is written in a path: two digits. */
export function n(value: number): number {
  return Math.round(value * 100) / 100;
}
