/** Names of networks: `IGC-L<L>M<M>`, `RegConv-W<width>`, `SumFusion`, each with optional `+Ident`. */
import { usageError } from '../core/errors.ts';

/** What a network's convolution blocks are, in stage 1. */
export type BlockFamily =
  | { readonly kind: 'igc'; readonly L: number; readonly M: number }
  | { readonly kind: 'regular'; readonly width: number }
  | { readonly kind: 'sumFusion' };

export interface NetName {
  readonly net: string;
  readonly blocks: BlockFamily;
  /** With identity connections around pairs of blocks. */
  readonly ident: boolean;
}

/** The parts of a name. Throws a usage error for unknown names and numbers outside 1…4096. */
export function parseNetName(net: string): NetName {
  const match = /^(?:IGC-L(\d+)M(\d+)|RegConv-W(\d+)|(SumFusion))(\+Ident)?$/.exec(net);
  if (!match) {
    throw usageError({
      path: 'net',
      rule: 'must be IGC-L<L>M<M>, RegConv-W<width> or SumFusion, each with optional +Ident',
      got: JSON.stringify(net),
      hint: 'for example IGC-L24M2, RegConv-W16, IGC-L4M8+Ident',
    });
  }
  const [, L, M, width, , ident] = match;
  for (const value of [L, M, width]) {
    if (value !== undefined && !(Number(value) >= 1 && Number(value) <= 4096)) {
      throw usageError({
        path: 'net',
        rule: 'L, M and width must lie in 1…4096',
        got: JSON.stringify(net),
      });
    }
  }
  const blocks: BlockFamily =
    L !== undefined
      ? { kind: 'igc', L: Number(L), M: Number(M) }
      : width !== undefined
        ? { kind: 'regular', width: Number(width) }
        : { kind: 'sumFusion' };
  return { net, blocks, ident: ident !== undefined };
}
