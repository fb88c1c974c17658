/** Which networks can be drawn at all. */
import { usageError } from '../core/errors.ts';
import type { BlockSpec } from '../spec/blocks.ts';
import type { NetSpec } from '../spec/network.ts';

/** Wider blocks would fill the memory with permutations before anything is drawn. */
const mostChannels = 65_536;

/** Throws a usage error that names the first block which is too wide. */
export function checkDrawable(spec: NetSpec): void {
  for (const block of spec.blocks) {
    for (const [path, channels] of widthsOf(block)) {
      if (channels <= mostChannels) continue;
      throw usageError({
        path,
        rule: `must have at most ${mostChannels} channels to be drawn`,
        got: `${channels}`,
      });
    }
  }
}

function widthsOf(block: BlockSpec): readonly (readonly [path: string, channels: number])[] {
  switch (block.kind) {
    case 'maxPool':
      return [];
    case 'residual':
      return block.body.flatMap(widthsOf);
    case 'igc':
      return [[block.path, block.L * block.M]];
    default:
      return [[block.path, block.outChannels]];
  }
}
