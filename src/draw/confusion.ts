/**
 * A confusion matrix as a picture (SVG) and as CSV. Rows are the true classes, columns what the network said;
 * right answers are blue, wrong ones orange, shaded by their share of the row. Readable from 2 to some
 * hundred classes: with many, numbers give way to tooltips and only every few rows are named.
 */
import { csvText } from './csv.ts';
import { escapeXml, svgElement, svgText } from './svg.ts';
import { displayWidth } from './text-table.ts';

/** How often each class was taken for which. */
export interface ConfusionMatrix {
  /** Class names in label order. */
  readonly classes: readonly string[];
  /** counts[true][said] */
  readonly counts: readonly (readonly number[])[];
}

/** A confusion matrix and what is written above it. */
export interface ConfusionPicture extends ConfusionMatrix {
  readonly title: string;
  readonly subtitle: string;
}

const ink = '#1f2933';
const faint = '#65717e';
const rightColour = [31, 95, 168] as const;
const wrongColour = [204, 84, 24] as const;
const longestName = 22;
const legendWidth = 380;

/** Where things are, in pixels. */
interface Geometry {
  readonly cell: number;
  readonly font: number;
  /** Every how many rows one is named. */
  readonly every: number;
  /** Left edge of the cells and top edge of the cells. */
  readonly left: number;
  readonly top: number;
  readonly side: number;
  readonly width: number;
  readonly height: number;
}

/** The picture as one self-contained SVG file, on white. */
export function confusionSvg(picture: ConfusionPicture): string {
  const geometry = layOut(picture);
  const { width, height } = geometry;
  const shared = {
    xmlns: 'http://www.w3.org/2000/svg',
    width,
    height,
    viewBox: `0 0 ${Math.round(width)} ${Math.round(height)}`,
    'font-family': 'system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif',
    fill: ink,
  };
  const parts = [
    svgElement('rect', { width: '100%', height: '100%', fill: '#ffffff' }),
    ...headings(picture, geometry),
    ...cells(picture, geometry),
    ...grid(picture, geometry),
    ...names(picture, geometry),
    ...accuracies(picture, geometry),
    ...legend(geometry),
  ];
  return `${svgElement('svg', shared, `\n${parts.join('\n')}\n`)}\n`;
}

/** One header row `true \ said,<classes>`, then a row per true class; RFC 4180 quoting. */
export function confusionCsv({ classes, counts }: ConfusionMatrix): string {
  const header = ['true \\ said', ...classes];
  const rows = counts.map((row, i) => [classes[i]!, ...row.map(String)]);
  return csvText([header, ...rows]);
}

function layOut({ classes, title, subtitle }: ConfusionPicture): Geometry {
  const n = classes.length;
  const cell = n <= 12 ? 46 : n <= 25 ? 32 : Math.max(3, Math.min(18, Math.floor(1000 / n)));
  const font = n <= 12 ? 13 : Math.max(8, Math.min(11, cell));
  const every = Math.max(1, Math.ceil((font + 1) / cell));
  const longest = Math.max(...classes.map((name) => displayWidth(shortName(name))));
  const nameWidth = longest * font * 0.6;
  const left = 44 + nameWidth;
  const top = 88 + (columnsTurned({ cell, font }, longest) ? nameWidth * 0.75 + 14 : 26);
  const side = n * cell;
  return {
    cell,
    font,
    every,
    left,
    top,
    side,
    width: Math.max(
      left + side + 110,
      left + legendWidth,
      40 + displayWidth(title) * 10.5,
      40 + displayWidth(subtitle) * 7,
    ),
    height: top + side + 66,
  };
}

/** Are column names slanted, since they do not fit above their columns? */
function columnsTurned({ cell, font }: Pick<Geometry, 'cell' | 'font'>, longest: number): boolean {
  return longest * font * 0.6 > cell - 4;
}

function headings({ title, subtitle }: ConfusionPicture, geometry: Geometry): readonly string[] {
  const { left, top, side } = geometry;
  const middle = top + side / 2;
  return [
    svgText(title, { x: 20, y: 30, 'font-size': 18, 'font-weight': 600 }),
    svgText(subtitle, { x: 20, y: 51, 'font-size': 13, fill: faint }),
    svgText('predicted class', {
      x: left + side / 2,
      y: 76,
      'font-size': 12,
      fill: faint,
      'text-anchor': 'middle',
    }),
    svgText('true class', {
      transform: `translate(20 ${middle.toFixed(1)}) rotate(-90)`,
      'font-size': 12,
      fill: faint,
      'text-anchor': 'middle',
    }),
    svgText('accuracy', { x: left + side + 10, y: top - 8, 'font-size': 11, fill: faint }),
  ];
}

function cells(picture: ConfusionPicture, geometry: Geometry): readonly string[] {
  const { classes, counts } = picture;
  const { cell, left, top } = geometry;
  const drawn: string[] = [];
  for (const [i, row] of counts.entries()) {
    const total = row.reduce((sum, count) => sum + count, 0);
    for (const [j, count] of row.entries()) {
      if (count === 0) continue;
      const share = count / total;
      const x = left + j * cell;
      const y = top + i * cell;
      const tooltip = `${classes[i]} taken for ${classes[j]}: ${count} of ${total} (${percent(share)})`;
      const { fill, dark } = shade(share, i === j);
      drawn.push(
        svgElement(
          'g',
          {},
          svgElement('title', {}, escapeXml(tooltip)),
          svgElement('rect', { x, y, width: cell, height: cell, fill }),
          cell >= 24 ? cellNumber(count, x, y, cell, dark) : '',
        ),
      );
    }
  }
  return drawn;
}

