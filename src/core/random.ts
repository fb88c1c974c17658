/**
 * Named random streams: `stream(seed, 'init/stage1/block1/primary')`. Two streams of different names or
 * seeds are independent, so nothing depends on the order in which work is done. Never global.
 * Generator: xoshiro128** (Blackman and Vigna, 2018), seeded by splitmix32 over an FNV-1a hash of the name.
 */

/** A reproducible source of random numbers; each call advances it. */
export interface RandomStream {
  /** 32 random bits as an unsigned integer. */
  bits(): number;
  /** Uniform in [0, 1), 53 bits. */
  uniform(): number;
  /** Uniform integer in [0, n), without modulo bias; n from 1 to 2^32. */
  integer(n: number): number;
  /** Normal with mean 0 and standard deviation 1. */
  normal(): number;
}

/**
 * Beta(α, α), α > 0, as X / (X + Y) of two Gamma(α) variables; so small an α that both are 0 gives 0 or 1.
 * @source Marsaglia and Tsang, "A simple method for generating gamma variables", 2000
 */
export function symmetricBeta(random: RandomStream, alpha: number): number {
  const x = gamma(random, alpha);
  const y = gamma(random, alpha);
  return x + y > 0 ? x / (x + y) : random.integer(2);
}

function gamma(random: RandomStream, shape: number): number {
  // Gamma(α) = Gamma(α + 1) · U^(1/α) for α < 1.
  if (shape < 1) return gamma(random, shape + 1) * random.uniform() ** (1 / shape);
  const d = shape - 1 / 3;
  for (;;) {
    const normal = random.normal();
    const v = (1 + normal / Math.sqrt(9 * d)) ** 3;
    if (v > 0 && Math.log(1 - random.uniform()) < normal ** 2 / 2 + d - d * v + d * Math.log(v)) {
      return d * v;
    }
  }
}

/** Opens the stream `name` of `seed` (any safe integer); `indices` extend the name, e.g. epoch and image. */
export function stream(seed: number, name: string, ...indices: readonly number[]): RandomStream {
  let hash = 0x811c9dc5;
  const absorb = (byte: number) => {
    hash = Math.imul(hash ^ byte, 0x01000193);
  };
  const absorbNumber = (value: number) => {
    const low = value >>> 0;
    const high = Math.floor(value / 2 ** 32) >>> 0;
    for (let shift = 0; shift < 32; shift += 8) absorb((low >>> shift) & 255);
    for (let shift = 0; shift < 32; shift += 8) absorb((high >>> shift) & 255);
  };
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    absorb(code & 255);
    absorb(code >>> 8);
  }
  const nameHash = hash;
  absorbNumber(seed);
  for (const index of indices) absorbNumber(index);
  return xoshiro(hash >>> 0, nameHash >>> 0, seed >>> 0, (indices.at(-1) ?? 0) >>> 0);
}

/** 0…n−1 in random order (Fisher-Yates). */
export function shuffledIndices(random: RandomStream, n: number): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    const kept = order[i]!;
    order[i] = order[j]!;
    order[j] = kept;
  }
  return order;
}

function xoshiro(k0: number, k1: number, k2: number, k3: number): RandomStream {
  let mix = k0;
  const splitmix = (salt: number) => {
    mix = (mix + 0x9e3779b9 + salt) | 0;
    let z = mix ^ (mix >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
  let s0 = splitmix(k1);
  let s1 = splitmix(k2);
  let s2 = splitmix(k3);
  let s3 = splitmix(0) || 1;
  const bits = () => {
    const x = Math.imul(s1, 5);
    const result = Math.imul((x << 7) | (x >>> 25), 9) >>> 0;
    const t = s1 << 9;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= t;
    s3 = (s3 << 11) | (s3 >>> 21);
    return result;
  };
  const uniform = () => (bits() * 2 ** 21 + (bits() >>> 11)) / 2 ** 53;
  let spare: number | undefined;
  return {
    bits,
    uniform,
    integer(n) {
      const limit = 2 ** 32 - (2 ** 32 % n);
      for (;;) {
        const value = bits();
        if (value < limit) return value % n;
      }
    },
    normal() {
      // Marsaglia's polar method: pairs, the second kept for the next call.
      if (spare !== undefined) {
        const value = spare;
        spare = undefined;
        return value;
      }
      for (;;) {
        const u = 2 * uniform() - 1;
        const v = 2 * uniform() - 1;
        const s = u * u + v * v;
        if (s > 0 && s < 1) {
          const scale = Math.sqrt((-2 * Math.log(s)) / s);
          spare = v * scale;
          return u * scale;
        }
      }
    },
  };
}
