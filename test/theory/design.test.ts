import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { designBlocks } from '../../src/theory/design.ts';
import { igcParameters } from '../../src/theory/widths.ts';

const kernel = [3, 3] as const;
const names = (rows: readonly { L: number; M: number }[]) => rows.map(({ L, M }) => `L${L}M${M}`);

/** @source paper Table 1 */
const table1 = [
  {
    params: 4672,
    blocks: 'L1M23 L2M16 L3M13 L5M10 L6M9 L12M6 L28M3 L40M2 L64M1',
    widest: ['L28M3', 84],
    advised: 'L40M2',
  },
  {
    params: 17536,
    blocks: 'L1M44 L2M31 L4M22 L12M12 L14M11 L23M8 L28M7 L41M5 L64M3 L85M2 L128M1',
    widest: ['L41M5', 205],
    advised: 'L85M2',
  },
] as const;

describe('designBlocks', () => {
  it.each(table1)('finds all of Table 1’s blocks for $params parameters', (row) => {
    const { rows } = designBlocks({ budget: { params: row.params }, kernel });
    expect(names(rows)).toEqual(expect.arrayContaining(row.blocks.split(' ')));
    const widest = rows.filter((one) => one.widest);
    expect([names(widest)[0], widest[0]?.width, widest.length]).toEqual([...row.widest, 1]);
    expect(names(rows.filter((one) => one.advised))).toEqual([row.advised]);
  });

  it('finds every block within the tolerance, in order, and no other', () => {
    const budget = fc.integer({ min: 12, max: 3000 });
    const tolerance = fc.constantFrom(0, 0.01, 0.025, 0.2);
    fc.assert(
      fc.property(budget, tolerance, fc.constantFrom(1, 3, 5), (params, share, side) => {
        const expected: string[] = [];
        for (let L = 1; L < 80; L++) {
          for (let M = 1; M < 80; M++) {
            const cost = igcParameters({ L, M, taps: side * side });
            if (cost >= params * (1 - share) && cost <= params * (1 + share))
              expected.push(`L${L}M${M}`);
          }
        }
        fc.pre(expected.length > 0);
        const request = { budget: { params }, kernel: [side, side] as const, tolerance: share };
        expect(names(designBlocks(request).rows)).toEqual(expected);
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it('says what is left of the budget, and beside what', () => {
    const design = designBlocks({ budget: { params: 4672 }, kernel });
    expect(design).toMatchObject({
      params: 4672,
      positions: null,
      regularWidth: expect.closeTo(22.8, 1),
      widthBound: expect.closeTo(84.6, 1),
      optimum: { L: expect.closeTo(27.6, 1), M: expect.closeTo(3.07, 2) },
    });
    expect(design.rows.find(({ L, M }) => L === 40 && M === 2)).toMatchObject({
      params: 4640,
      width: 80,
      slack: 32,
      slackShare: expect.closeTo(0.00685, 5),
      wider: true,
    });
    expect(design.rows.find(({ L }) => L === 1)).toMatchObject({ slack: -112, wider: false });
  });

  it('takes MACs on maps of a size as well', () => {
    const size = { height: 16, width: 8 };
    const byMacs = designBlocks({ budget: { macs: 4672 * 128, size }, kernel });
    const { rows } = designBlocks({ budget: { params: 4672 }, kernel });
    expect(byMacs).toMatchObject({ params: 4672, positions: 128 });
    expect(byMacs.rows).toEqual(rows);
  });

  it('marks nothing where no M = 2 is near', () => {
    const { rows } = designBlocks({ budget: { params: 4671 }, kernel, tolerance: 0.001 });
    expect(names(rows)).toEqual(['L2M16', 'L64M1']);
    expect(rows.filter(({ advised }) => advised)).toEqual([]);
  });

  it('is quick for the largest budget', () => {
    const start = performance.now();
    designBlocks({ budget: { params: 1e9 }, kernel });
    expect(performance.now() - start).toBeLessThan(5000);
  });
});

describe('designBlocks refuses', () => {
  it.each([
    [
      { budget: { params: 5 }, kernel },
      'params: must be at least 10, the smallest block (L=1, M=1, 9 taps), got 5',
    ],
    [
      { budget: { params: Number.NaN }, kernel },
      'params: must be at least 10, the smallest block (L=1, M=1, 9 taps), got NaN',
    ],
    [
      { budget: { macs: 900, size: { height: 10, width: 10 } }, kernel },
      'macs: must be at least 1000, the smallest block (L=1, M=1, 9 taps on 10×10 maps), got 900',
    ],
    [
      { budget: { params: 2e9 }, kernel },
      'params: must be at most 1000000000 for one block, got 2000000000',
    ],
    [
      { budget: { macs: 900, size: { height: 0, width: 10 } }, kernel },
      'size: must be whole sides of at least 1, got 0×10',
    ],
    [
      { budget: { params: 4672 }, kernel: [3, 4] as const },
      'kernel: sides must be odd, so that maps keep their size, got 3×4; nearest are 3 and 5',
    ],
    [
      { budget: { params: 4672 }, kernel: [0, 3] as const },
      'kernel: sides must be odd, so that maps keep their size, got 0×3; nearest are 1 and 3',
    ],
    [
      { budget: { params: 4672 }, kernel, tolerance: 1 },
      'tolerance: must be a share of at least 0 % and under 100 %, got 100 %',
    ],
    [
      { budget: { params: 4671 }, kernel, tolerance: 0.0001 },
      'tolerance: no block lies within it of 4671 parameters, got 0.01 %; nearest is L=64 M=1 with 4672, 0.0214 % off',
    ],
  ])('%j', (request, message) => {
    expect(() => designBlocks(request)).toThrow(message);
  });
});
