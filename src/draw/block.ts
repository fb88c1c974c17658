/**
 * The paper's figure 1 for any block: channels in the colours of their primary partitions, the primary group
 * convolution, the interleaving permutation, the secondary group convolution, and the lines back. Blocks of more
 * than 64 channels are summarised: a few partitions, dots for the others, and all numbers beside them.
 * Letters: L primary partitions, M channels of each (secondary partitions).
 */
import { composeMaps } from '../core/permutation.ts';
import type { Shape } from '../spec/graph.ts';
import type { BlockChain, ChainConv, ChainOp } from './block-chain.ts';
import { type ChainBand, chainPicture, chainWidth, type RowExtent } from './chain-picture.ts';
import { legibleChannels } from './channel-rows.ts';
import { faint, neutral, paper, partitionColour, rule, textWidth } from './palette.ts';
import { svgDocument, svgElement, svgText } from './svg.ts';
import { formatCount } from './text-table.ts';
import { convText } from './words.ts';

export interface BlockPicture {
  readonly title: string;
  readonly chain: BlockChain;
  /** Primary partitions, and channels of each, for an interleaved group convolution. */
  readonly partitions?: { readonly L: number; readonly M: number };
}

interface Label {
  readonly title: string;
  readonly lines: readonly string[];
}

const margin = 24;
const bracketsHeight = 44;

/**
 * The block as one self-contained SVG file; the same block is the same bytes.
 * @source paper figure 1, eqs. (1)–(5)
 */
export function blockSvg(picture: BlockPicture): string {
  const { chain, title, partitions } = picture;
  const L = partitions?.L ?? 1;
  const subtitle = subtitleOf(chain);
  const left = margin + leftColumn(picture) + 28;
  const rows = Math.max(chainWidth(chain, L), 190);
  const right = left + rows + 24;
  const top = 92 + (partitions ? bracketsHeight : 0);
  const drawn = chainPicture(chain, L, { centre: left + rows / 2, top });
  const symbols = rowSymbols(chain);
  const rowLabels = drawn.bands.filter(isRow).map((band, i) => rowLabel(band, symbols[i], right));
  const rightColumn = Math.max(...rowLabels.map(({ width }) => width));
  const legend =
    partitions && L > 1 ? legendAt(margin, drawn.bottom + 22, drawn.blends) : undefined;
  const width = Math.max(
    right + rightColumn + margin,
    2 * margin + textWidth(title, 18, true),
    2 * margin + textWidth(subtitle, 13),
    margin + (legend?.width ?? 0) + margin,
  );
  const height = drawn.bottom + margin + (legend?.height ?? 0);
  return svgDocument({ width, height, title, description: descriptionOf(picture) }, [
    svgText(title, { x: margin, y: 34, 'font-size': 18, 'font-weight': 600 }),
    svgText(subtitle, { x: margin, y: 56, 'font-size': 13, fill: faint }),
    ...(partitions ? brackets(drawn.extent, chain, partitions, top) : []),
    ...drawn.parts,
    ...drawn.bands.flatMap((band) => opLabel(band, picture)),
    ...rowLabels.map(({ svg }) => svg),
    legend?.svg ?? '',
  ]);
}

function isRow(band: ChainBand): band is ChainBand & { of: { row: { channels: number } } } {
  return 'row' in band.of;
}

function subtitleOf({ input, output }: BlockChain): string {
  const text = ({ channels, height, width }: Shape) =>
    `${formatCount(channels)} channels of ${height}×${width}`;
  return `${text(input)} in, ${text(output)} out${isSummary({ input, output }) ? '; a few of them drawn' : ''}`;
}

function isSummary({ input, output }: Pick<BlockChain, 'input' | 'output'>): boolean {
  return Math.max(input.channels, output.channels) > legibleChannels;
}

/** What is said beside an operation, in the paper's words and letters. */
function labelOf(op: ChainOp, inChannels: number, { chain, partitions }: BlockPicture): Label {
  if (op.kind === 'pointwise') return { title: op.name, lines: [] };
  if (op.kind === 'permute') return permutationLabel(op.name, chain);
  const line = partitions ? [partitionLine(op, inChannels, partitions)] : [];
  return { title: convTitle(op), lines: [convText(op, op.branches), ...line] };
}

