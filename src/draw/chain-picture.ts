/**
 * The middle of a block's picture, top to bottom: rows of channels as squares, a trapezium for every partition of a
 * convolution, a line for every channel of a permutation, a bar for what acts on each channel alone.
 * No words but the partitions' numbers; block.ts writes the rest beside it, at the bands that this returns.
 */
import type { BlockChain, ChainOp, ChainPermute } from './block-chain.ts';
import { type ChannelRow, type ChannelStep, channelSteps } from './channel-rows.ts';
import { inkOn, neutral, paper, partitionColour, textWidth } from './palette.ts';
import { svgElement, svgText } from './svg.ts';

/** A part of the picture from `top` to `bottom`: a row of channels, or an operation. */
export interface ChainBand {
  readonly of: { readonly row: ChannelRow } | { readonly op: ChainOp };
  readonly top: number;
  readonly bottom: number;
}

/** Squares of a row from `left` to `right`, those of the first partition to `firstRight`. */
export interface RowExtent {
  readonly left: number;
  readonly right: number;
  readonly firstRight: number;
}

export interface ChainPicture {
  readonly parts: readonly string[];
  readonly bands: readonly ChainBand[];
  /** The input's row. */
  readonly extent: RowExtent;
  readonly bottom: number;
  /** Is any channel drawn that holds a blend of partitions? */
  readonly blends: boolean;
}

/** What all rows of a picture share, and the width of each row's partitions. */
interface RowSizes {
  readonly cell: number;
  readonly slots: ReadonlyMap<ChannelRow, number>;
}

interface PlacedRow {
  readonly row: ChannelRow;
  readonly top: number;
  /** Left edge of each drawn channel's square. */
  readonly lefts: ReadonlyMap<number, number>;
  readonly cell: number;
}

const convHeight = 50;
const barHeight = 7;
const barPitch = 20;
const ellipsisWidth = 24;

/** Draws the chain around `centre` from `top`; `L` is what divides the input into primary partitions. */
export function chainPicture(
  chain: BlockChain,
  L: number,
  { centre, top }: { readonly centre: number; readonly top: number },
): ChainPicture {
  const steps = channelSteps(chain, L);
  const rows = rowsOf(steps);
  const sizes = rowSizes(steps);
  const { cell } = sizes;
  const place = (row: ChannelRow, y: number) => placeRow(row, sizes, centre, y);
  const parts: string[] = [];
  const bands: ChainBand[] = [];
  let at = place(steps[0]!.from, top);
  let y = top + cell;
  const finishRow = (placed: PlacedRow) => {
    parts.push(rowSquares(placed, L > 1));
    bands.push({ of: { row: placed.row }, top: placed.top, bottom: placed.top + cell });
  };
  finishRow(at);
  let next = 0;
  for (const op of chain.ops) {
    if (op.kind === 'pointwise') {
      parts.push(bar(at, y + 6));
      bands.push({ of: { op }, top: y, bottom: y + barPitch });
      y += barPitch;
      continue;
    }
    const step = steps[next++]!;
    const height = op.kind === 'conv' ? convHeight : permutationHeight(at);
    const to = place(step.to, y + height);
    parts.push(op.kind === 'conv' ? partitions(step, at, to, y) : permutationLines(op, at, to, y));
    bands.push({ of: { op }, top: y, bottom: y + height });
    at = to;
    y += height + cell;
    finishRow(at);
  }
  return {
    parts,
    bands,
    extent: extentOf(place(steps[0]!.from, top)),
    bottom: y,
    blends: rows.some(({ origin }) => origin.includes(-1)),
  };
}

/** How wide the widest row of the chain is. */
export function chainWidth(chain: BlockChain, L: number): number {
  const steps = channelSteps(chain, L);
  const sizes = rowSizes(steps);
  const extents = rowsOf(steps).map((row) => extentOf(placeRow(row, sizes, 0, 0)));
  return Math.max(...extents.map(({ left, right }) => right - left));
}

function rowsOf(steps: readonly ChannelStep[]): readonly ChannelRow[] {
  return [...steps.map(({ from }) => from), ...steps.slice(-1).map(({ to }) => to)];
}

