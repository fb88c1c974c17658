/**
 * Mean and standard deviation of the channels of any set, of encoded images too.
 */

import { forEachBounded } from './bounded.ts';
import {
  channelStatistics,
  countPixels,
  fromHistograms,
  newHistograms,
} from './channel-statistics.ts';
import type { AnyImageSet, ChannelStatistics, EncodedSet } from './dataset.ts';
import { centrePixels, decodedAtOnce } from './images/encoded-images.ts';

/** Images of a set of encoded ones that are measured: every n-th. */
const measuredImages = 1000;

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
