/** Mean and standard deviation of the channels of pixels in memory, for normalisation. Nothing of Node. */
import type { AnyImageSet, ChannelStatistics, ImageSet } from './dataset.ts';
import { imagePixels } from './image-set.ts';

/**
 * mean_c = Σ x / n and std_c = √(Σ (x − mean_c)² / n) over the n = count·H·W pixels of channel c, in units of
 * `maxValue`. The population form, as the published figures for CIFAR are.
 *
 * Exact up to one rounding: pixels are counted by value first.
 */
export function channelStatistics(set: ImageSet): ChannelStatistics {
  const histograms = newHistograms(set);
  for (let i = 0; i < set.count; i++) countPixels(histograms, imagePixels(set, i));
  return fromHistograms(histograms, set.maxValue);
}

/** For each channel, how often each byte occurs. */
export type Histograms = readonly Float64Array[];

/** Zeros. */
export function newHistograms({ channels }: AnyImageSet): Histograms {
  return Array.from({ length: channels }, () => new Float64Array(256));
}

/** Counts the C·H·W bytes of an image. */
export function countPixels(histograms: Histograms, pixels: Uint8Array): void {
  const area = pixels.length / histograms.length;
  for (const [c, counts] of histograms.entries()) {
    for (let i = c * area; i < (c + 1) * area; i++) counts[pixels[i]!]!++;
  }
}

/** Mean and deviation of what was counted, in units of `maxValue`. */
export function fromHistograms(histograms: Histograms, maxValue: number): ChannelStatistics {
  const mean: number[] = [];
  const std: number[] = [];
  for (const counts of histograms) {
    const n = counts.reduce((sum, times) => sum + times, 0);
    const average = counts.reduce((sum, times, value) => sum + times * value, 0) / n;
    const variance =
      counts.reduce((sum, times, value) => sum + times * (value - average) ** 2, 0) / n;
    mean.push(average / maxValue);
    std.push(Math.sqrt(variance) / maxValue);
  }
  return { mean, std };
}
