/**
 * Mean and deviation of repeated runs, and Welch's t-test between two sets of them.
 * Our own few lines: the kept packages with a t distribution bring hundreds of others (223 for stdlib's).
 */

/** What repeated runs amount to. */
export interface Sample {
  readonly n: number;
  readonly mean: number;
  /** Of the sample, divided by n − 1; null for n = 1. */
  readonly deviation: number | null;
}

/** The sample of some values; undefined for none. */
export function sampleOf(values: readonly number[]): Sample | undefined {
  const n = values.length;
  if (n === 0) return undefined;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n === 1) return { n, mean, deviation: null };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { n, mean, deviation: Math.sqrt(squares / (n - 1)) };
}

/** Whether one mean is above another. */
export interface WelchTest {
  readonly difference: number;
  readonly t: number;
  readonly degreesOfFreedom: number;
  /** P(T ≥ t): how likely such a difference, or a larger one, is between equal means. */
  readonly p: number;
}

/**
 * Welch's one-sided t-test of "the mean of a is above that of b". Undefined where it says nothing: a side of fewer than
 * two runs, or no deviation on either.
 *
 * t = (ā − b̄)/√(va + vb), v = s²/n; df = (va + vb)²/(va²/(na − 1) + vb²/(nb − 1)).
 * @source B. L. Welch, Biometrika 34 (1947)
 */
export function welchTest(a: Sample, b: Sample): WelchTest | undefined {
  if (a.deviation === null || b.deviation === null) return undefined;
  const [va, vb] = [a.deviation ** 2 / a.n, b.deviation ** 2 / b.n];
  if (va + vb === 0) return undefined;
  const difference = a.mean - b.mean;
  const t = difference / Math.sqrt(va + vb);
  const degreesOfFreedom = (va + vb) ** 2 / (va ** 2 / (a.n - 1) + vb ** 2 / (b.n - 1));
  return { difference, t, degreesOfFreedom, p: studentTail(t, degreesOfFreedom) };
}

/**
 * P(T ≥ t) of Student's distribution: for t ≥ 0 I_x(df/2, 1/2)/2 with x = df/(df + t²), or, where x would round to 1,
 * (1 − I_y(1/2, df/2))/2 with y = 1 − x.
 * @source Abramowitz and Stegun 26.7.1
 */
export function studentTail(t: number, df: number): number {
  const square = t * t;
  const tail =
    square < df
      ? (1 - incompleteBeta(square / (df + square), 0.5, df / 2)) / 2
      : incompleteBeta(df / (df + square), df / 2, 0.5) / 2;
  return t >= 0 ? tail : 1 - tail;
}

/** The regularised incomplete beta function I_x(a, b). @source Abramowitz and Stegun 26.5.8, 26.5.2 */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  // The fraction converges fast on one side of the mean; the other is its mirror image.
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const logFront =
    a * Math.log(x) +
    b * Math.log1p(-x) +
    logGamma(a + b) -
    logGamma(a) -
    logGamma(b) -
    Math.log(a);
  return Math.exp(logFront) * betaFraction(x, a, b);
}

/** 1/(1 + d1/(1 + d2/(1 + …))) by Lentz's method. */
function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  const away = (value: number) => (Math.abs(value) < tiny ? tiny : value);
  let [c, d] = [1, 1 / away(1 - ((a + b) * x) / (a + 1))];
  let result = d;
  for (let m = 1; m < 1000; m++) {
    const terms = [
      (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m)),
      (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1)),
    ];
    let step = 1;
    for (const term of terms) {
      d = 1 / away(1 + term * d);
      c = away(1 + term / c);
      step *= c * d;
    }
    result *= step;
    if (Math.abs(step - 1) < 1e-15) break;
  }
  return result;
}

/** ln Γ(x) for x > 0: Stirling's series, with x moved above 10. @source Abramowitz and Stegun 6.1.41 */
function logGamma(x: number): number {
  let [shift, y] = [0, x];
  for (; y < 10; y++) shift += Math.log(y);
  const r = 1 / (y * y);
  const series = (1 / 12 - r * (1 / 360 - r * (1 / 1260 - r * (1 / 1680 - r / 1188)))) / y;
  return (y - 0.5) * Math.log(y) - y + 0.5 * Math.log(2 * Math.PI) + series - shift;
}
