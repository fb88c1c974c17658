/**
 * A network as a picture, top to bottom: stages as bands with their maps, blocks as boxes of their layers, shortcuts
 * at their right, and equal neighbours folded into one box with a count, so that 98 layers fit a page.
 */
import type { NetSpec } from '../spec/network.ts';
import {
  arrowAt,
  arrowHead,
  boxWidth,
  type Drawn,
  drawBox,
  heightOf,
  n,
  pad,
} from './network-boxes.ts';
import {
  type OutlineItem,
  type OutlineLine,
  type OutlineStage,
  outlineNetwork,
} from './network-outline.ts';
import { faint, ink, paper, rule, textWidth } from './palette.ts';
import { svgDocument, svgElement, svgText } from './svg.ts';
import { shapeText } from './words.ts';

/** Widths and edges that all items share. */
interface Columns {
  /** Middle of the boxes. */
  readonly centre: number;
  readonly box: number;
  readonly left: number;
  readonly right: number;
  /** The line of the shortcuts, and the width of projections' boxes. */
  readonly shortcut: number;
  readonly projection: number;
  /** Where the counts begin. */
  readonly counts: number;
  readonly width: number;
}

const margin = 24;
const arrow = 20;
const top = 86;
const identityGap = 26;
const longestPath = 26;

/**
 * The network as one self-contained SVG file; the same network is the same bytes.
 *
 * Throws a usage error for a network that is no network, or too wide to draw.
 */
export function networkSvg(spec: NetSpec): string {
  const stages = outlineNetwork(spec);
  const title = `${spec.name}, depth ${spec.depth}`;
  const subtitle = `${shapeText(spec.input)} images, ${spec.classes.toLocaleString('en-US')} classes`;
  const notes = notesOf(stages);
  const columns = columnsOf(stages, [
    textWidth(title, 18, true),
    textWidth(subtitle, 13),
    ...notes.map((note) => textWidth(note, 11)),
  ]);
  const parts: string[] = [];
  let y = top;
  for (const [i, stage] of stages.entries()) {
    const drawn = drawStage(stage, columns, y, i);
    parts.push(...drawn.parts);
    y = drawn.bottom;
  }
  const height = y + (notes.length > 0 ? 22 : 12) + 18 * notes.length;
  const { width } = columns;
  return svgDocument({ width, height, title, description: describe(stages) }, [
    svgText(title, { x: margin, y: 34, 'font-size': 18, 'font-weight': 600 }),
    svgText(subtitle, { x: margin, y: 56, 'font-size': 13, fill: faint }),
    ...parts,
    ...notes.map((note, i) =>
      svgText(note, { x: margin, y: y + 28 + 18 * i, 'font-size': 11, fill: faint }),
    ),
  ]);
}

function columnsOf(stages: readonly OutlineStage[], headings: readonly number[]): Columns {
  const items = stages.flatMap((stage) => stage.items);
  const names = stages.flatMap(({ name, items: inside }) => [
    textWidth(shortName(name), 14, true),
    textWidth(shapeText(inside.at(-1)!.output), 12),
  ]);
  const box = Math.max(
    190,
    ...items.flatMap(({ boxes }) => boxes.map(({ lines }) => boxWidth(lines))),
  );
  const shortcuts = items.flatMap(({ shortcut }) => (shortcut ? [shortcut.lines] : []));
  const projection = Math.max(
    0,
    ...shortcuts.map((lines) => (lines.length > 0 ? boxWidth(lines) : 0)),
  );
  const left = margin + Math.max(...names) + 30;
  const right = left + box;
  const beside = shortcuts.length > 0 ? Math.max(projection, textWidth('identity', 11) + 8) : 0;
  const counts = right + (beside > 0 ? beside + 34 : 0) + 20;
  const countWidth = Math.max(
    ...stages.flatMap(({ name, items: inside }) => inside.map((item) => countWidthOf(item, name))),
  );
  return {
    centre: left + box / 2,
    box,
    left,
    right,
    shortcut: right + 20 + beside / 2,
    projection,
    counts,
    width: Math.max(counts + countWidth, ...headings.map((width) => margin + width)) + margin,
  };
}

