/**
 * Every mistake that a network's name, sizes or graph can have, and the exact text that names the
 * way out.
 */
import { describe, expect, test } from 'vitest';
import type { BlockSpec } from '../../src/spec/blocks.ts';
import { graphBuilder, type Op } from '../../src/spec/graph.ts';
import { type NamedNetwork, namedNetwork } from '../../src/spec/named-networks.ts';
import { buildGraph, type NetSpec } from '../../src/spec/network.ts';
import { networkOf } from '../kernels/cases.ts';
import { complaint } from './complaint.ts';

const request: NamedNetwork = {
  net: 'IGC-L24M2',
  depth: 8,
  input: { channels: 3, height: 32, width: 32 },
  classes: 10,
};

test('a network of too many channels is refused before its channel maps fill the memory', () => {
  expect(complaint(() => buildGraph(namedNetwork({ ...request, net: 'IGC-L4096M4096' })))).toBe(
    'stem/conv: must have at most 65536 channels, got 16777216',
  );
});

describe('a named network', () => {
  const unknown = (name: string) =>
    `net: must be IGC-L<L>M<M>, RegConv-W<width> or SumFusion, each with optional +Ident, got "${name}"; for example IGC-L24M2, RegConv-W16, IGC-L4M8+Ident`;
  const side = (got: string, nearest: number) =>
    `input: image sides must be divisible by 4 (three stages, halved twice), got ${got}; nearest side is ${nearest} (--img-size)`;

  test.each(['igc-l24m2', 'IGC-L24', 'ResNet', 'RegConv-W', 'IGC-L-2M2', 'SumFusion+Idnt', ''])(
    'refuses the name "%s"',
    (net) => {
      expect(complaint(() => namedNetwork({ ...request, net }))).toBe(unknown(net));
    },
  );

  test.each(['IGC-L0M2', 'IGC-L2M0', 'RegConv-W4097', 'RegConv-W0'])('refuses %s', (net) => {
    expect(complaint(() => namedNetwork({ ...request, net }))).toBe(
      `net: L, M and width must lie in 1…4096, got "${net}"`,
    );
  });

  test.each([
    [7, 'must be 3B + 2, got 7; nearest are 5 and 8'],
    [2, 'must be 3B + 2, got 2; nearest are 5 and 8'],
    [21, 'must be 3B + 2, got 21; nearest are 20 and 23'],
  ])('refuses depth %d without shortcuts', (depth, text) => {
    expect(complaint(() => namedNetwork({ ...request, depth }))).toBe(`depth: ${text}`);
  });

  test.each([
    [9, 'must be 6n + 2 for +Ident networks, got 9; nearest are 8 and 14'],
    [5, 'must be 6n + 2 for +Ident networks, got 5; nearest are 8 and 14'],
  ])('refuses depth %d with shortcuts', (depth, text) => {
    const net = 'IGC-L24M2+Ident';
    expect(complaint(() => namedNetwork({ ...request, net, depth }))).toBe(`depth: ${text}`);
  });

  test.each([1, 65_536, 2.5, Number.NaN])('refuses %d classes', (classes) => {
    expect(complaint(() => namedNetwork({ ...request, classes }))).toBe(
      `classes: must be an integer in 2…65535, got ${classes}`,
    );
  });

  test.each([
    ['channels', 0],
    ['height', -4],
    ['width', 3.5],
  ])('refuses images of %s %d', (name, value) => {
    const input = { ...request.input, [name]: value };
    expect(complaint(() => namedNetwork({ ...request, input }))).toBe(
      `input.${name}: must be a positive integer, got ${value}`,
    );
  });

  test.each([
    [30, 30, side('30×30', 32)],
    [1, 4, side('1×4', 4)],
    [32, 29, side('32×29', 32)],
  ])('refuses images of %d×%d', (height, width, text) => {
    const input = { channels: 3, height, width };
    expect(complaint(() => namedNetwork({ ...request, input }))).toBe(text);
  });
});

