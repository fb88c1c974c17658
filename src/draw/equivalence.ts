/**
 * The paper's figure 2 and what it says of summation fusion, for L = 4: (a) a regular convolution, (b) its four
 * branches and their cross-summation, (c) the same as an interleaved group convolution with a fixed secondary kernel,
 * (d) summation fusion, whose secondary kernel is all ones.
 */
import { interleave, restore } from '../core/permutation.ts';
import type { BlockChain } from './block-chain.ts';
import { chainPicture } from './chain-picture.ts';
import { faint, partitionColour } from './palette.ts';
import { svgDocument, svgElement, svgText } from './svg.ts';
import {
  arrow,
  box,
  type FixedKernel,
  kernel,
  matrix,
  type Place,
  sub,
  sum,
  vector,
} from './vector-boxes.ts';

/** @source paper eq. (20) */
export const crossSummation: FixedKernel = [
  [1, 1, 0, 0],
  [0, 0, 1, 1],
  [1, 1, 0, 0],
  [0, 0, 1, 1],
];

/** @source paper eq. (22) */
export const summation: FixedKernel = [
  [1, 1, 1, 1],
  [1, 1, 1, 1],
  [1, 1, 1, 1],
  [1, 1, 1, 1],
];

const branches = 4;
const margin = 24;
const left = { x: margin, second: 600 } as const;
const upper = 92;
const lower = 480;
const width = 1110;
const height = 950;

/**
 * Figure 2 as one self-contained SVG file.
 * @source paper figure 2, eqs. (17)–(22)
 */
export function equivalenceSvg(): string {
  const title = 'Regular convolution and summation fusion as interleaved group convolutions';
  const parts = [
    svgText(title, { x: margin, y: 34, 'font-size': 18, 'font-weight': 600 }),
    svgText('four branches, L = 4; the secondary group convolution has fixed weights', {
      x: margin,
      y: 56,
      'font-size': 13,
      fill: faint,
    }),
    ...regular({ x: left.x, y: upper }),
    ...fourBranches({ x: left.second, y: upper }),
    ...interleaved({ x: left.x, y: lower }),
    ...fusion({ x: left.second, y: lower }),
  ];
  return svgDocument({ width, height, title, description }, parts);
}

const description =
  '(a) A regular convolution W in 2×2 blocks takes x₁ and x₂ to x′₁ and x′₂. (b) Its four branches: W₁₁ and W₁₂, W₂₁ and ' +
  'W₂₂ read x₁, x₂, x₁, x₂; their results are summed in pairs, each sum given out twice. (c) The sums are a permutation, ' +
  'a secondary group convolution with weights 0 and 1, and the permutation back. (d) Summation fusion: four branches ' +
  'read the same x and all their results are summed; its secondary weights are all 1.';

/** (a): W in blocks; columns read x₁ and x₂, rows give x′₁ and x′₂. */
function regular({ x, y }: Place): readonly string[] {
  const cell = 92;
  const [gridX, gridY] = [x + 70, y + 92];
  const parts = heading({ x, y }, '(a) Regular convolution', 'x′ = W x, eq. (19)');
  for (const j of [0, 1]) {
    const middle = gridX + (j + 0.5) * cell;
    parts.push(...vector({ x: middle - box.width / 2, y: y + 42 }, `x${sub(j + 1)}`));
    parts.push(arrow(middle, y + 42 + box.height, middle, gridY - 2));
    for (const i of [0, 1]) {
      parts.push(
        ...kernel({ x: gridX + j * cell, y: gridY + i * 66 }, [i, j], { width: cell, height: 66 }),
      );
    }
  }
  for (const i of [0, 1]) {
    const middle = gridY + (i + 0.5) * 66;
    const end = gridX + 2 * cell + 26;
    parts.push(arrow(gridX + 2 * cell + 2, middle, end, middle));
    parts.push(...vector({ x: end + 3, y: middle - box.height / 2 }, `x′${sub(i + 1)}`));
    const terms = [0, 1].map((j) => `W${sub(i + 1, j + 1)} x${sub(j + 1)}`).join(' + ');
    parts.push(
      svgText(`= ${terms}`, { x: end + box.width + 12, y: middle + 4.5, 'font-size': 13 }),
    );
  }
  return parts;
}

/** (b): every block of W a branch, and the shaded sums. */
function fourBranches(place: Place): readonly string[] {
  const { x, y } = place;
  return [
    ...heading(
      place,
      '(b) Its four branches',
      'x̄ = [x; x], Wᵖ = diag(W₁₁, W₁₂, W₂₁, W₂₂), eqs. (17), (18)',
    ),
    ...branchesOf(place, {
      inputs: ['x₁', 'x₂', 'x₁', 'x₂'],
      kernels: ['W₁₁', 'W₁₂', 'W₂₁', 'W₂₂'],
      outputs: ['x′₁', 'x′₂', 'x′₁', 'x′₂'],
      fixed: crossSummation,
    }),
    svgText('cross-', { x: x + rowWidth() + 20, y: y + 196, 'font-size': 12, fill: faint }),
    svgText('summation', { x: x + rowWidth() + 20, y: y + 211, 'font-size': 12, fill: faint }),
  ];
}

