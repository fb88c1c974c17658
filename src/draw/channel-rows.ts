/**
 * Where the channels of a block stand in its picture: one row for the input and one after every convolution and
 * permutation; which channels a picture of a wide block leaves out; which partition each channel belongs to.
 * Letters: L primary partitions; G channels of a row. Channels and partitions count from 0.
 */
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

/** The rows of a chain, and the steps between them; `L` divides the input's channels into partitions. */
export function channelSteps(chain: BlockChain, L: number): readonly ChannelStep[] {
  const ops = chain.ops.filter((op): op is ChannelStep['op'] => op.kind !== 'pointwise');
  const counts = [chain.input.channels];
  for (const op of ops) counts.push(op.kind === 'conv' ? op.outChannels : op.map.length);
  const widest = Math.max(...counts);
  const whole = widest <= legibleChannels;
  const groups = counts.map((count, i) => groupsOfRow(ops, i, count, L));
  const origin = origins(ops, counts, L);
  const home = homes(ops, counts, L);
  const shown = whole
    ? counts.map((count) => Array.from({ length: count }, (_, c) => c))
    : summaries(ops, counts, groups[0]!, { origin, home });
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

/** A few channels of every row, such that those of one row are where those of the row before go. */
function summaries(
  ops: readonly ChannelStep['op'][],
  counts: readonly number[],
  groups: number,
  { origin, home }: Readonly<Record<'origin' | 'home', readonly (readonly number[])[]>>,
): readonly (readonly number[])[] {
  const perGroup = counts[0]! / groups;
  const first = someOf(groups, perGroup).flatMap((g) =>
    someOf(perGroup, groups).map((c) => g * perGroup + c),
  );
  const partitions = new Set(first.map((c) => origin[0]![c]!));
  const rows = [first];
  for (const [i, op] of ops.entries()) {
    const before = new Set(rows[i]);
    if (op.kind === 'permute') {
      rows.push([...op.map.keys()].filter((c) => before.has(op.map[c]!)));
      continue;
    }
    const [perIn, perOut] = [counts[i]! / op.groups, op.outChannels / op.groups];
    const read = new Set(rows[i]!.map((c) => Math.floor(c / perIn)));
    rows.push(
      [...read].flatMap((g) => {
        const homes = home[i + 1]!.slice(g * perOut, (g + 1) * perOut);
        return someResults(homes, partitions, op.groups).map((c) => g * perOut + c);
      }),
    );
  }
  return rows;
}

/** Of the results of one partition, those that go to the partitions which are drawn, when that is known. */
function someResults(
  homes: readonly number[],
  partitions: ReadonlySet<number>,
  groups: number,
): readonly number[] {
  if (homes.includes(-1)) return someOf(homes.length, groups);
  const runs = [...partitions].map((l) => homes.flatMap((home, c) => (home === l ? [c] : [])));
  const room = Math.max(1, Math.floor(summaryChannels / (partitions.size * Math.min(groups, 2))));
  return runs
    .flatMap((run) => firstAndLast(run.length, room).map((i) => run[i]!))
    .toSorted((a, b) => a - b);
}

/** Of `count` things as many as there is room for beside `others` others. */
function someOf(count: number, others: number): readonly number[] {
  return firstAndLast(count, Math.max(summaryCount, Math.floor(summaryChannels / others)));
}

/** All of `count` things, or the first ones and the last. */
function firstAndLast(count: number, room: number): readonly number[] {
  if (count <= room) return Array.from({ length: count }, (_, i) => i);
  if (room === 1) return [0];
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
