/**
 * The planner: every IGC block that a budget buys, with the widest and the paper's advice marked.
 * The budget is that of one block, eq. (7); a network's cost is cost.ts.
 * Letters: L primary partitions, M channels per primary partition, S = kernel taps, T parameters of a block.
 */
import { usageError } from '../core/errors.ts';
import {
  igcParameters,
  isWiderThanRegular,
  regularWidth,
  widestPartitions,
  widthBound,
} from './widths.ts';

/** What may be spent: parameters, or MACs on maps of `size`. */
export type DesignBudget =
  | { readonly params: number }
  | { readonly macs: number; readonly size: MapSize };

export interface MapSize {
  readonly height: number;
  readonly width: number;
}

/** A budget for one block, of parameters or of multiply-adds, and how far off it may be. */
export interface DesignRequest {
  readonly budget: DesignBudget;
  /** Height and width of the primary kernel; odd. */
  readonly kernel: readonly [number, number];
  /** How far from the budget a block may lie, as a share of it; default 0.025. */
  readonly tolerance?: number;
}

/** One (L, M) that fits the budget. */
export interface DesignRow {
  readonly L: number;
  readonly M: number;
  readonly params: number;
  /** L·M */
  readonly width: number;
  /** Parameters that the budget leaves over; negative beyond it. */
  readonly slack: number;
  /** Slack as a share of the budget. */
  readonly slackShare: number;
  /** Wider than a regular convolution with as many parameters, eq. (9). */
  readonly wider: boolean;
  /** The greatest width here; of several the nearest to the budget. */
  readonly widest: boolean;
  /** M = 2, the nearest to the budget. */
  readonly advised: boolean;
}

/** Every (L, M) that fits the budget. */
export interface Design {
  /** The budget in parameters; not whole where it was given in MACs. */
  readonly params: number;
  /** MACs of one parameter, height × width, where the budget was given in MACs. */
  readonly positions: number | null;
  readonly kernel: readonly [number, number];
  readonly tolerance: number;
  /** Width of a regular convolution for the budget. */
  readonly regularWidth: number;
  /** Eq. (15), and the L and M that attain it. */
  readonly widthBound: number;
  readonly optimum: { readonly L: number; readonly M: number };
  /** By L, then M. */
  readonly rows: readonly DesignRow[];
}

const defaultTolerance = 0.025;
/** @source paper §3.2: "near the greatest width, e.g., M = 2" achieves the best performance */
const advisedM = 2;
/** Beyond it no block of a network lies, and the list would not fit memory. */
const largestBudget = 1e9;

type Candidate = Pick<DesignRow, 'L' | 'M' | 'params'>;

/**
 * Every (L, M) whose block costs the budget, give or take the tolerance.
 *
 * |L·M²·S + M·L² − T| ≤ tolerance·T
 * @source paper eq. (7); Table 1 lists some of them for T = 4672 and 17536
 * Throws a usage error for budgets under the smallest block, even kernels, and where nothing lies near enough.
 * @example designBlocks({ budget: { params: 4672 }, kernel: [3, 3] }).rows.find((row) => row.advised) // L = 40, M = 2
 */
export function designBlocks(request: DesignRequest): Design {
  const { kernel, tolerance = defaultTolerance } = request;
  checkKernel(kernel);
  checkTolerance(tolerance);
  const taps = kernel[0] * kernel[1];
  const { params, positions } = readBudget(request.budget, taps, tolerance);
  const found = candidates(params, taps, tolerance);
  if (found.length === 0) throw nothingNear(params, taps, tolerance);
  const nearest = (all: readonly Candidate[]) =>
    all.reduce<Candidate | undefined>(
      (best, one) =>
        best === undefined || Math.abs(one.params - params) < Math.abs(best.params - params)
          ? one
          : best,
      undefined,
    );
  const greatest = found.reduce((most, { L, M }) => Math.max(most, L * M), 0);
  const widest = nearest(found.filter(({ L, M }) => L * M === greatest));
  const advised = nearest(found.filter(({ M }) => M === advisedM));
  return {
    params,
    positions,
    kernel,
    tolerance,
    regularWidth: regularWidth({ params, taps }),
    widthBound: widthBound({ params, taps }),
    optimum: widestPartitions({ params, taps }),
    rows: found.map((row) => ({
      ...row,
      width: row.L * row.M,
      slack: params - row.params,
      slackShare: (params - row.params) / params,
      wider: isWiderThanRegular({ ...row, taps }),
      widest: row === widest,
      advised: row === advised,
    })),
  };
}