describe('families, doubling and variants', () => {
  const imagenet = {
    net: 'IGC-L100M2+Ident',
    family: 'imagenet18',
    input: { channels: 3, height: 64, width: 64 },
    classes: 10,
  };
  const igcOnly = 'is a variant of IGC networks only, got';
  const mistakes: readonly (readonly [string, object])[] = [
    [
      'family: must be one of cifar, flat8, imagenet18, got "imagenet"',
      { ...imagenet, family: 'imagenet' },
    ],
    ['depth: must be 3B + 2, got nothing; for example 11', { ...request, depth: undefined }],
    ['depth: is 8 in family flat8, got 20', { ...request, family: 'flat8', depth: 20 }],
    ['depth: is 18 in family imagenet18, got 8', { ...imagenet, depth: 8 }],
    ['net: belongs to families cifar and flat8, got SumFusion', { ...imagenet, net: 'SumFusion' }],
    [
      'input: image sides must be divisible by 32 (halved five times), got 65×64; nearest side is 64 (--img-size)',
      { ...imagenet, input: { ...imagenet.input, height: 65 } },
    ],
    ['double: must be M or L, got "B"', { ...imagenet, double: 'B' }],
    [
      'double: has no meaning in family flat8, which has one stage',
      { ...request, family: 'flat8', double: 'M' },
    ],
    [
      'double: needs a network with L and M, got RegConv-W64',
      { ...imagenet, net: 'RegConv-W64', double: 'L' },
    ],
    [
      'double: L-doubling needs an even M, got IGC-L4M3',
      { ...imagenet, net: 'IGC-L4M3', double: 'L' },
    ],
    [
      'variant.primaryKernel: must be odd, so that padding keeps the size of maps, got 2',
      { ...request, variant: { primaryKernel: 2 } },
    ],
    [
      'variant.splitt: unknown option; did you mean "split"?',
      { ...request, variant: { splitt: true } },
    ],
    [
      `variant.bottleneck: ${igcOnly} SumFusion`,
      { ...request, net: 'SumFusion', variant: { bottleneck: 2 } },
    ],
    [
      'variant.bn: both needs a network with two convolutions a block, got RegConv-W16',
      { ...request, net: 'RegConv-W16', variant: { bn: 'both' } },
    ],
    [
      'variant.quirk: resnet_igc is a quirk of +Ident networks of family cifar, got IGC-L24M2, family cifar',
      { ...request, variant: { quirk: 'resnet_igc' } },
    ],
  ];

  test.each(mistakes)('are refused: %s', (text, mistake) => {
    expect(complaint(() => namedNetwork(mistake as NamedNetwork))).toBe(text);
  });
});

describe('a network of blocks', () => {
  const spec: NetSpec = { ...namedNetwork(request), input: { channels: 3, height: 7, width: 8 } };

  test('refuses maps that a stride does not divide', () => {
    expect(complaint(() => buildGraph(spec))).toBe(
      'stage2/block1: maps must be divisible by the stride 2, got 7×8; choose an --img-size that every stage divides, e.g. 32',
    );
  });

  test('refuses partitions that do not divide the channels, by the path of the convolution', () => {
    const blocks = [
      { kind: 'regular', path: 'stem', outChannels: 65, kernel: 3, stride: 1 },
      { kind: 'igc', path: 'stage1/block1', L: 4, M: 16, kernel: 3, stride: 1 },
    ] as const;
    expect(complaint(() => buildGraph({ ...spec, blocks }))).toBe(
      'stage1/block1/primary: channels must be divisible by groups, got channels=65 groups=4; nearest are 64 and 68',
    );
  });
});

