/**
 * What networks consist of, as plain data: the blocks, and the variants of the one interleaved group convolution
 * block. What a block means as operations is in network.ts and igc-block.ts; which blocks the paper's networks
 * consist of, in named-networks.ts.
 * Letters: L primary partitions, M channels per primary partition after the block, G = L·M its width,
 * M′ = M / bottleneck channels per primary partition between primary and secondary.
 */

/**
 * Where a block's batch norm stands. `after`, the paper's: convolutions → BN → ReLU. `before`, pre-activation:
 * BN → ReLU → convolutions; the head then begins with BN → ReLU, and nothing follows a residual sum. `both` (IGC
 * only): after the primary convolution too. `none` (regular only): the bare convolution, for the stem of a
 * pre-activation network.
 * @source paper §5 "BN right after each IGC block"; the others are He et al. 2016's pre-activation and footnote 4's
 */
type BatchNormPlace = 'after' | 'before' | 'both' | 'none';

/** convolution → BN → ReLU; the stem and the baseline (`RegConv`). */
export interface RegularBlock {
  readonly kind: 'regular';
  readonly path: string;
  readonly outChannels: number;
  readonly kernel: number;
  readonly stride: number;
  /** Default `after`. */
  readonly bn?: Exclude<BatchNormPlace, 'both'>;
}

/** The variants of §4 that an IGC block may have; none of them is the paper's block. */
export interface IgcOptions {
  /** Kernel of the secondary convolutions; default 1. @source paper §4 "Secondary group convolution can also adopt spatial convolutions" */
  readonly secondaryKernel?: number;
  /**
   * `grouped` (default): in M′ secondary partitions. `full`: one convolution over all channels, a linear
   * projection x′ = W y; no permutation is needed. @source paper §4 "replaced by a linear projection, or a 1×1 convolution"
   */
  readonly secondary?: 'grouped' | 'full';
  /** The primary k×k convolution as k×1, then 1×k; default false. @source paper §4 "two successive kernels, 3×1 and 1×3" */
  readonly split?: boolean;
  /**
   * b ≥ 1, which divides M; default 1. Every primary partition gives M′ = M/b channels; each of the M′ secondary
   * partitions takes L channels to L·b; the block stays L·M wide. @source paper §4 "The number of output channels of primary group convolution can also be decreased"
   */
  readonly bottleneck?: number;
  /** Convolutions in a row in every primary partition; the first widens. Default 1. @source paper footnote 1 */
  readonly primaryConvolutions?: number;
  /** What follows each primary convolution; default `none`. @source paper footnote 4, whose experiments speak against it */
  readonly between?: 'none' | 'relu';
  /** Default `after`; `both` also normalises after each primary convolution, before `between`. */
  readonly bn?: Exclude<BatchNormPlace, 'none'>;
  /**
   * `resnet_igc`: as many secondary partitions as the block's *input* has channels per primary partition, as in the
   * authors' network/resnet_igc.py; where the width changes, the two permutations are then not inverse. Default `none`.
   */
  readonly quirk?: 'none' | 'resnet_igc';
}

/**
 * primary group convolution → interleave → secondary group convolution (1×1) → restore → BN → ReLU, eq. (5).
 * The primary convolution widens and strides; where it is 1×1 and the secondary is not, the secondary strides, so
 * that no pixel goes unseen.
 */
export interface IgcBlock extends IgcOptions {
  readonly kind: 'igc';
  readonly path: string;
  readonly L: number;
  readonly M: number;
  /** Of the primary convolutions. */
  readonly kernel: number;
  readonly stride: number;
}

/** `branches` convolutions of the same input, summed → BN → ReLU; the paper's baseline `SumFusion`. */
export interface SumFusionBlock {
  readonly kind: 'sumFusion';
  readonly path: string;
  readonly branches: number;
  readonly outChannels: number;
  readonly kernel: number;
  readonly stride: number;
  /** Default `after`. */
  readonly bn?: 'after' | 'before';
}

/** Largest value of each window; padding never wins. */
export interface MaxPoolBlock {
  readonly kind: 'maxPool';
  readonly path: string;
  readonly kernel: number;
  readonly stride: number;
  readonly pad: number;
}

/**
 * body + shortcut → ReLU; the last block of the body has no ReLU of its own. The shortcut is the identity, or
 * where the shape changes a 1×1 convolution of `projection.groups` groups → BN. With pre-activation (`bn: before` in
 * all of the body) the projection reads the first BN → ReLU of the body, has no BN, and nothing follows the sum.
 * @source authors' network/resnet_igc.py; pre-activation: He et al., Identity Mappings, 2016
 */
export interface ResidualBlock {
  readonly kind: 'residual';
  readonly path: string;
  readonly body: readonly ConvolutionBlock[];
  readonly projection: { readonly groups: number } | null;
}

export type ConvolutionBlock = RegularBlock | IgcBlock | SumFusionBlock;
/** What a network is a list of. */
export type BlockSpec = ConvolutionBlock | ResidualBlock | MaxPoolBlock;

/** Whether a block normalises and rectifies its input instead of its output. */
export function isPreActivated(block: BlockSpec): boolean {
  if (block.kind === 'maxPool') return false;
  if (block.kind === 'residual') return block.body.every(isPreActivated);
  return block.bn === 'before';
}
