/**
 * Every mistake that a network's name, sizes or graph can have, and the exact text that names the
 * way out.
 */
import { describe, expect, test } from 'vitest';
import { IgcError } from '../../src/core/errors.ts';
import { graphBuilder, type Op } from '../../src/spec/graph.ts';
import { type NamedNetwork, namedNetwork } from '../../src/spec/named-networks.ts';
import { buildGraph, type NetSpec } from '../../src/spec/network.ts';

const request: NamedNetwork = {
  net: 'IGC-L24M2',
  depth: 8,
  input: { channels: 3, height: 32, width: 32 },
  classes: 10,
};

/** The message of a usage error. */
function complaint(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(IgcError);
    expect((error as IgcError).kind).toBe('usage');
    return (error as IgcError).message;
  }
  throw new Error('nothing was thrown');
}

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