function drawStage(
  { name, items }: OutlineStage,
  columns: Columns,
  y: number,
  index: number,
): Drawn {
  const parts: string[] = [];
  let at = y + 12;
  for (const [i, item] of items.entries()) {
    if (index > 0 || i > 0)
      parts.push(arrowAt(columns.centre, i === 0 ? at - 24 : at, at + arrow, !item.shortcut));
    const start = at + (index > 0 || i > 0 ? arrow : 0);
    const drawn = item.shortcut
      ? drawResidual(item, columns, start)
      : drawBoxes(item, columns, start);
    parts.push(...drawn.parts, ...countOf(item, name, columns.counts, [start, drawn.bottom]));
    at = drawn.bottom;
  }
  const bottom = at + 12;
  const band = svgElement('rect', {
    x: margin - 12,
    y,
    width: columns.width - 2 * margin + 24,
    height: bottom - y,
    fill: index % 2 === 0 ? '#f4f6f8' : paper,
  });
  const shape = items.at(-1)!.output;
  const middle = (y + bottom) / 2;
  const labels = [
    svgText(shortName(name), { x: margin, y: middle - 2, 'font-size': 14, 'font-weight': 600 }),
    svgText(shapeText(shape), { x: margin, y: middle + 15, 'font-size': 12, fill: faint }),
  ];
  return { parts: [band, ...labels, ...parts], bottom };
}

function drawBoxes({ boxes }: OutlineItem, columns: Columns, y: number): Drawn {
  const parts: string[] = [];
  let at = y;
  for (const [i, { lines }] of boxes.entries()) {
    if (i > 0) {
      parts.push(arrowAt(columns.centre, at, at + arrow));
      at += arrow;
    }
    const drawn = drawBox(lines, { left: columns.left, width: columns.box, top: at });
    parts.push(...drawn.parts);
    at = drawn.bottom;
  }
  return { parts, bottom: at };
}

/** Boxes, the line around them, and their sum. */
function drawResidual(item: OutlineItem, columns: Columns, y: number): Drawn {
  const { centre, right } = columns;
  const shortcut = item.shortcut!;
  const x = shortcut.lines.length > 0 ? columns.shortcut : right + identityGap;
  const body = drawBoxes(item, columns, y + 14);
  const sum = body.bottom + 24;
  const inside = shortcut.after > 0;
  const start = inside
    ? y + 14 + heightOf(item.boxes[0]!.lines.slice(0, shortcut.after)) - pad
    : y + 5;
  const from = inside ? right : centre;
  const line = { fill: 'none', stroke: ink, 'stroke-width': 1.3 };
  const parts = [
    svgElement('path', {
      d: `M${n(centre)} ${n(y)}V${n(y + 14)}M${n(centre)} ${n(body.bottom)}V${n(sum - 8)}`,
      ...line,
    }),
    svgElement('path', {
      class: 'shortcut',
      d: `M${n(from)} ${n(start)}H${n(x)}V${n(sum)}H${n(centre + 8)}`,
      ...line,
    }),
    ...body.parts,
    arrowHead(centre, y + 14, 'down'),
    arrowHead(centre + 8, sum, 'left'),
    svgElement('circle', {
      class: 'sum',
      cx: centre,
      cy: sum,
      r: 8,
      fill: paper,
      stroke: ink,
      'stroke-width': 1.3,
    }),
    svgElement('path', {
      d: `M${n(centre - 4.5)} ${n(sum)}h9M${n(centre)} ${n(sum - 4.5)}v9`,
      ...line,
    }),
    ...besideShortcut(shortcut.lines, columns, (start + sum) / 2),
  ];
  if (!shortcut.relu) return { parts, bottom: sum + 8 };
  const relu = drawBox([{ kind: 'pointwise', name: 'ReLU', size: '', role: 'other' }], {
    left: centre - 34,
    width: 68,
    top: sum + 16,
  });
  const stem = svgElement('path', { d: `M${n(centre)} ${n(sum + 8)}v8`, ...line });
  return { parts: [...parts, stem, ...relu.parts], bottom: relu.bottom };
}

