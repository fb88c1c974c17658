/**
 * Mean and standard deviation of the channels of a set, for normalisation.
 */

import type { ChannelStatistics, ImageSet } from './dataset.ts';
import { imageBytes } from './image-set.ts';

/**
 * mean_c = Σ x / n and std_c = √(Σ (x − mean_c)² / n) over the n = count·H·W pixels of channel c, in units of
 * `maxValue`. The population form, as the published figures for CIFAR are.
 *
 * Exact up to one rounding: pixels are counted by value first.
 */
export function channelStatistics(set: ImageSet): ChannelStatistics {
  const area = set.height * set.width;
  const size = imageBytes(set);
  const mean: number[] = [];
  const std: number[] = [];
  for (let c = 0; c < set.channels; c++) {
    const counts = new Float64Array(256);
    for (let image = 0; image < set.count; image++) {
      const from = image * size + c * area;
      for (let i = from; i < from + area; i++) counts[set.pixels[i]!]!++;
    }
    const n = set.count * area;
    const average = counts.reduce((sum, times, value) => sum + times * value, 0) / n;
    const variance =
      counts.reduce((sum, times, value) => sum + times * (value - average) ** 2, 0) / n;
    mean.push(average / set.maxValue);
    std.push(Math.sqrt(variance) / set.maxValue);
  }
  return { mean, std };
}
