/**
 * IEEE half precision: 1 sign bit, 5 of exponent, 10 of fraction. Numbers are in [5.96e-8, 65504]; what is smaller becomes
 * 0, what is larger infinite.
 * @source IEEE 754-2019, binary16
 */

/** The largest number there is. */
export const largestFloat16 = 65504;

/** The bits of the nearest half; of two equally near the one with an even fraction. */
export function toFloat16(values: ArrayLike<number>): Uint16Array {
  return Uint16Array.from(values, halfBits);
}

/** The numbers whose bits these are; exact. */
export function fromFloat16(bits: Uint16Array): Float32Array {
  return Float32Array.from(bits, halfValue);
}

function halfBits(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(size)) return 0x7e00;
  if (size >= largestFloat16 + 16) return sign | 0x7c00;
  const exponent = Math.max(-14, Math.floor(Math.log2(size))); // −14: the subnormal numbers' too
  // Math.log2 may round up to the next power of two.
  const scale = size < 2 ** exponent && exponent > -14 ? exponent - 1 : exponent;
  const units = roundToEven(size / 2 ** (scale - 10));
  // A fraction that rounds up to 2048 carries into the exponent.
  return sign | ((scale + 14) * 1024 + units);
}

function roundToEven(value: number): number {
  const down = Math.floor(value);
  const rest = value - down;
  if (rest !== 0.5) return rest < 0.5 ? down : down + 1;
  return down % 2 === 0 ? down : down + 1;
}

function halfValue(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? fraction : fraction + 1024) * 2 ** (Math.max(1, exponent) - 25);
}