function checkKernel(kernel: readonly [number, number]): void {
  for (const side of kernel) {
    if (Number.isInteger(side) && side >= 1 && side % 2 === 1) continue;
    const below = Math.max(1, 2 * Math.ceil(side / 2) - 1);
    const hint = Number.isFinite(side) ? `nearest are ${below} and ${below + 2}` : undefined;
    throw usageError({
      path: 'kernel',
      rule: 'sides must be odd, so that maps keep their size',
      got: kernel.join('×'),
      ...(hint && { hint }),
    });
  }
}

function checkTolerance(tolerance: number): void {
  if (tolerance >= 0 && tolerance < 1) return;
  throw usageError({
    path: 'tolerance',
    rule: 'must be a share of at least 0 % and under 100 %',
    got: percent(tolerance),
  });
}

function readBudget(
  budget: DesignBudget,
  taps: number,
  tolerance: number,
): { readonly params: number; readonly positions: number | null } {
  const isMacs = 'macs' in budget;
  const positions = isMacs ? budget.size.height * budget.size.width : null;
  const each = positions ?? 1;
  const amount = isMacs ? budget.macs : budget.params;
  const smallest = igcParameters({ L: 1, M: 1, taps });
  const path = isMacs ? 'macs' : 'params';
  if (isMacs && !(Number.isInteger(positions) && each >= 1)) {
    const { height, width } = budget.size;
    throw usageError({
      path: 'size',
      rule: 'must be whole sides of at least 1',
      got: `${height}×${width}`,
    });
  }
  if (!(amount * (1 + tolerance) >= smallest * each)) {
    const on = isMacs ? ` on ${budget.size.height}×${budget.size.width} maps` : '';
    throw usageError({
      path,
      rule: `must be at least ${smallest * each}, the smallest block (L=1, M=1, ${taps} taps${on})`,
      got: `${amount}`,
    });
  }
  if (amount > largestBudget * each) {
    throw usageError({
      path,
      rule: `must be at most ${largestBudget * each} for one block`,
      got: `${amount}`,
    });
  }
  return { params: amount / each, positions };
}

/** By L, then M. For each M the block's cost grows with L, so those within the tolerance are a run of L. */
function candidates(params: number, taps: number, tolerance: number): readonly Candidate[] {
  const [least, most] = [params * (1 - tolerance), params * (1 + tolerance)];
  const found: Candidate[] = [];
  for (let M = 1; igcParameters({ L: 1, M, taps }) <= most; M++) {
    let L = Math.max(1, Math.floor(partitionsFor(least, M, taps)) - 1);
    for (; ; L++) {
      const cost = igcParameters({ L, M, taps });
      if (cost > most) break;
      if (cost >= least) found.push({ L, M, params: cost });
    }
  }
  return found.sort((a, b) => a.L - b.L || a.M - b.M);
}

/** The L, seldom whole, with M·L² + M²·S·L = T. */
function partitionsFor(params: number, M: number, taps: number): number {
  const half = (M * taps) / 2;
  return Math.sqrt(half * half + params / M) - half;
}

function nothingNear(params: number, taps: number, tolerance: number) {
  const distance = ({ params: cost }: Candidate) => Math.abs(cost - params);
  let best: Candidate | undefined;
  for (let M = 1; igcParameters({ L: 1, M, taps }) <= 2 * params + taps + 1; M++) {
    const below = Math.max(1, Math.floor(partitionsFor(params, M, taps)));
    for (const L of [below, below + 1]) {
      const one = { L, M, params: igcParameters({ L, M, taps }) };
      if (best === undefined || distance(one) < distance(best)) best = one;
    }
  }
  const { L, M, params: cost } = best!;
  return usageError({
    path: 'tolerance',
    rule: `no block lies within it of ${Number(params.toFixed(1))} parameters`,
    got: percent(tolerance),
    hint: `nearest is L=${L} M=${M} with ${cost}, ${percent(distance(best!) / params)} off`,
  });
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`;
}
