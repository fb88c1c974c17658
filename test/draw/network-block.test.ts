/** Which block of a network is drawn, and what is said when it cannot be. */
import { describe, expect, it } from 'vitest';
import { networkSvg } from '../../src/draw/network.ts';
import { networkBlockSvg } from '../../src/draw/network-block.ts';
import { namedNetwork } from '../../src/spec/named-networks.ts';

const network = (net: string, depth = 8) =>
  namedNetwork({ net, depth, input: { channels: 3, height: 32, width: 32 }, classes: 10 });
const titleOf = (svg: string) => /<title>(.*?)<\/title>/.exec(svg)![1];

describe('networkBlockSvg', () => {
  it('draws the first IGC block, or else the first block after the stem', () => {
    expect(titleOf(networkBlockSvg(network('IGC-L2M3')))).toBe('IGC-L2M3, stage1/block1');
    expect(titleOf(networkBlockSvg(network('IGC-L2M3+Ident')))).toBe(
      'IGC-L2M3+Ident, stage1/block1/unit1',
    );
    expect(titleOf(networkBlockSvg(network('RegConv-W4')))).toBe('RegConv-W4, stage1/block1');
  });

  it('draws the block of a path, the stem included', () => {
    const svg = networkBlockSvg(network('IGC-L2M3'), 'stage2/block1');
    expect(svg).toContain('L = 2 partitions, 3 → M = 6 channels each');
    expect(titleOf(networkBlockSvg(network('IGC-L2M3'), 'stem'))).toBe('IGC-L2M3, stem');
  });

  it('says what is wrong with a path', () => {
    expect(() => networkBlockSvg(network('IGC-L2M3'), 'stage1/blok1')).toThrow(
      'block: no such block of convolutions, got "stage1/blok1"; did you mean "stage1/block1"?',
    );
    expect(() => networkBlockSvg(network('IGC-L2M3', 20), 'x')).toThrow(
      'block: no such block of convolutions, got "x"; the first are stem, stage1/block1, stage1/block2',
    );
    expect(() => networkBlockSvg(network('IGC-L2M3+Ident'), 'stage1/block1')).toThrow(
      'block: must not be residual, since its parts are drawn one by one, got "stage1/block1"; ' +
        'choose stage1/block1/unit1 or stage1/block1/unit2',
    );
    expect(() => networkBlockSvg({ ...network('IGC-L2M3'), blocks: [] })).toThrow(
      'IGC-L2M3: must have a block to draw, got none',
    );
  });

  it('refuses networks that are too wide before it builds them', () => {
    for (const draw of [networkSvg, networkBlockSvg]) {
      expect(() => draw(network('IGC-L4096M4096'))).toThrow(
        'stem/conv: must have at most 65536 channels, got 16777216',
      );
    }
  });
});
