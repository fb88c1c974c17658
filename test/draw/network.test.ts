/** Pictures of networks: stages, folded blocks, shortcuts; and words that stay apart. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { networkSvg } from '../../src/draw/network.ts';
import { outlineNetwork } from '../../src/draw/network-outline.ts';
import { type NamedNetwork, namedNetwork } from '../../src/spec/named-networks.ts';
import type { NetSpec } from '../../src/spec/network.ts';
import { misplacedWords, readTexts } from './svg-reading.ts';

const cifar = { input: { channels: 3, height: 32, width: 32 }, classes: 10 } as const;
const imagenet = {
  family: 'imagenet18',
  input: { channels: 3, height: 224, width: 224 },
  classes: 1000,
} as const;

const requests = {
  'IGC-L24M2 D=20': { net: 'IGC-L24M2', depth: 20, ...cifar },
  'RegConv-W16 D=98': { net: 'RegConv-W16', depth: 98, ...cifar },
  'SumFusion D=98': { net: 'SumFusion', depth: 98, ...cifar },
  'IGC-L4M8+Ident D=50': { net: 'IGC-L4M8+Ident', depth: 50, ...cifar },
  'IGC-L24M2 flat8': { net: 'IGC-L24M2', family: 'flat8', ...cifar },
  'IGC-L450M2 D=20': { net: 'IGC-L450M2', depth: 20, ...cifar },
  'IGC-L100M2+Ident imagenet18': { net: 'IGC-L100M2+Ident', double: 'L', ...imagenet },
  'RegConv-W64+Ident imagenet18': { net: 'RegConv-W64+Ident', ...imagenet },
  'all variants': {
    net: 'IGC-L24M2',
    depth: 8,
    ...cifar,
    variant: { split: true, primaryConvolutions: 3, between: 'relu', bn: 'both', bottleneck: 2 },
  },
  'pre-activation': { net: 'IGC-L4M8+Ident', depth: 14, ...cifar, variant: { bn: 'before' } },
} as const satisfies Record<string, NamedNetwork>;

const drawn = (name: keyof typeof requests) => networkSvg(namedNetwork(requests[name]));
const wordsOf = (svg: string) => readTexts(svg).map(({ text }) => text);
const count = (svg: string, what: string) => svg.split(what).length - 1;

describe('a picture of a network', () => {
  it.each(Object.keys(requests) as (keyof typeof requests)[])(
    'keeps words apart and inside: %s',
    (name) => {
      const svg = drawn(name);
      expect(misplacedWords(svg)).toEqual([]);
      expect(svg).not.toContain('NaN');
      const [, height] = / height="(\d+)"/.exec(svg)!;
      expect(Number(height)).toBeLessThan(3700);
    },
  );

  it('shows stages, widths, maps and the paper’s Table 2', () => {
    const words = wordsOf(drawn('IGC-L24M2 D=20'));
    for (const text of [
      ...['IGC-L24M2, depth 20', 'stage1', 'stage2', 'stage3'],
      ...['48 × 32×32', '96 × 16×16', '192 × 8×8', '10 × 1×1'],
      ...[
        '24 × (3×3, 2)',
        '2 × (1×1, 24)',
        '24 × (3×3, 4), stride 2',
        '24 × (3×3, 8)',
        '8 × (1×1, 24)',
      ],
      ...['(3×3, 48)', '192 → 10'],
    ]) {
      expect(words).toContain(text);
    }
  });

  it('folds equal neighbours, and no others', () => {
    const counts = (name: keyof typeof requests) =>
      outlineNetwork(namedNetwork(requests[name])).map(({ name: stage, items }) => [
        stage,
        ...items.map(({ paths }) => paths.length),
      ]);
    expect(counts('RegConv-W16 D=98')).toEqual([
      ['input', 1],
      ['stem', 1],
      ['stage1', 32],
      ['stage2', 1, 31],
      ['stage3', 1, 31],
      ['head', 1],
    ]);
    expect(counts('IGC-L100M2+Ident imagenet18')).toEqual([
      ['input', 1],
      ['stem', 1, 1],
      ...[1, 2, 3, 4].map((stage) => [`stage${stage}`, 1, 1]),
      ['head', 1],
    ]);
    expect(wordsOf(drawn('RegConv-W16 D=98'))).toEqual(
      expect.arrayContaining(['×31', '×32', 'block2 … block32']),
    );
  });

  it('draws every shortcut, as identity or with its projection', () => {
    const svg = drawn('IGC-L4M8+Ident D=50');
    expect(count(svg, 'class="shortcut"')).toBe(5);
    expect(count(svg, 'class="sum"')).toBe(5);
    const words = wordsOf(svg);
    expect(words.filter((text) => text === 'identity')).toHaveLength(3);
    expect(words.filter((text) => text === 'projection')).toHaveLength(2);
    expect(words).toContain('4 × (1×1, 16), stride 2');
    expect(wordsOf(drawn('IGC-L100M2+Ident imagenet18'))).toContain('100 × (1×1, 2)');
  });

  it('lets pre-activated projections begin after the first batch norm and ReLU', () => {
    const stages = outlineNetwork(namedNetwork(requests['pre-activation']));
    const [first] = stages.find(({ name }) => name === 'stage2')!.items;
    expect(first!.shortcut).toMatchObject({ after: 1, relu: false });
    const [identity] = stages.find(({ name }) => name === 'stage1')!.items;
    expect(identity!.shortcut).toMatchObject({ after: 0, lines: [], relu: false });
  });

  it('draws somebody’s own network without stages', () => {
    const regular = { kind: 'regular', outChannels: 8, kernel: 3, stride: 1 } as const;
    const igc = { kind: 'igc', L: 4, M: 2, kernel: 3, stride: 1 } as const;
    const spec: NetSpec = {
      name: 'a <net> of my own & with a long name',
      depth: 6,
      ...cifar,
      batchNorm: { epsilon: 1e-5, oldWeight: 0.9 },
      blocks: [
        { ...regular, path: 'block1' },
        { ...igc, path: 'block2' },
        { ...igc, path: 'block3' },
        {
          kind: 'maxPool',
          path: 'shrink-it-with-a-very-long-name-indeed',
          kernel: 3,
          stride: 2,
          pad: 1,
        },
        {
          kind: 'residual',
          path: 'block5',
          projection: null,
          body: [{ ...igc, path: 'elsewhere' }],
        },
      ],
    };
    const svg = networkSvg(spec);
    expect(misplacedWords(svg)).toEqual([]);
    const words = wordsOf(svg);
    expect(words).toEqual(
      expect.arrayContaining(['block1 … block3', 'block2 … block3', '×2', 'identity']),
    );
    expect(count(svg, 'class="shortcut"')).toBe(1);
  });

  it('is the same bytes for the same network', () => {
    const hash = (name: keyof typeof requests) =>
      createHash('sha256').update(drawn(name)).digest('hex').slice(0, 16);
    expect({
      plain: hash('IGC-L24M2 D=20'),
      ident: hash('IGC-L4M8+Ident D=50'),
      imagenet: hash('IGC-L100M2+Ident imagenet18'),
    }).toMatchInlineSnapshot(`
      {
        "ident": "e336e9991b7c8b2b",
        "imagenet": "789e5555178c50a8",
        "plain": "b8d749ae367116f4",
      }
    `);
  });
});
