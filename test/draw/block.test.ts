/** Pictures of blocks: what they show is what runs, and words stay where there is room for them. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { interleave, restore } from '../../src/core/permutation.ts';
import { blockSvg } from '../../src/draw/block.ts';
import { blockChain } from '../../src/draw/block-chain.ts';
import type { ConvolutionBlock, IgcOptions } from '../../src/spec/blocks.ts';
import { buildGraph } from '../../src/spec/network.ts';
import { misplacedWords, readBoxes, readElements, readTexts } from './svg-reading.ts';

interface Picture {
  readonly L: number;
  readonly M: number;
  readonly inChannels?: number;
  readonly stride?: number;
  readonly options?: IgcOptions;
}

function drawIgc({ L, M, inChannels = L * M, stride = 1, options = {} }: Picture): string {
  const block = { kind: 'igc', path: 'block', L, M, kernel: 3, stride, ...options } as const;
  return draw(block, inChannels, { L, M });
}

function draw(
  block: ConvolutionBlock,
  inChannels: number,
  partitions?: { readonly L: number; readonly M: number },
): string {
  const graph = buildGraph({
    name: 'one',
    depth: 2,
    input: { channels: inChannels, height: 8, width: 8 },
    classes: 2,
    batchNorm: { epsilon: 1e-5, oldWeight: 0.9 },
    blocks: [block],
  });
  return blockSvg({
    title: 'one block',
    chain: blockChain(graph, 'block'),
    ...(partitions && { partitions }),
  });
}

/** Lines of the i-th permutation: from which channel to which. */
function linesOf(svg: string): readonly (readonly [number, number])[][] {
  const groups = svg.split('<g class="permutation"').slice(1);
  return groups.map((group) =>
    [...group.split('</g>')[0]!.matchAll(/data-from="(\d+)" data-to="(\d+)"/g)].map(
      ([, from, to]) => [Number(from), Number(to)] as const,
    ),
  );
}

const mapLines = (map: readonly number[]) => map.map((from, to) => [from, to]);
const sizes = [
  [2, 3],
  [4, 8],
  [24, 2],
  [1, 5],
  [5, 1],
  [1, 1],
  [64, 1],
  [1, 64],
  [100, 2],
  [32, 26],
  [450, 2],
  [2, 450],
] as const;

const variants = {
  bottleneck: { bottleneck: 2 },
  full: { secondary: 'full' },
  spatial: { secondaryKernel: 3 },
  split: { split: true },
  twice: { primaryConvolutions: 2, split: true },
  between: { between: 'relu', bn: 'both' },
  before: { bn: 'before' },
} as const satisfies Record<string, IgcOptions>;