/** Partitions of the rows around a convolution are as wide as the widest of them, so that they stand in columns. */
function rowSizes(steps: readonly ChannelStep[]): RowSizes {
  const rows = rowsOf(steps);
  const most = Math.max(...rows.map(({ shown }) => shown.length));
  const cell = most <= 8 ? 30 : most <= 40 ? 24 : 18;
  const slots = new Map(rows.map((row) => [row, partitionWidth(row, cell)]));
  const align = ({ op, from, to }: ChannelStep) => {
    if (op.kind !== 'conv' || from.groups !== op.groups || to.groups !== op.groups) return;
    const width = Math.max(slots.get(from)!, slots.get(to)!);
    slots.set(from, width).set(to, width);
  };
  // Forward and back: a chain of convolutions takes the width of its widest row.
  for (const step of steps) align(step);
  for (const step of steps.toReversed()) align(step);
  return { cell, slots };
}

function partitionWidth(row: ChannelRow, cell: number): number {
  const widths = shownPartitions(row).map((channels) => offsetsIn(channels, cell).at(-1)! + cell);
  return Math.max(...widths);
}

/** The drawn channels of each partition that has any. */
function shownPartitions({ channels, groups, shown }: ChannelRow): readonly (readonly number[])[] {
  const perGroup = channels / groups;
  const partitions = new Map<number, number[]>();
  for (const c of shown) {
    const g = Math.floor(c / perGroup);
    const inside = partitions.get(g);
    if (inside) inside.push(c);
    else partitions.set(g, [c]);
  }
  return [...partitions.values()];
}

/** Where channels of one partition stand in it, with room for dots where some are left out. */
function offsetsIn(channels: readonly number[], cell: number): readonly number[] {
  let x = 0;
  return channels.map((c, i) => {
    if (i > 0) x += cell + 2 + (c > channels[i - 1]! + 1 ? ellipsisWidth : 0);
    return x;
  });
}

function placeRow(
  row: ChannelRow,
  { cell, slots }: RowSizes,
  centre: number,
  top: number,
): PlacedRow {
  const slot = slots.get(row)!;
  const lefts = new Map<number, number>();
  let x = 0;
  let last = -1;
  for (const channels of shownPartitions(row)) {
    if (last >= 0) x += Math.max(5, 0.4 * cell) + (channels[0]! > last + 1 ? ellipsisWidth : 0);
    const offsets = offsetsIn(channels, cell);
    const indent = (slot - offsets.at(-1)! - cell) / 2;
    for (const [i, c] of channels.entries()) lefts.set(c, x + indent + offsets[i]!);
    x += slot;
    last = channels.at(-1)!;
  }
  const shift = centre - x / 2;
  return { row, top, cell, lefts: new Map([...lefts].map(([c, left]) => [c, left + shift])) };
}

function extentOf({ row, lefts, cell }: PlacedRow): RowExtent {
  const perGroup = row.channels / row.groups;
  const all = [...lefts];
  const first = all.filter(([c]) => c < perGroup);
  return { left: all[0]![1], right: all.at(-1)![1] + cell, firstRight: first.at(-1)![1] + cell };
}

function rowSquares({ row, top, cell, lefts }: PlacedRow, numbered: boolean): string {
  const drawn = [...lefts].flatMap(([c, x], i) => {
    const origin = row.origin[c]!;
    const partition = origin >= 0 ? origin : row.home[c]!;
    const colour = partition >= 0 ? partitionColour(partition) : neutral;
    const inset = origin >= 0 ? 0 : 1.5;
    const square = svgElement('rect', {
      'data-channel': c,
      x: x + inset,
      y: top + inset,
      width: cell - 2 * inset,
      height: cell - 2 * inset,
      rx: 3,
      ...(origin >= 0 ? { fill: colour } : { fill: paper, stroke: colour, 'stroke-width': 3 }),
    });
    const before = row.shown[i - 1];
    const left =
      before === undefined || c === before + 1 ? [] : [(lefts.get(before)! + cell + x) / 2];
    return [
      square,
      numbered && partition >= 0
        ? squareNumber(partition + 1, x, top, cell, origin >= 0 ? inkOn(colour) : '')
        : '',
      ...left.map((middle) => ellipsis(middle, top + cell / 2)),
    ];
  });
  return svgElement('g', { class: 'row' }, ...drawn);
}

function squareNumber(value: number, x: number, y: number, cell: number, fill: string): string {
  const text = String(value);
  const size = Math.min(0.42 * cell, (cell - (fill ? 4 : 9)) / textWidth(text, 1));
  return svgText(text, {
    x: x + cell / 2,
    y: y + cell / 2 + 0.36 * size,
    'font-size': size,
    'text-anchor': 'middle',
    ...(fill && { fill }),
  });
}

