/**
 * Low latency: where a batch would fill at most half of the lanes, inference cuts each image into a grid of tiles, one a
 * lane, so that an image is a batch of its own tiles. Strides shrink tiles as they shrink maps: one grid serves
 * a network, up to the pool over whole maps, behind which each map is one value. What a kernel reads beyond its tile
 * comes from other lanes; what a tile holds beyond its image is never read.
 */
import type { Draft } from './draft-steps.ts';
import type { LogicalTensor } from './memory.ts';
import type { Grid, MapSize, Step } from './plan.ts';

export interface TileOptions {
  /** Images whose lanes lie together. */
  readonly images: number;
  readonly lanes: number;
}

/** Every image in one lane. */
export const wholeImages: Grid = { rows: 1, columns: 1 };

/** Product of the strides up to a tensor; 'pooled' behind the pool over whole maps. */
type Scale = number | 'pooled';

/** The draft with the tiles of its tensors, and the grid: of one tile where images are not to be cut, or cannot be. */
export function cutIntoTiles(draft: Draft, { images, lanes }: TileOptions): Draft & { grid: Grid } {
  const most = 2 ** Math.floor(Math.log2(lanes / images));
  if (most < 2) return { ...draft, grid: wholeImages };
  const scales = scalesOf(draft);
  if ('obstacle' in scales) return { ...draft, grid: { ...wholeImages, ...scales } };
  const cuts = gridsOf(most).map((grid) => {
    const sizes = tileSizes(draft.tensors, scales.of, grid);
    const positions = sizes.reduce((sum, t, i) => {
      return sum + draft.tensors[i]!.channels * t.height * t.width;
    }, 0);
    return { grid, sizes, positions };
  });
  // Of equals the first, with the fewest and then the widest tiles: rows are what kernels run along.
  const best = cuts.reduce((a, b) => (b.positions < a.positions ? b : a));
  const tensors = draft.tensors.map((tensor, i) => ({ ...tensor, tile: best.sizes[i]! }));
  return { tensors, steps: draft.steps, grid: best.grid };
}

/** All of at most so many tiles, from the fewest to the most, then from the widest tiles to the highest. */
function gridsOf(most: number): readonly Grid[] {
  return Array.from({ length: Math.log2(most) + 1 }, (_, t) =>
    Array.from({ length: t + 1 }, (_, k) => ({ rows: 2 ** (t - k), columns: 2 ** k })),
  ).flat();
}

/** The smallest tiles that cover every map and divide by every stride. */
function tileSizes(
  tensors: readonly LogicalTensor[],
  scales: readonly Scale[],
  { rows, columns }: Grid,
): readonly MapSize[] {
  if (rows * columns === 1) return tensors.map(({ tile }) => tile);
  const largest = scales.reduce<number>((m, s) => (s === 'pooled' ? m : Math.max(m, s)), 1);
  let height = 1;
  let width = 1;
  for (const [i, scale] of scales.entries()) {
    if (scale === 'pooled') continue;
    height = Math.max(height, Math.ceil((tensors[i]!.height * scale) / (largest * rows)));
    width = Math.max(width, Math.ceil((tensors[i]!.width * scale) / (largest * columns)));
  }
  return scales.map((scale) => {
    if (scale === 'pooled') return { height: 1, width: 1 };
    return { height: (height * largest) / scale, width: (width * largest) / scale };
  });
}

/** The scale of every tensor, or the path of the step that cannot run on tiles. */
function scalesOf({ tensors, steps }: Draft): { of: readonly Scale[] } | { obstacle: string } {
  const scales: Scale[] = tensors.map(() => 1);
  for (const step of steps) {
    const [first, ...others] = step.inputs.map((id) => scales[id]!);
    const scale = outputScale(step, tensors, first!);
    if (scale === undefined || others.some((s) => s !== first)) return { obstacle: step.path };
    scales[step.output] = scale;
  }
  const numbers = scales.filter((s) => s !== 'pooled');
  const largest = Math.max(...numbers);
  // Strides of 2 and 3 in two branches, say.
  if (numbers.some((s) => largest % s !== 0)) return { obstacle: steps.at(-1)!.path };
  return { of: scales };
}

function outputScale(step: Step, tensors: readonly LogicalTensor[], scale: Scale) {
  const from = tensors[step.inputs[0]!]!;
  const to = tensors[step.output]!;
  const isOne = to.height === 1 && to.width === 1;
  if (scale === 'pooled') return isOne ? scale : undefined;
  switch (step.kind) {
    case 'conv':
      // Every tile of a layer that reads the whole map would compute what one of them needs.
      return isOne && from.height * from.width > 1 ? undefined : scale * step.stride;
    case 'averagePool':
      if (isOne && step.kernelH === from.height && step.kernelW === from.width) return 'pooled';
      return scale * step.stride;
    case 'maxPool':
      return scale * step.stride;
    case 'permute':
    case 'batchNorm':
    case 'relu':
    case 'add':
    case 'loss':
      return scale;
  }
}