function convTitle({ name, groups, branches }: ChainConv): string {
  if (branches > 1) return 'Convolutions, summed';
  const what = groups > 1 ? 'group convolution' : 'convolution';
  const [role = '', ...parts] = name.split('/');
  if (role !== 'primary' && role !== 'secondary') return 'Regular convolution';
  return [`${capital(role)} ${what}`, ...parts].join(', ');
}

function permutationLabel(name: string, chain: BlockChain): Label {
  switch (name) {
    case 'interleave':
      return {
        title: 'Permutation Pᵀ',
        lines: ['one channel of every', 'primary partition each'],
      };
    case 'restore':
      return isRestored(chain)
        ? { title: 'Permutation back P', lines: ['into primary partitions'] }
        : { title: 'Permutation back', lines: ['not the inverse of the first'] };
    case 'repeat':
      return { title: 'The input, repeated', lines: ['once for every branch'] };
    default:
      return { title: capital(name), lines: [] };
  }
}

/** `L = 24 partitions, M = 2 channels each`, with the letters that the numbers have. */
function partitionLine(
  op: ChainConv,
  inChannels: number,
  { L, M }: { readonly L: number; readonly M: number },
): string {
  const [perIn, perOut] = [inChannels / op.groups, op.outChannels / op.groups];
  const isPrimary = op.name.startsWith('primary');
  if (!isPrimary && op.groups === 1 && M > 1)
    return `every channel from all ${formatCount(inChannels)}`;
  const named = (value: number, letter: string, number: number) =>
    `${value === number ? `${letter} = ` : ''}${formatCount(value)}`;
  const count = isPrimary ? named(op.groups, 'L', L) : named(op.groups, 'M', M);
  const size = (value: number) => (isPrimary ? named(value, 'M', M) : named(value, 'L', L));
  const channels = perIn === perOut ? size(perOut) : `${size(perIn)} → ${size(perOut)}`;
  return `${count} ${op.groups === 1 ? 'partition' : 'partitions'}, ${channels} ${perOut === 1 ? 'channel' : 'channels'} each`;
}

function capital(name: string): string {
  return name.slice(0, 1).toUpperCase() + name.slice(1);
}

/** Every operation with the channels that it reads. */
function labelsOf(picture: BlockPicture): readonly Label[] {
  let channels = picture.chain.input.channels;
  return picture.chain.ops.map((op) => {
    const label = labelOf(op, channels, picture);
    if (op.kind === 'conv') channels = op.outChannels;
    if (op.kind === 'permute') channels = op.map.length;
    return label;
  });
}

function leftColumn(picture: BlockPicture): number {
  const widths = labelsOf(picture).flatMap(({ title, lines }) => [
    textWidth(title, 13, true),
    ...lines.map((line) => textWidth(line, 12)),
  ]);
  return Math.max(...widths);
}

function opLabel({ of, top, bottom }: ChainBand, picture: BlockPicture): readonly string[] {
  if (!('op' in of)) return [];
  const { title, lines } = labelsOf(picture)[picture.chain.ops.indexOf(of.op)]!;
  const first = (top + bottom) / 2 + 4 - 8 * lines.length;
  return [
    svgText(title, {
      x: margin,
      y: first,
      'font-size': 13,
      ...(lines.length > 0 ? { 'font-weight': 600 } : { fill: faint }),
    }),
    ...lines.map((line, i) =>
      svgText(line, { x: margin, y: first + 16 * (i + 1), 'font-size': 12, fill: faint }),
    ),
  ];
}

/** Does the second permutation undo the first? In the authors' resnet_igc.py it does not always. */
function isRestored({ ops }: BlockChain): boolean {
  const maps = ops.flatMap((op) => (op.kind === 'permute' ? [op.map] : []));
  const [first, second] = maps;
  if (!first || !second || first.length !== second.length) return true;
  return composeMaps(first, second).every((source, c) => source === c);
}