/** (c): the whole as the operations of a block, for x of four channels. */
function interleaved(place: Place): readonly string[] {
  const { x, y } = place;
  const [L, M] = [branches, 2];
  const shape = { channels: L * M, height: 1, width: 1 };
  const conv = (name: string, groups: number, size: number) =>
    ({
      kind: 'conv',
      name,
      groups,
      kernel: [size, size],
      stride: 1,
      outChannels: L * M,
      branches: 1,
    }) as const;
  const chain: BlockChain = {
    input: shape,
    ops: [
      conv('primary', L, 3),
      { kind: 'permute', name: 'interleave', map: interleave(L, M) },
      conv('secondary', M, 1),
      { kind: 'permute', name: 'restore', map: restore(L, M) },
    ],
    output: shape,
  };
  const drawn = chainPicture(chain, L, { centre: x + 246, top: y + 46 });
  const names = ['x̄ = [x; x]', 'y = Wᵖ x̄', 'ȳ = Pᵀ y', 'z̄ = Wˢ ȳ', 'x̄′ = P z̄'];
  const rows = drawn.bands.filter(({ of }) => 'row' in of);
  return [
    ...heading(
      place,
      '(c) The same, interleaved: x̄′ = P Wˢ Pᵀ Wᵖ x̄',
      'drawn for x of 4 channels: L = 4, M = 2',
    ),
    ...drawn.parts,
    ...rows.map(({ top, bottom }, i) =>
      svgText(names[i]!, { x, y: (top + bottom) / 2 + 4.5, 'font-size': 13 }),
    ),
    ...matrix({ x: x + 424, y: y + 200 }, crossSummation, 'eq. (20)'),
  ];
}

/** (d): branches of one input, and their sum. */
function fusion(place: Place): readonly string[] {
  const { x, y } = place;
  return [
    ...heading(place, '(d) Summation fusion', 'x′ = y₁ + y₂ + y₃ + y₄, eq. (21)'),
    ...branchesOf(place, {
      inputs: ['x', 'x', 'x', 'x'],
      kernels: ['W₁', 'W₂', 'W₃', 'W₄'],
      outputs: ['x′', 'x′', 'x′', 'x′'],
      fixed: summation,
    }),
    ...matrix({ x: x + rowWidth() + 34, y: y + 160 }, summation, 'eq. (22)'),
  ];
}

interface Branches {
  readonly inputs: readonly string[];
  readonly kernels: readonly string[];
  readonly outputs: readonly string[];
  readonly fixed: FixedKernel;
}

const rowWidth = () => branches * box.width + (branches - 1) * box.gap;

function branchesOf(
  { x, y }: Place,
  { inputs, kernels, outputs, fixed }: Branches,
): readonly string[] {
  const lefts = inputs.map((_, i) => x + i * (box.width + box.gap));
  const [input, weight, result, shade, sums, output] = [42, 92, 144, 180, 240, 284].map(
    (dy) => y + dy,
  );
  const parts = [
    svgElement('rect', {
      class: 'cross-summation',
      x: x - 8,
      y: shade!,
      width: rowWidth() + 16,
      height: sums! + 20 - shade!,
      rx: 8,
      fill: '#e4e9ee',
    }),
  ];
  for (const [i, leftEdge] of lefts.entries()) {
    const middle = leftEdge + box.width / 2;
    parts.push(
      ...vector({ x: leftEdge, y: input! }, inputs[i]!),
      arrow(middle, input! + box.height, middle, weight! - 2),
      ...kernel({ x: leftEdge, y: weight! }, [i >> 1, i & 1], { ...box, height: 32 }, kernels[i]!),
      arrow(middle, weight! + 32, middle, result! - 2),
      ...vector({ x: leftEdge, y: result! }, `y${sub(i + 1)}`, i),
    );
  }
  for (const [o, leftEdge] of lefts.entries()) {
    const middle = leftEdge + box.width / 2;
    for (const [i, weightOf] of fixed[o]!.entries()) {
      if (weightOf === 1)
        parts.push(
          summand(i, o, lefts[i]! + box.width / 2, result! + box.height, middle, sums! - 8),
        );
    }
    parts.push(...sum(middle, sums!), arrow(middle, sums! + 8, middle, output! - 2));
    parts.push(...vector({ x: leftEdge, y: output! }, outputs[o]!));
  }
  return parts;
}

function summand(from: number, to: number, x: number, y: number, toX: number, toY: number): string {
  return svgElement('path', {
    class: 'summand',
    'data-from': from,
    'data-to': to,
    d: `M${x} ${y}L${toX} ${toY}`,
    stroke: partitionColour(from),
    'stroke-width': 1.6,
    fill: 'none',
  });
}

function heading({ x, y }: Place, title: string, line: string): string[] {
  return [
    svgText(title, { x, y: y + 6, 'font-size': 14, 'font-weight': 600 }),
    svgText(line, { x, y: y + 25, 'font-size': 12, fill: faint }),
  ];
}
