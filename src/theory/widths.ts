/**
 * How wide a block may be for what it costs: equations (7) to (15) of the paper.
 * Letters: L primary partitions, M channels per primary partition, G = L·M width of an IGC block, C width of a regular
 * convolution, S (`taps`) kernel positions of the primary convolution (9 for 3×3), T parameters.
 * MACs are T times the positions of a map, so every statement here holds for them too.
 */

/** The two numbers that make an IGC block, and the taps of its primary kernel. */
export interface BlockShape {
  readonly L: number;
  readonly M: number;
  /** S: kernel height times kernel width. */
  readonly taps: number;
}

/** A number of parameters to spend on one block. */
export interface WidthBudget {
  readonly params: number;
  readonly taps: number;
}

/**
 * Parameters of an IGC block.
 *
 * T_igc = L·M²·S + M·L² = G²·(S/L + 1/M)
 * @source paper eq. (7)
 * @example igcParameters({ L: 40, M: 2, taps: 9 }) // 1440 + 3200 = 4640
 */
export function igcParameters({ L, M, taps }: BlockShape): number {
  return L * M * M * taps + M * L * L;
}

/**
 * Parameters of a regular convolution of `width` channels.
 *
 * T_rc = C²·S
 * @source paper eq. (8)
 */
export function regularParameters({
  width,
  taps,
}: {
  readonly width: number;
  readonly taps: number;
}): number {
  return width * width * taps;
}

/**
 * Width of a regular convolution with that many parameters; seldom a whole number.
 *
 * C = √(T/S)
 * @source paper §3.2, from eq. (8)
 */
export function regularWidth({ params, taps }: WidthBudget): number {
  return Math.sqrt(params / taps);
}

/**
 * Width that an IGC block with the proportions of L and M has for that many parameters.
 *
 * G = √(T / (S/L + 1/M))
 * @source paper §3.2, from eq. (7)
 */
export function igcWidth({ L, M, taps, params }: BlockShape & WidthBudget): number {
  return Math.sqrt(params / (taps / L + 1 / M));
}

/**
 * Whether the block is wider than a regular convolution with as many parameters.
 *
 * L/(L − 1) < M·S; never for L = 1
 * @source paper eq. (9)
 */
export function isWiderThanRegular({ L, M, taps }: BlockShape): boolean {
  // Both sides times L − 1, which is 0 for L = 1.
  return L < M * taps * (L - 1);
}

/**
 * The width that no IGC block with that many parameters exceeds.
 *
 * G ≤ (T / (2√S))^⅔
 * @source paper eq. (15)
 */
export function widthBound({ params, taps }: WidthBudget): number {
  return (params / (2 * Math.sqrt(taps))) ** (2 / 3);
}

/**
 * The L and M, seldom whole numbers, whose block attains the bound.
 *
 * L = M·S with L·M = G: M = √(G/S), L = √(G·S)
 * @source paper §3.2, equality in eq. (12)
 */
export function widestPartitions(budget: WidthBudget): { readonly L: number; readonly M: number } {
  const G = widthBound(budget);
  return { L: Math.sqrt(G * budget.taps), M: Math.sqrt(G / budget.taps) };
}