/** Three dots, for what is left out. */
function ellipsis(x: number, y: number): string {
  return [-6, 0, 6]
    .map((dx) => svgElement('circle', { cx: x + dx, cy: y, r: 1.6, fill: neutral }))
    .join('');
}

/** A trapezium for every partition of a convolution, from the channels it reads to those it writes. */
function partitions(
  { op, from, to }: ChannelStep,
  above: PlacedRow,
  below: PlacedRow,
  y: number,
): string {
  if (op.kind !== 'conv') return '';
  const [perIn, perOut] = [from.channels / op.groups, to.channels / op.groups];
  const kernel = op.kernel.join('×');
  const drawn: string[] = [];
  let last: { g: number; right: number } | undefined;
  const [top, bottom, middle] = [y + 4, below.top - 4, (y + below.top) / 2];
  for (const g of new Set(to.shown.map((c) => Math.floor(c / perOut)))) {
    const read = spanOf(above, g * perIn, (g + 1) * perIn);
    const write = spanOf(below, g * perOut, (g + 1) * perOut);
    if (!read || !write) continue;
    const origin = to.origin[g * perOut]!;
    const colour = origin >= 0 ? partitionColour(origin) : neutral;
    drawn.push(
      svgElement('path', {
        'data-partition': g,
        d: `M${round(read.left)} ${top}H${round(read.right)}L${round(write.right)} ${bottom}H${round(write.left)}Z`,
        fill: colour,
        'fill-opacity': 0.16,
        stroke: colour,
        'stroke-width': 1.2,
        'stroke-linejoin': 'round',
      }),
    );
    const room = (read.right - read.left + write.right - write.left) / 2 - 4;
    const x = (read.left + read.right + write.left + write.right) / 4;
    const size = Math.min(13, room / textWidth(kernel, 1));
    if (size >= 8.5) {
      drawn.push(svgText(kernel, { x, y: middle + 4, 'font-size': size, 'text-anchor': 'middle' }));
    }
    if (last && g > last.g + 1)
      drawn.push(ellipsis((last.right + Math.min(read.left, write.left)) / 2, middle));
    last = { g, right: Math.max(read.right, write.right) };
  }
  return svgElement('g', { class: 'convolution' }, ...drawn);
}

function spanOf({ lefts, cell }: PlacedRow, from: number, to: number) {
  const inside = [...lefts].filter(([c]) => c >= from && c < to).map(([, left]) => left);
  return inside.length === 0 ? undefined : { left: inside[0]!, right: inside.at(-1)! + cell };
}

/** Wide crossings need height to stay apart. */
function permutationHeight(row: PlacedRow): number {
  const { left, right } = extentOf(row);
  return Math.min(190, Math.max(64, 0.22 * (right - left)));
}

/** A line from the channel that `map` names to each channel of the row below. */
function permutationLines(
  { map }: ChainPermute,
  above: PlacedRow,
  below: PlacedRow,
  y: number,
): string {
  const [top, bottom] = [y + 2, below.top - 2];
  const bend = (bottom - top) * 0.42;
  const lines = [...below.lefts].map(([c, left]) => {
    const source = map[c]!;
    const from = above.lefts.get(source)! + above.cell / 2;
    const to = left + below.cell / 2;
    const partition =
      above.row.origin[source]! >= 0 ? above.row.origin[source]! : below.row.home[c]!;
    return svgElement('path', {
      'data-from': source,
      'data-to': c,
      d: `M${round(from)} ${round(top)}C${round(from)} ${round(top + bend)} ${round(to)} ${round(bottom - bend)} ${round(to)} ${round(bottom)}`,
      stroke: partition >= 0 ? partitionColour(partition) : neutral,
    });
  });
  return svgElement(
    'g',
    { class: 'permutation', fill: 'none', 'stroke-width': below.cell >= 20 ? 1.8 : 1.3 },
    ...lines,
  );
}

function bar(row: PlacedRow, y: number): string {
  const { left, right } = extentOf(row);
  return svgElement('rect', {
    class: 'pointwise',
    x: left,
    y: y,
    width: right - left,
    height: barHeight,
    rx: 3,
    fill: '#d3d9e0',
  });
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
