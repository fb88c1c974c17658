/**
 * Channel maps: `map[c]` is the channel of the source that becomes channel c. The interleaving permutation
 * and its inverse are two of them; a map may also repeat channels (summation fusion reads its input L times).
 * Letters: L primary partitions, M channels per primary partition (= secondary partitions of L channels).
 */

/** Source channel of each result channel. */
export type ChannelMap = readonly number[];

/**
 * Brings channel m of every primary partition together: secondary partition m holds channels l·M + m, l < L.
 *
 * out[m·L + l] = in[l·M + m], the matrix Pᵀ of eq. (4).
 * @source paper §3.1; authors' Reorder(L)
 */
export function interleave(L: number, M: number): ChannelMap {
  return Array.from({ length: L * M }, (_, c) => (c % L) * M + Math.floor(c / L));
}

/** The inverse of `interleave(L, M)`: back into primary partitions, the matrix P of eq. (5). */
export function restore(L: number, M: number): ChannelMap {
  return interleave(M, L);
}

/** Every channel `times` times over: [0…C−1, 0…C−1, …]; feeds summation fusion's branches. */
export function repeatChannels(channels: number, times: number): ChannelMap {
  return Array.from({ length: channels * times }, (_, c) => c % channels);
}

export function identityMap(channels: number): ChannelMap {
  return Array.from({ length: channels }, (_, c) => c);
}

/** The map that first applies `first`, then `second`: result[c] = first[second[c]]. */
export function composeMaps(first: ChannelMap, second: ChannelMap): ChannelMap {
  return second.map((c) => first[c]!);
}

/** The inverse of a bijective map, or undefined when channels repeat or are left out. */
export function invertMap(map: ChannelMap): ChannelMap | undefined {
  const inverse = new Array<number>(map.length).fill(-1);
  for (const [c, source] of map.entries()) {
    if (source >= map.length || inverse[source] !== -1) return undefined;
    inverse[source] = c;
  }
  return inverse;
}
