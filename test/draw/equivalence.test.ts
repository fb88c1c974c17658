/** The picture of the paper's figure 2: its lines are the fixed kernels of eqs. (20) and (22), as theory builds them. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { interleave, restore } from '../../src/core/permutation.ts';
import { crossSummation, equivalenceSvg, summation } from '../../src/draw/equivalence.ts';
import { regularAsIgc, sumFusionAsIgc } from '../../src/theory/equivalences.ts';
import { misplacedWords, readTexts } from './svg-reading.ts';

const svg = equivalenceSvg();
const size = { height: 3, width: 3 } as const;

/** A dense 1×1 convolution of ones. */
function dense(inChannels: number, outChannels: number) {
  const op = {
    kind: 'conv',
    outChannels,
    groups: 1,
    kernel: [1, 1],
    stride: 1,
    pad: [0, 0],
  } as const;
  return { op, inChannels, weight: new Float64Array(inChannels * outChannels).fill(1) };
}

function secondaryWeights(weights: ReadonlyMap<string, ArrayLike<number>>): readonly number[] {
  const [, secondary] = [...weights].find(([path]) => path.includes('secondary'))!;
  return Array.from(secondary);
}

describe('the picture of figure 2', () => {
  it('keeps words apart and inside', () => {
    expect(misplacedWords(svg)).toEqual([]);
  });

  it('draws a line for every 1 of the fixed kernels', () => {
    const lines = [...svg.matchAll(/class="summand" data-from="(\d)" data-to="(\d)"/g)].map(
      ([, from, to]) => [Number(from), Number(to)],
    );
    const ones = [crossSummation, summation].flatMap((kernel) =>
      kernel.flatMap((row, to) => row.flatMap((value, from) => (value ? [[from, to]] : []))),
    );
    expect(lines).toEqual(ones);
    expect(lines).toHaveLength(8 + 16);
  });

  it('has the secondary kernels with which theory proves the equivalences', () => {
    const regular = secondaryWeights(regularAsIgc(dense(4, 4), 4, size).igc.weights);
    expect(regular).toEqual([...crossSummation.flat(), ...crossSummation.flat()]);
    const fusion = secondaryWeights(sumFusionAsIgc(dense(8, 2), 4, size).igc.weights);
    expect(fusion).toEqual([...summation.flat(), ...summation.flat()]);
  });

  it('interleaves and restores four partitions of two', () => {
    const lines = [...svg.matchAll(/data-from="(\d)" data-to="(\d)" d="M[^"]*C/g)].map(([, from]) =>
      Number(from),
    );
    expect(lines).toEqual([...interleave(4, 2), ...restore(4, 2)]);
  });

  it('names the parts as the paper does', () => {
    const words = readTexts(svg).map(({ text }) => text);
    for (const text of [
      'W₁₂',
      'x′₂',
      'y₄',
      '= W₂₁ x₁ + W₂₂ x₂',
      'eq. (20)',
      'eq. (22)',
      'summation',
    ]) {
      expect(words).toContain(text);
    }
  });

  it('is always the same bytes', () => {
    const hash = createHash('sha256').update(svg).digest('hex').slice(0, 16);
    expect(hash).toMatchInlineSnapshot(`"321b3dbd6ca049b3"`);
  });
});
