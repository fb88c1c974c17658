/**
 * The two inner loops of the reference convolutions: weighted sums and products of runs of
 * contiguous numbers that lie at fixed distances ("taps"). All the time goes here.
 */

/**
 * target[at + x] += Σ_t weights[first + t] · source[from + taps[t] + x], x < length, in order of t.
 * Six taps at a time, since 3×3 kernels and the paper's group sizes have multiples of six.
 */
export function addTaps(
  target: Float64Array,
  at: number,
  length: number,
  source: Float64Array,
  from: number,
  taps: Int32Array,
  weights: Float64Array,
  first: number,
): void {
  let t = 0;
  for (; t + 6 <= taps.length; t += 6) {
    const w0 = weights[first + t]!;
    const w1 = weights[first + t + 1]!;
    const w2 = weights[first + t + 2]!;
    const w3 = weights[first + t + 3]!;
    const w4 = weights[first + t + 4]!;
    const w5 = weights[first + t + 5]!;
    const s0 = from + taps[t]!;
    const s1 = from + taps[t + 1]!;
    const s2 = from + taps[t + 2]!;
    const s3 = from + taps[t + 3]!;
    const s4 = from + taps[t + 4]!;
    const s5 = from + taps[t + 5]!;
    for (let x = 0; x < length; x++) {
      target[at + x]! +=
        w0 * source[s0 + x]! +
        w1 * source[s1 + x]! +
        w2 * source[s2 + x]! +
        w3 * source[s3 + x]! +
        w4 * source[s4 + x]! +
        w5 * source[s5 + x]!;
    }
  }
  for (; t < taps.length; t++) {
    const w = weights[first + t]!;
    const s = from + taps[t]!;
    for (let x = 0; x < length; x++) target[at + x]! += w * source[s + x]!;
  }
}

/** sums[at + t] += Σ_x d[from + x] · source[taps[t] + x], x < length; six taps at a time. */
export function dotTaps(
  sums: Float64Array,
  at: number,
  d: Float64Array,
  from: number,
  length: number,
  source: Float64Array,
  taps: Int32Array,
): void {
  let t = 0;
  for (; t + 6 <= taps.length; t += 6) {
    const s0 = taps[t]!;
    const s1 = taps[t + 1]!;
    const s2 = taps[t + 2]!;
    const s3 = taps[t + 3]!;
    const s4 = taps[t + 4]!;
    const s5 = taps[t + 5]!;
    let a0 = 0;
    let a1 = 0;
    let a2 = 0;
    let a3 = 0;
    let a4 = 0;
    let a5 = 0;
    for (let x = 0; x < length; x++) {
      const value = d[from + x]!;
      a0 += value * source[s0 + x]!;
      a1 += value * source[s1 + x]!;
      a2 += value * source[s2 + x]!;
      a3 += value * source[s3 + x]!;
      a4 += value * source[s4 + x]!;
      a5 += value * source[s5 + x]!;
    }
    sums[at + t]! += a0;
    sums[at + t + 1]! += a1;
    sums[at + t + 2]! += a2;
    sums[at + t + 3]! += a3;
    sums[at + t + 4]! += a4;
    sums[at + t + 5]! += a5;
  }
  for (; t < taps.length; t++) {
    const s = taps[t]!;
    let a = 0;
    for (let x = 0; x < length; x++) a += d[from + x]! * source[s + x]!;
    sums[at + t]! += a;
  }
}