describe('a picture of a block', () => {
  it.each(sizes)('keeps words apart and inside for L=%d, M=%d', (L, M) => {
    expect(misplacedWords(drawIgc({ L, M }))).toEqual([]);
    expect(misplacedWords(drawIgc({ L, M: 2 * M, inChannels: L * M, stride: 2 }))).toEqual([]);
  });

  it.each(Object.entries(variants))('keeps words apart and inside for variant %s', (_, options) => {
    for (const [L, M] of [
      [4, 4],
      [100, 2],
      [3, 26],
    ] as const) {
      expect(misplacedWords(drawIgc({ L, M, options }))).toEqual([]);
    }
  });

  it('has a line from every channel to where interleave and restore bring it, up to 64 channels', () => {
    const dimension = fc.integer({ min: 1, max: 64 });
    fc.assert(
      fc.property(dimension, dimension, (L, seed) => {
        const M = 1 + (seed % Math.floor(64 / L));
        expect(linesOf(drawIgc({ L, M }))).toEqual([
          mapLines(interleave(L, M)),
          mapLines(restore(L, M)),
        ]);
      }),
      { seed: 1, numRuns: 40 },
    );
  });

  it('draws lines between the squares of the channels that they name', () => {
    const svg = drawIgc({ L: 4, M: 3 });
    const rows = svg
      .split('<g class="row">')
      .slice(1)
      .map((row) => readBoxes(row.split('</g>')[0]!, 'data-channel'));
    const middle = (row: number, channel: number) => {
      const { left, right } = rows[row]!.find(({ value }) => Number(value) === channel)!;
      return (left + right) / 2;
    };
    const groups = svg.split('<g class="permutation"').slice(1);
    for (const [i, group] of groups.entries()) {
      for (const { attributes } of readElements(group.split('</g>')[0]!)) {
        if (attributes['data-from'] === undefined) continue;
        const [, start, end] = /^M(\S+) .* (\S+) \S+$/.exec(attributes.d!)!;
        expect(Number(start)).toBeCloseTo(middle(1 + 2 * i, Number(attributes['data-from'])), 1);
        expect(Number(end)).toBeCloseTo(middle(2 + 2 * i, Number(attributes['data-to'])), 1);
      }
    }
    expect(groups).toHaveLength(2);
  });

  it('draws a partition for each group of both convolutions', () => {
    const svg = drawIgc({ L: 4, M: 3 });
    expect(svg.match(/data-partition/g)).toHaveLength(4 + 3);
    expect(readBoxes(svg, 'data-channel')).toHaveLength(5 * 12);
  });

  it('labels L and M', () => {
    const words = readTexts(drawIgc({ L: 2, M: 3 })).map(({ text }) => text);
    for (const text of ['L = 2 primary partitions', 'M = 3', '2 × (3×3, 3)', '3 × (1×1, 2)']) {
      expect(words).toContain(text);
    }
    expect(words).toContain('M = 3 partitions, L = 2 channels each');
  });

  it('summarises more than 64 channels, and still draws true lines', () => {
    for (const [L, M] of [
      [100, 2],
      [32, 26],
      [450, 2],
    ] as const) {
      const svg = drawIgc({ L, M });
      const [there = [], back = []] = linesOf(svg);
      const isTrue = (map: readonly number[]) => (line: readonly [number, number]) =>
        map[line[1]] === line[0];
      expect(there.length).toBeGreaterThan(8);
      expect(there.length).toBeLessThanOrEqual(64);
      expect(there.every(isTrue(interleave(L, M)))).toBe(true);
      expect(back.every(isTrue(restore(L, M)))).toBe(true);
      // What comes back is what left: the channels of the partitions that are drawn.
      expect(back.map(([, to]) => to)).toEqual(
        [...new Set(there.map(([from]) => from))].toSorted((a, b) => a - b),
      );
      expect(svg).toContain('a few of them drawn');
      expect(readTexts(svg).map(({ text }) => text)).toContain(`L = ${L} primary partitions`);
    }
  });

  it('fills a channel that holds one partition and rings one that blends several', () => {
    const rows = drawIgc({ L: 2, M: 3 }).split('<g class="row">').slice(1);
    const rings = rows.map((row) => row.split('</g>')[0]!.match(/stroke-width="3"/g)?.length ?? 0);
    expect(rings).toEqual([0, 0, 0, 6, 6]);
    // With L = 1 nothing is blended.
    expect(drawIgc({ L: 1, M: 5 })).not.toContain('stroke-width="3"');
  });

  it('draws each variant as it is', () => {
    const lineCounts = (options: IgcOptions) =>
      linesOf(drawIgc({ L: 4, M: 4, options })).map((lines) => lines.length);
    expect(lineCounts(variants.bottleneck)).toEqual([8, 16]);
    expect(lineCounts(variants.full)).toEqual([]);
    const kernels = (options: IgcOptions) =>
      new Set(
        readTexts(drawIgc({ L: 4, M: 4, options })).flatMap(({ text }) =>
          /^\d×\d$/.test(text) ? [text] : [],
        ),
      );
    expect(kernels(variants.split)).toEqual(new Set(['3×1', '1×3', '1×1']));
    expect(kernels(variants.spatial)).toEqual(new Set(['3×3']));
    const bars = (options: IgcOptions) =>
      drawIgc({ L: 4, M: 4, options }).match(/class="pointwise"/g)!.length;
    expect([bars({}), bars(variants.between), bars(variants.before)]).toEqual([2, 4, 2]);
  });

  it('says where the way back is not the inverse of the way there', () => {
    const quirk = { quirk: 'resnet_igc' } as const;
    const svg = drawIgc({ L: 4, M: 4, inChannels: 8, stride: 2, options: quirk });
    expect(svg).toContain('not the inverse of the first');
    expect(drawIgc({ L: 4, M: 4 })).not.toContain('not the inverse of the first');
  });

  it('draws regular blocks and summation fusion', () => {
    const shared = { path: 'block', outChannels: 8, kernel: 3, stride: 1 } as const;
    const regular = draw({ kind: 'regular', ...shared }, 4);
    expect(regular).toContain('Regular convolution');
    const fusion = draw({ kind: 'sumFusion', branches: 4, ...shared }, 8);
    expect(linesOf(fusion)[0]).toHaveLength(32);
    expect(readTexts(fusion).map(({ text }) => text)).toContain('4 × (3×3, 8)');
    expect([...misplacedWords(regular), ...misplacedWords(fusion)]).toEqual([]);
  });

  it('has a title and a description, and a ground of its own', () => {
    const svg = drawIgc({ L: 2, M: 3 });
    expect(svg).toMatch(/role="img"/);
    expect(svg).toContain('<title>one block</title>');
    expect(svg).toMatch(/<desc>From top to bottom: Primary group convolution 2 × \(3×3, 3\) L = 2/);
    expect(svg).toContain('<rect width="100%" height="100%" fill="#ffffff"/>');
  });

  it('is the same bytes for the same block', () => {
    const hash = (svg: string) => createHash('sha256').update(svg).digest('hex').slice(0, 16);
    expect({
      L2M3: hash(drawIgc({ L: 2, M: 3 })),
      L24M2: hash(drawIgc({ L: 24, M: 2 })),
      L100M2: hash(drawIgc({ L: 100, M: 2 })),
      bottleneck: hash(drawIgc({ L: 4, M: 4, options: variants.bottleneck })),
    }).toMatchInlineSnapshot(`
      {
        "L100M2": "afbe79af5d21e771",
        "L24M2": "c092e69ad0913164",
        "L2M3": "ea708f1b1ba059ad",
        "bottleneck": "41a31364ad2428fa",
      }
    `);
  });

  it('refuses a path without nodes', () => {
    const graph = buildGraph({
      name: 'none',
      depth: 1,
      input: { channels: 1, height: 4, width: 4 },
      classes: 2,
      batchNorm: { epsilon: 1e-5, oldWeight: 0.9 },
      blocks: [],
    });
    expect(() => blockChain(graph, 'stage9')).toThrow('stage9: no such block');
  });
});
