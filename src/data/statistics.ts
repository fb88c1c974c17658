/**
 * Mean and standard deviation of the channels of a set, for normalisation.
 */

import { forEachBounded } from './bounded.ts';
import type { AnyImageSet, ChannelStatistics, EncodedSet, ImageSet } from './dataset.ts';
import { imagePixels } from './image-set.ts';
import { centrePixels, decodedAtOnce } from './images/encoded-images.ts';

/** Images of a set of encoded ones that are measured: every n-th. */
const measuredImages = 1000;

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

/** The same for any set; of encoded images, 1,000 at equal distances are measured, as evaluation crops them. */
export async function measureStatistics(set: AnyImageSet): Promise<ChannelStatistics> {
  return 'encoded' in set ? encodedStatistics(set) : channelStatistics(set);
}

async function encodedStatistics(set: EncodedSet): Promise<ChannelStatistics> {
  const histograms = newHistograms(set);
  const n = Math.min(set.count, measuredImages);
  await forEachBounded(n, decodedAtOnce, async (i) => {
    countPixels(histograms, await centrePixels(set, Math.floor((i * set.count) / n)));
  });
  return fromHistograms(histograms, set.maxValue);
}

/** For each channel, how often each byte occurs. */
type Histograms = readonly Float64Array[];

function newHistograms({ channels }: AnyImageSet): Histograms {
  return Array.from({ length: channels }, () => new Float64Array(256));
}

function countPixels(histograms: Histograms, pixels: Uint8Array): void {
  const area = pixels.length / histograms.length;
  for (const [c, counts] of histograms.entries()) {
    for (let i = c * area; i < (c + 1) * area; i++) counts[pixels[i]!]!++;
  }
}

function fromHistograms(histograms: Histograms, maxValue: number): ChannelStatistics {
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