/** The paper's names of the rows, where the block is eq. (5) and nothing else. */
function rowSymbols(chain: BlockChain): readonly string[] {
  const kinds = chain.ops.map(({ kind, name }) => (kind === 'permute' ? name : kind)).join(' ');
  if (!/^conv interleave conv restore( pointwise)*$/.test(kinds) || !isRestored(chain)) return [];
  return ['x', 'y = Wᵖ x', 'ȳ = Pᵀ y', 'z̄ = Wˢ ȳ', 'x′ = P z̄'];
}

function rowLabel(
  { of, top, bottom }: ChainBand & { of: { row: { channels: number } } },
  symbol: string | undefined,
  x: number,
): { readonly svg: string; readonly width: number } {
  const middle = (top + bottom) / 2;
  const count = `${formatCount(of.row.channels)} ${of.row.channels === 1 ? 'channel' : 'channels'}`;
  const size = (y: number) => svgText(count, { x, y, 'font-size': 12, fill: faint });
  return {
    svg: symbol
      ? svgText(symbol, { x, y: middle - 2, 'font-size': 13 }) + size(middle + 13)
      : size(middle + 4),
    width: Math.max(textWidth(count, 12), symbol ? textWidth(symbol, 13) : 0),
  };
}

/** `L = 2 primary partitions` over the input, and `M = 3` over its first one. */
function brackets(
  { left, right, firstRight }: RowExtent,
  { input }: BlockChain,
  { L, M }: { readonly L: number; readonly M: number },
  top: number,
): readonly string[] {
  const each = input.channels / L;
  const all = `L = ${formatCount(L)} primary ${L === 1 ? 'partition' : 'partitions'}`;
  const one = each === M ? `M = ${formatCount(M)}` : `${formatCount(each)} each`;
  const bracket = (from: number, to: number, y: number) =>
    svgElement('path', {
      d: `M${from.toFixed(2)} ${y + 5}v-5H${to.toFixed(2)}v5`,
      fill: 'none',
      stroke: rule,
    });
  const text = (content: string, x: number, y: number, anchor: string) =>
    svgText(content, { x, y, 'font-size': 12, 'text-anchor': anchor });
  const narrow = firstRight - left < textWidth(one, 12);
  return [
    bracket(left, right, top - 34),
    text(all, (left + right) / 2, top - 39, 'middle'),
    bracket(left, firstRight, top - 10),
    text(one, narrow ? left : (left + firstRight) / 2, top - 15, narrow ? 'start' : 'middle'),
  ];
}

function legendAt(x: number, y: number, blends: boolean) {
  const entries = [
    { text: 'holds channels of one primary partition; the number says which', blend: false },
    ...(blends
      ? [
          {
            text: 'blends partitions; the number says which partition of the output it belongs to',
            blend: true,
          },
        ]
      : []),
  ];
  const drawn = entries.flatMap(({ text, blend }, i) => {
    const top = y + 20 * i;
    const colour = partitionColour(0);
    const inset = blend ? 1.25 : 0;
    return [
      svgElement('rect', {
        x: x + inset,
        y: top + inset,
        width: 14 - 2 * inset,
        height: 14 - 2 * inset,
        rx: 2.5,
        ...(blend ? { fill: paper, stroke: colour, 'stroke-width': 2.5 } : { fill: colour }),
      }),
      svgText(text, { x: x + 22, y: top + 11, 'font-size': 12, fill: faint }),
    ];
  });
  const width = 22 + Math.max(...entries.map(({ text }) => textWidth(text, 12)));
  return {
    svg: svgElement('g', { stroke: 'none', color: neutral }, ...drawn),
    width,
    height: 20 + 20 * entries.length,
  };
}

/** The picture in words. */
function descriptionOf(picture: BlockPicture): string {
  const labels = labelsOf(picture).map(({ title, lines }) => [title, ...lines].join(' '));
  return `From top to bottom: ${labels.join('; ')}. ${capital(subtitleOf(picture.chain))}.`;
}