/** The projection on the shortcut's line, or its name where it is the identity. */
function besideShortcut(
  lines: readonly OutlineLine[],
  columns: Columns,
  middle: number,
): readonly string[] {
  const { right, shortcut: x, projection } = columns;
  if (lines.length === 0) {
    return [
      svgText('identity', {
        x: right + identityGap + 7,
        y: middle + 4,
        'font-size': 11,
        fill: faint,
      }),
    ];
  }
  const width = projection;
  return drawBox(lines, { left: x - width / 2, width, top: middle - heightOf(lines) / 2 }).parts;
}

function countWidthOf({ paths }: OutlineItem, stage: string): number {
  return Math.max(
    textWidth(blockNames(paths, stage), 12) + 12,
    textWidth(`×${paths.length}`, 20, true) + 12,
  );
}

/** `block2 … block6` beside the item, with ×5 where it stands for several. */
function countOf(
  { paths }: OutlineItem,
  stage: string,
  x: number,
  [y, bottom]: readonly [number, number],
): readonly string[] {
  const name = blockNames(paths, stage);
  if (name === '') return [];
  const middle = (y + bottom) / 2;
  if (paths.length === 1) {
    return [svgText(name, { x: x + 12, y: middle + 4, 'font-size': 12, fill: faint })];
  }
  return [
    svgElement('path', {
      class: 'fold',
      d: `M${n(x - 5)} ${n(y)}h5V${n(bottom)}h-5`,
      fill: 'none',
      stroke: rule,
      'stroke-width': 1.3,
    }),
    svgText(`×${paths.length}`, { x: x + 12, y: middle - 1, 'font-size': 20, 'font-weight': 600 }),
    svgText(name, { x: x + 12, y: middle + 16, 'font-size': 12, fill: faint }),
  ];
}

/** The blocks' names inside their stage: `block2 … block6`; none for the block that its stage is called by. */
function blockNames(paths: readonly string[], stage: string): string {
  const inside = (path: string) =>
    path === stage
      ? ''
      : shortName(path.startsWith(`${stage}/`) ? path.slice(stage.length + 1) : path);
  const first = inside(paths[0]!);
  return paths.length === 1 ? first : `${first} … ${inside(paths.at(-1)!)}`;
}

function shortName(name: string): string {
  const characters = [...name];
  return characters.length <= longestPath
    ? name
    : `${characters.slice(0, longestPath - 1).join('')}…`;
}

/** How to read the numbers, as far as the picture has them. */
function notesOf(stages: readonly OutlineStage[]): readonly string[] {
  const lines = stages.flatMap(({ items }) =>
    items.flatMap(({ boxes }) => boxes.flatMap((box) => box.lines)),
  );
  const grouped = lines
    .find(({ role }) => role === 'primary')
    ?.size.match(/^(\d+) × \((.*), (\d+)\)/);
  return [
    ...(grouped
      ? [
          `${grouped[1]} × (${grouped[2]}, ${grouped[3]}): a group convolution in ${grouped[1]} partitions, each with a ${grouped[2]} kernel and ${grouped[3]} ${grouped[3] === '1' ? 'channel' : 'channels'} out`,
        ]
      : []),
    ...(lines.some(({ kind }) => kind === 'permute') && grouped
      ? ['crossing lines: channels in another order, between primary and secondary partitions']
      : []),
  ];
}

function describe(stages: readonly OutlineStage[]): string {
  const texts = stages.map(({ name, items }) => {
    const inside = items.map(({ boxes, shortcut, paths }) => {
      const lines = boxes.flatMap((box) => box.lines).filter(({ kind }) => kind === 'layer');
      const text = lines.map((line) => `${line.name} ${line.size}`).join(', ');
      const around = shortcut
        ? ` with ${shortcut.lines.length > 0 ? 'a projected' : 'an identity'} shortcut`
        : '';
      return `${text}${around}${paths.length > 1 ? `, ${paths.length} times` : ''}`;
    });
    return `${name} (${shapeText(items.at(-1)!.output)}): ${inside.join('; ')}`;
  });
  return `From top to bottom. ${texts.join('. ')}.`;
}
