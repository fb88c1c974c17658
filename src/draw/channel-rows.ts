/**
 * Where the channels of a block stand in its picture: one row for the input and one after every convolution and
 * permutation; which channels a picture of a wide block leaves out; which partition each channel belongs to.
 * Letters: L primary partitions; G channels of a row. Channels and partitions count from 0.
 */
import { usageError } from '../core/errors.ts';
import type { BlockChain, ChainConv, ChainOp } from './block-chain.ts';

export interface ChannelRow {
  /** Channels in all, also those that are left out. */
  readonly channels: number;
  /** Partitions that stand apart from each other. */
  readonly groups: number;
  /** The channels that are drawn, ascending. */
  readonly shown: readonly number[];
  /** The primary partition whose channels alone went into a channel, or −1 where partitions were blended. */
  readonly origin: readonly number[];
  /** The primary partition of the block's output that a channel goes to, or −1 where that is not one. */
  readonly home: readonly number[];
}

/** A step from a row to the next, with what acts on the row's channels alone before it. */
export interface ChannelStep {
  readonly op: Exclude<ChainOp, { kind: 'pointwise' }>;
  readonly from: ChannelRow;
  readonly to: ChannelRow;
}

/** Above so many channels a row is summarised. */
export const legibleChannels = 64;
/** A summary shows about so many of them. */
const summaryChannels = 24;
const summaryCount = 6;

/** Channels beyond which a permutation is not even computed for a picture. */
const mostChannels = 65536;

/** The rows of a chain, and the steps between them; `L` divides the input's channels into partitions. */
export function channelSteps(chain: BlockChain, L: number): readonly ChannelStep[] {
  const ops = chain.ops.filter((op): op is ChannelStep['op'] => op.kind !== 'pointwise');
  const counts = [chain.input.channels];
  for (const op of ops) counts.push(op.kind === 'conv' ? op.outChannels : op.map.length);
  const widest = Math.max(...counts);
  if (widest > mostChannels) {
    throw usageError({
      path: 'draw',
      rule: `a block of at most ${mostChannels} channels can be drawn`,
      got: `${widest}`,
    });
  }
  const whole = widest <= legibleChannels;
  const groups = counts.map((count, i) => groupsOfRow(ops, i, count, L));
  const shown = shownChannels(ops, counts, groups, whole);
  const origin = origins(ops, counts, L);
  const home = homes(ops, counts, L);
  const rows = counts.map(
    (channels, i): ChannelRow => ({
      channels,
      groups: groups[i]!,
      shown: shown[i]!,
      origin: origin[i]!,
      home: home[i]!,
    }),
  );
  return ops.map((op, i) => ({ op, from: rows[i]!, to: rows[i + 1]! }));
}

/** A row stands in the partitions of the convolution that made it, else of that which reads it. */
function groupsOfRow(
  ops: readonly ChannelStep['op'][],
  row: number,
  channels: number,
  L: number,
): number {
  const before = ops[row - 1];
  if (before?.kind === 'conv') return before.groups;
  if (before && new Set(before.map).size < channels) return channels / new Set(before.map).size;
  const after = ops[row];
  if (after?.kind === 'conv') return after.groups;
  return channels % L === 0 ? L : 1;
}

function shownChannels(
  ops: readonly ChannelStep['op'][],
  counts: readonly number[],
  groups: readonly number[],
  whole: boolean,
): readonly (readonly number[])[] {
  if (whole) return counts.map((count) => Array.from({ length: count }, (_, c) => c));
  const perGroup = counts[0]! / groups[0]!;
  const rows = [
    someOf(groups[0]!, perGroup).flatMap((g) =>
      someOf(perGroup, groups[0]!).map((c) => g * perGroup + c),
    ),
  ];
  for (const [i, op] of ops.entries()) {
    const before = new Set(rows[i]);
    if (op.kind === 'permute') {
      rows.push([...op.map.keys()].filter((c) => before.has(op.map[c]!)));
      continue;
    }
    const [perIn, perOut] = [counts[i]! / op.groups, op.outChannels / op.groups];
    const read = new Set(rows[i]!.map((c) => Math.floor(c / perIn)));
    const kept = someOf(perOut, op.groups);
    rows.push([...read].flatMap((g) => kept.map((c) => g * perOut + c)));
  }
  return rows;
}

/** The first of `count` things and the last, as many as there is room for beside `others` others. */
function someOf(count: number, others: number): readonly number[] {
  const room = Math.max(summaryCount, Math.floor(summaryChannels / others));
  if (count <= room) return Array.from({ length: count }, (_, i) => i);
  return [...Array.from({ length: room - 1 }, (_, i) => i), count - 1];
}

/** Forward: what a convolution reads of one partition stays in it. */
function origins(ops: readonly ChannelStep['op'][], counts: readonly number[], L: number) {
  const first = counts[0]!;
  let row = Array.from({ length: first }, (_, c) => Math.floor((c * L) / first));
  const rows = [row];
  for (const op of ops) {
    const before = row;
    row = op.kind === 'permute' ? op.map.map((c) => before[c]!) : originsAfter(op, before);
    rows.push(row);
  }
  return rows;
}

function originsAfter(op: ChainConv, before: readonly number[]): number[] {
  const [perIn, perOut] = [before.length / op.groups, op.outChannels / op.groups];
  return Array.from({ length: op.groups }, (_, g) => {
    const read = new Set(before.slice(g * perIn, (g + 1) * perIn));
    return new Array<number>(perOut).fill(read.size === 1 ? [...read][0]! : -1);
  }).flat();
}

/** Backward from the output's partitions, as long as channels keep their identity. */
function homes(ops: readonly ChannelStep['op'][], counts: readonly number[], L: number) {
  const last = counts.at(-1)!;
  let row = Array.from({ length: last }, (_, c) =>
    last % L === 0 ? Math.floor((c * L) / last) : -1,
  );
  const rows = [row];
  for (let i = ops.length - 1; i >= 0; i--) {
    const op = ops[i]!;
    const before = new Array<number>(counts[i]!).fill(-1);
    if (op.kind === 'permute') for (const [c, source] of op.map.entries()) before[source] = row[c]!;
    row = before;
    rows.unshift(row);
  }
  return rows;
}
