/** Networks that people write: what is filled in, that they come back from YAML as they were, and every complaint. */
import { describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { namedNetwork } from '../../src/spec/named-networks.ts';
import type { WrittenNet } from '../../src/spec/net-schema.ts';
import { buildGraph } from '../../src/spec/network.ts';
import { readOwnNetwork, requestNetwork } from '../../src/spec/own-network.ts';
import { complaint } from './complaint.ts';

const data = { input: { channels: 3, height: 16, width: 16 }, classes: 4 } as const;
const igc = { kind: 'igc', L: 4, M: 2 } as const;

describe('a network of one’s own', () => {
  test('gets paths, kernels, strides, name and depth where they are left out', () => {
    const net = readOwnNetwork({
      blocks: [
        { kind: 'regular', outChannels: 8 },
        { kind: 'maxPool' },
        { kind: 'residual', body: [igc, { ...igc, path: 'inner' }] },
        { ...igc, path: 'last', kernel: 5, stride: 2 },
      ],
    });
    expect(net).toEqual({
      name: 'own',
      depth: 5,
      blocks: [
        { kind: 'regular', path: 'block1', outChannels: 8, kernel: 3, stride: 1 },
        { kind: 'maxPool', path: 'block2', kernel: 3, stride: 2, pad: 1 },
        {
          kind: 'residual',
          path: 'block3',
          body: [
            { ...igc, path: 'block3/unit1', kernel: 3, stride: 1 },
            { ...igc, path: 'inner', kernel: 3, stride: 1 },
          ],
          projection: null,
        },
        { ...igc, path: 'last', kernel: 5, stride: 2 },
      ],
    });
    expect(buildGraph(requestNetwork({ net, ...data })).nodes.at(-1)!.shape.channels).toBe(4);
  });

  const named = [
    { net: 'IGC-L24M2', depth: 8 },
    { net: 'IGC-L4M8+Ident', depth: 14, variant: { quirk: 'resnet_igc' } },
    { net: 'SumFusion', depth: 8 },
    { net: 'IGC-L4M2+Ident', depth: 8, variant: { bn: 'before', split: true, bottleneck: 2 } },
    { net: 'IGC-L100M2+Ident', family: 'imagenet18', double: 'L' },
    { net: 'IGC-L40M2', family: 'flat8', variant: { between: 'relu', secondaryKernel: 3 } },
  ] as const;

  test.each(named)('comes back from YAML and JSON as it was: $net', (request) => {
    const input = { channels: 3, height: 64, width: 64 };
    const spec = namedNetwork({ ...request, input, classes: 10 });
    for (const text of [stringify(spec), JSON.stringify(spec)]) {
      const net = readOwnNetwork(parse(text));
      expect(net).toEqual(spec);
      expect(requestNetwork({ net, input, classes: 10 })).toEqual(spec);
    }
  });

  test('weighs old averages as the authors do: 0.99, or 0.9 with residual blocks', () => {
    const weight = (blocks: WrittenNet['blocks']) =>
      requestNetwork({ net: readOwnNetwork({ blocks }), ...data }).batchNorm;
    expect(weight([igc])).toEqual({ epsilon: 2e-5, oldWeight: 0.99 });
    expect(weight([{ kind: 'residual', body: [igc] }])).toEqual({ epsilon: 2e-5, oldWeight: 0.9 });
  });

  const mistakes: readonly (readonly [string, unknown])[] = [
    ['net: must be an object, got 3', 3],
    ['net.blocks: must be given', {}],
    ['net.blocks: must be a list of 1…16384 blocks, got []', { blocks: [] }],
    ['net.blocks: must be a list of 1…16384 blocks, got "igc"', { blocks: 'igc' }],
    ['net.block: unknown option; did you mean "blocks"?', { block: [] }],
    ['net.blocks[1].m: unknown option; did you mean "M"?', { blocks: [igc, { ...igc, m: 3 }] }],
    [
      'net.blocks[0].secondKernel: unknown option; did you mean "secondaryKernel"?',
      { blocks: [{ ...igc, secondKernel: 3 }] },
    ],
    [
      'net.blocks[0].outChannel: unknown option; did you mean "outChannels"?',
      { blocks: [{ kind: 'regular', outChannel: 3 }] },
    ],
    [
      'net.blocks[0].body[1].strid: unknown option; did you mean "stride"?',
      { blocks: [{ kind: 'residual', body: [igc, { ...igc, strid: 2 }] }] },
    ],
    [
      'net.blocks[0].projection.group: unknown option; did you mean "groups"?',
      { blocks: [{ kind: 'residual', body: [igc], projection: { group: 4 } }] },
    ],
    [
      'net.blocks[0].kind: must be one of regular, igc, sumFusion, maxPool, residual, got "conv"',
      { blocks: [{ kind: 'conv' }] },
    ],
    [
      'net.blocks[0].body[0].kind: must be one of regular, igc, sumFusion, got "residual"',
      { blocks: [{ kind: 'residual', body: [{ kind: 'residual', body: [igc] }] }] },
    ],
    ['net.blocks[0].L: must be given', { blocks: [{ kind: 'igc', M: 2 }] }],
    ['net.blocks[0].L: must be a positive integer, got 1.5', { blocks: [{ ...igc, L: 1.5 }] }],
    ['net.blocks[0].M: must be a positive integer, got "2"', { blocks: [{ ...igc, M: '2' }] }],
    [
      'net.blocks[0].kernel: must be odd, so that padding keeps the size of maps, got 4',
      { blocks: [{ ...igc, kernel: 4 }] },
    ],
    [
      'net.blocks[0].secondary: must be one of grouped, full, got "dense"',
      { blocks: [{ ...igc, secondary: 'dense' }] },
    ],
    [
      'net.blocks[0].bn: must be one of after, before, both, got "none"',
      { blocks: [{ ...igc, bn: 'none' }] },
    ],
    [
      'net.blocks[1].path: must be unique, got "a"',
      {
        blocks: [
          { ...igc, path: 'a' },
          { ...igc, path: 'a' },
        ],
      },
    ],
    [
      'net.blocks[0].path: must be words joined by "/", and not begin with input, head or loss, got "head"',
      { blocks: [{ ...igc, path: 'head' }] },
    ],
    [
      'net.depth: must be the number of its layers, 2, got 3; leave it out',
      { blocks: [igc], depth: 3 },
    ],
  ];

  test.each(mistakes)('is refused: %s', (text, value) => {
    expect(complaint(() => readOwnNetwork(value))).toBe(text);
  });

  test('is refused by the name of its file', () => {
    const place = { prefix: 'my-net.yaml: ', whole: 'my-net.yaml' };
    expect(complaint(() => readOwnNetwork({ blocks: [{ ...igc, M: 0 }] }, place))).toBe(
      'my-net.yaml: blocks[0].M: must be a positive integer, got 0',
    );
    expect(complaint(() => readOwnNetwork(null, place))).toBe(
      'my-net.yaml: must be an object, got null',
    );
  });

  test('is refused for data that it was not written for, and beside options of named networks', () => {
    const net = readOwnNetwork({ blocks: [igc], ...data });
    const request = (more: object) => complaint(() => requestNetwork({ net, ...data, ...more }));
    expect(request({ classes: 5 })).toBe('net.classes: must be that of the data, 5, got 4');
    expect(request({ input: { channels: 1, height: 8, width: 8 } })).toBe(
      'net.input: must be that of the data, 1×8×8, got 3×16×16',
    );
    expect(request({ double: 'L' })).toBe('double: is an option of networks by name, got own');
    expect(request({ depth: 8 })).toBe('depth: is 2, the number of its layers, for own, got 8');
  });
});