describe('a block', () => {
  const igc = { kind: 'igc', path: 'b', L: 4, M: 6, kernel: 3, stride: 1 } as const;
  const mistakes: readonly (readonly [string, BlockSpec])[] = [
    ['b: bottleneck must divide M, got M=6 bottleneck=4', { ...igc, bottleneck: 4 }],
    [
      'b: quirk resnet_igc needs grouped secondary convolutions without a bottleneck, got secondary=full bottleneck=1',
      { ...igc, secondary: 'full', quirk: 'resnet_igc' },
    ],
    [
      'b: kernels must be odd, so that padding keeps the size of maps, got 4; nearest are 3 and 5',
      { ...igc, kernel: 4 },
    ],
    [
      'b: kernels must be odd, so that padding keeps the size of maps, got 2; nearest are 1 and 3',
      { kind: 'regular', path: 'b', outChannels: 4, kernel: 2, stride: 1 },
    ],
    [
      'b/primary: channels must be divisible by groups, got channels=12 groups=5; nearest are 10 and 15',
      { ...igc, L: 5 },
    ],
    [
      'b/secondary: channels must be divisible by groups, got channels=20 groups=3; nearest are 18 and 21',
      { ...igc, M: 5, quirk: 'resnet_igc' },
    ],
    [
      'r/body: bn must be "before" in all blocks of a residual body or in none, got before, after',
      { kind: 'residual', path: 'r', body: [{ ...igc, bn: 'before' }, igc], projection: null },
    ],
    [
      'r/body: needs at least one block, got none',
      { kind: 'residual', path: 'r', body: [], projection: null },
    ],
    [
      'r/sum: summands must have one shape, got 24×8×8 and 12×8×8; use a projection where width or size changes',
      { kind: 'residual', path: 'r', body: [igc], projection: null },
    ],
    [
      'p: maps must be divisible by the stride 3, got 8×8; choose an --img-size that every stage divides, e.g. 32',
      { kind: 'maxPool', path: 'p', kernel: 3, stride: 3, pad: 1 },
    ],
    [
      'p: the padding of a 2×2 window must be at most half of it, got 2×2',
      { kind: 'maxPool', path: 'p', kernel: 2, stride: 2, pad: 2 },
    ],
    [
      'p: a 9×9 window must fit its padded input, got 8×8',
      { kind: 'maxPool', path: 'p', kernel: 9, stride: 1, pad: 0 },
    ],
  ];

  test.each(mistakes)('is refused: %s', (text, block) => {
    const input = { channels: 12, height: 8, width: 8 };
    expect(complaint(() => networkOf(input, [block]))).toBe(text);
  });
});

describe('a graph', () => {
  const build = (op: Op, height = 4, width = 5) => {
    const graph = graphBuilder();
    return graph.add('here', op, graph.input({ channels: 3, height, width }));
  };
  const conv = { kind: 'conv', groups: 1, kernel: [3, 3], stride: 1, pad: [0, 0] } as const;

  test('refuses output channels that the groups do not divide', () => {
    expect(complaint(() => build({ ...conv, outChannels: 7, groups: 3 }))).toBe(
      'here: outChannels must be divisible by groups, got outChannels=7 groups=3; nearest are 6 and 9',
    );
  });

  test('offers only groups as channels where fewer are not possible', () => {
    expect(complaint(() => build({ ...conv, outChannels: 8, groups: 8 }))).toBe(
      'here: channels must be divisible by groups, got channels=3 groups=8; nearest are 8',
    );
  });

  test('refuses kernels larger than their padded input', () => {
    expect(complaint(() => build({ ...conv, outChannels: 4, kernel: [5, 3] }))).toBe(
      'here: a 5×3 kernel must fit its padded input, got 4×5; use larger images or fewer stages',
    );
  });

  test('refuses pooling windows larger than their input', () => {
    const pool = { kind: 'averagePool', kernel: [2, 6], stride: 1 } as const;
    expect(complaint(() => build(pool))).toBe('here: a 2×6 window must fit its input, got 4×5');
  });

  test('refuses sums of different shapes', () => {
    const graph = graphBuilder();
    const input = graph.input({ channels: 3, height: 4, width: 5 });
    const wider = graph.add('conv', { ...conv, outChannels: 6, pad: [1, 1] }, input);
    expect(complaint(() => graph.add('here', { kind: 'add' }, input, wider))).toBe(
      'here: summands must have one shape, got 3×4×5 and 6×4×5; use a projection where width or size changes',
    );
  });
});
