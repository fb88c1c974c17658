/** The few phrases that all pictures share. */
import type { ConvOp, Shape } from '../spec/graph.ts';
import { formatCount } from './text-table.ts';

/** `48 × 32×32`: channels and maps. */
export function shapeText({ channels, height, width }: Shape): string {
  return `${formatCount(channels)} × ${height}×${width}`;
}

/** `, stride 2`, or nothing where the stride is 1. */
export function strideText({ stride }: Pick<ConvOp, 'stride'>): string {
  return stride > 1 ? `, stride ${stride}` : '';
}

/**
 * `24 × (3×3, 2), stride 2`: partitions, kernel, channels out of each.
 * @source the notation of paper Table 2
 */
export function convText(
  op: Pick<ConvOp, 'groups' | 'kernel' | 'outChannels' | 'stride'>,
  branches = 1,
): string {
  const count = op.groups * branches;
  const each = `(${op.kernel.join('×')}, ${op.outChannels / op.groups})`;
  return `${count > 1 ? `${formatCount(count)} × ` : ''}${each}${strideText(op)}`;
}

/** Summation fusion is one convolution of its repeated input; its branches are told by their fan-in. */
export function branchesOf({ fanIn, groups, kernel }: ConvOp, inChannels: number): number {
  return fanIn === undefined ? 1 : ((inChannels / groups) * kernel[0] * kernel[1]) / fanIn;
}