function cellNumber(count: number, x: number, y: number, cell: number, dark: boolean): string {
  const text = String(count);
  return svgText(text, {
    x: x + cell / 2,
    y: y + cell / 2 + 4,
    'font-size': Math.min(13, (cell - 4) / (0.6 * text.length)),
    'text-anchor': 'middle',
    fill: dark ? '#ffffff' : ink,
  });
}

/** Wrong answers are rare, so their shade follows the root of the share: 1 % is seen, 25 % is half-way. */
function shade(share: number, right: boolean): { fill: string; dark: boolean } {
  const colour = right ? rightColour : wrongColour;
  const strength = right ? 0.06 + 0.94 * share : 0.04 + 0.96 * Math.sqrt(share);
  const channels = colour.map((value) => Math.round(255 + (value - 255) * strength));
  return { fill: `rgb(${channels.join(',')})`, dark: strength > 0.55 };
}

function grid({ classes }: ConfusionPicture, geometry: Geometry): readonly string[] {
  const { cell, left, top, side } = geometry;
  const n = classes.length;
  const step = cell >= 16 ? 1 : 10;
  const lines: string[] = [];
  for (let i = 0; i <= n; i += step) {
    const at = i * cell;
    lines.push(`M${left} ${top + at}h${side}`, `M${left + at} ${top}v${side}`);
  }
  return [
    svgElement('path', { d: lines.join(''), stroke: '#e3e8ed', 'stroke-width': 1, fill: 'none' }),
    svgElement('rect', {
      x: left,
      y: top,
      width: side,
      height: side,
      stroke: '#9aa5b1',
      fill: 'none',
    }),
  ];
}

function names({ classes }: ConfusionPicture, geometry: Geometry): readonly string[] {
  const { cell, font, every, left, top } = geometry;
  const longest = Math.max(...classes.map((name) => displayWidth(shortName(name))));
  const turned = columnsTurned(geometry, longest);
  return classes.flatMap((name, i) => {
    if (i % every !== 0) return [];
    const middle = (i + 0.5) * cell;
    const shared = { 'font-size': font };
    const x = left + middle;
    return [
      svgText(shortName(name), {
        ...shared,
        x: left - 7,
        y: top + middle + font * 0.35,
        'text-anchor': 'end',
      }),
      turned
        ? svgText(shortName(name), {
            ...shared,
            transform: `translate(${(x + font * 0.3).toFixed(1)} ${top - 7}) rotate(${cell < 24 ? -90 : -45})`,
          })
        : svgText(shortName(name), { ...shared, x, y: top - 8, 'text-anchor': 'middle' }),
    ];
  });
}

/** The share of each class that was recognised: a bar and, where there is room, the number. */
function accuracies({ counts }: ConfusionPicture, geometry: Geometry): readonly string[] {
  const { cell, font, every, left, top, side } = geometry;
  const x = left + side + 10;
  return counts.flatMap((row, i) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    if (total === 0) return [];
    const share = row[i]! / total;
    const height = Math.max(1, Math.min(8, cell * 0.6));
    const middle = top + (i + 0.5) * cell;
    const bar = svgElement('rect', {
      x,
      y: middle - height / 2,
      width: Math.max(0.5, 40 * share),
      height,
      fill: shade(1, true).fill,
    });
    if (i % every !== 0) return [bar];
    return [
      bar,
      svgText(percent(share), {
        x: x + 46,
        y: middle + font * 0.35,
        'font-size': Math.min(12, font),
      }),
    ];
  });
}

function legend({ left, top, side }: Geometry): readonly string[] {
  const y = top + side + 24;
  const ramp = (label: string, right: boolean, x: number) => [
    svgText(label, { x, y: y + 10, 'font-size': 11, fill: faint }),
    ...[0.01, 0.05, 0.25, 0.5, 1].flatMap((share, i) => [
      svgElement('rect', {
        x: x + 40 + i * 26,
        y,
        width: 26,
        height: 12,
        fill: shade(share, right).fill,
      }),
      svgText(`${share * 100}%`, {
        x: x + 53 + i * 26,
        y: y + 24,
        'font-size': 9,
        fill: faint,
        'text-anchor': 'middle',
      }),
    ]),
  ];
  return [...ramp('right', true, left), ...ramp('wrong', false, left + 190)];
}

/** The beginning and the end of a long name: what tells names apart is often at the end. */
function shortName(name: string): string {
  const characters = [...name];
  if (characters.length <= longestName) return name;
  const end = 7;
  const start = characters.slice(0, longestName - 1 - end).join('');
  return `${start}…${characters.slice(-end).join('')}`;
}

function percent(share: number): string {
  const value = share * 100;
  return `${value === 100 || value === 0 ? value : value.toFixed(1)}%`;
}
