/** bfloat16: the upper half of a float32. */

const floats = new Float32Array(1);
const words = new Uint32Array(floats.buffer);

/** Rounds numbers [from, from + length) to bfloat16, to nearest and halves to even, in place; NaN stays NaN. */
export function roundToBfloat16(
  values: Float32Array | Float64Array,
  from: number,
  length: number,
): void {
  for (let i = from; i < from + length; i++) {
    if (Number.isNaN(values[i])) continue;
    floats[0] = values[i]!;
    const word = words[0]!;
    words[0] = (word + 0x7fff + ((word >>> 16) & 1)) & 0xffff0000;
    values[i] = floats[0];
  }
}
