/**
 * Gives tensors and gradients their places. In training every activation is kept until backward; gradients, and
 * all activations of inference, share memory as soon as their last reader is done (first fit by time of birth).
 */
import type { Shape } from '../spec/graph.ts';
import type { ActivationStorage, MapSize, Step, Tensor, TensorView } from './plan.ts';

/** A tensor without a place. */
export interface LogicalTensor extends Shape {
  readonly id: number;
  readonly path: string;
  readonly tile: MapSize;
  readonly read: TensorView;
}

export interface PlacementOptions {
  /** Elements per channel and position: the batch, padding images included. */
  readonly elementsPerPosition: number;
  readonly lanes: number;
  readonly training: boolean;
  readonly keepAll: boolean;
  /** Elements left free around every place. */
  readonly guard: number;
  readonly storage: ActivationStorage;
  /** Tensors never overwritten: input and output. */
  readonly keep: readonly number[];
}

export interface Placement {
  readonly tensors: readonly Tensor[];
  readonly activationSize: number;
  readonly gradientSize: number;
}

/** When something is in use: the first and the last step index, both included. */
interface Lifetime {
  readonly size: number;
  readonly first: number;
  readonly last: number;
}

export function placeTensors(
  tensors: readonly LogicalTensor[],
  steps: readonly Step[],
  options: PlacementOptions,
): Placement {
  const planes = tensors.map((t) => planeOf(t.tile, options.lanes));
  const sizes = tensors.map((t, i) => t.channels * planes[i]! * options.elementsPerPosition);
  const birth = new Array<number>(tensors.length).fill(-1);
  const death = new Array<number>(tensors.length).fill(-1);
  const needsGradient = new Set<number>();
  for (const [time, step] of steps.entries()) {
    if (step.kind !== 'loss') birth[step.output] = time;
    for (const [k, id] of step.inputs.entries()) {
      death[id] = time;
      const mode = step.inputGradients[k]?.mode ?? 'none';
      if (mode !== 'none') needsGradient.add(id);
    }
  }
  if (options.training) needsGradient.add(steps.at(-1)!.output);
  const forever = steps.length;
  const activations = sizes.map((size, id): Lifetime => {
    const kept = options.training || options.keepAll || options.keep.includes(id);
    return kept
      ? { size, first: -1, last: forever }
      : { size, first: birth[id]!, last: Math.max(death[id]!, birth[id]!) };
  });
  const ownerOf = options.keepAll ? sizes.map((_, id) => id) : gradientOwners(steps, sizes);
  // A gradient lives from the tensor's last reader back to its producer: the same span as the tensor itself.
  const gradients = sizes.map((size, id): Lifetime => {
    if (!needsGradient.has(id)) return { size: 0, first: 0, last: -1 };
    if (options.keepAll || death[id] === -1) return { size, first: -1, last: forever };
    return { size, first: birth[id]!, last: death[id]! };
  });
  const activationPlaces = firstFit(activations, options.guard);
  const gradientPlaces = firstFit(together(gradients, ownerOf), options.guard);
  return {
    tensors: tensors.map((tensor, id) => ({
      ...tensor,
      storage: options.storage,
      plane: planes[id]!,
      size: sizes[id]!,
      offset: activationPlaces.offsets[id]!,
      gradientOffset: needsGradient.has(id) ? gradientPlaces.offsets[ownerOf[id]!]! : -1,
    })),
    activationSize: activationPlaces.size,
    gradientSize: gradientPlaces.size,
  };
}

/**
 * Whose place a gradient takes: a step of several convolutions goes through the batch a block at a time and is done with
 * a block of its output's gradient before it writes that of its input, which may then lie in the same place, while
 * that is still in the cache.
 */
function gradientOwners(steps: readonly Step[], sizes: readonly number[]): readonly number[] {
  const owners = sizes.map((_, id) => id);
  for (const step of steps.toReversed()) {
    if (step.kind !== 'conv' || step.before.length === 0) continue;
    const input = step.inputs[0]!;
    const gradient = step.inputGradients[0];
    const alone = gradient?.mode === 'write' && gradient.complete;
    if (alone && sizes[input] === sizes[step.output]) owners[input] = owners[step.output]!;
  }
  return owners;
}

/** The spans of all that share a place, at its owner; the others take none. */
function together(spans: readonly Lifetime[], ownerOf: readonly number[]): readonly Lifetime[] {
  const merged = spans.map((span, id) =>
    ownerOf[id] === id ? span : { size: 0, first: 0, last: -1 },
  );
  for (const [id, span] of spans.entries()) {
    const owner = ownerOf[id]!;
    const { size, first, last } = merged[owner]!;
    if (owner === id || span.size === 0) continue;
    merged[owner] = { size, first: Math.min(first, span.first), last: Math.max(last, span.last) };
  }
  return merged;
}

/**
 * Maps of a power of two of positions would all begin in the same sets of a cache, and the same rows of many channels
 * evict each other; a sixteenth of a map between them, and an odd number of vectors, spreads them out.
 */
function planeOf({ height, width }: MapSize, lanes: number): number {
  const positions = height * width;
  if (lanes === 1 || positions < 16) return positions;
  const spread = positions + Math.floor(positions / 16);
  return spread + 1 - (spread % 2);
}

function firstFit(spans: readonly Lifetime[], guard: number): { offsets: number[]; size: number } {
  const offsets = new Array<number>(spans.length).fill(-1);
  const placed: { offset: number; span: Lifetime }[] = [];
  let size = guard;
  const bySize = spans
    .map((span, id) => ({ span, id }))
    .sort((a, b) => b.span.size - a.span.size || a.id - b.id);
  for (const { span, id } of bySize) {
    if (span.size === 0) continue;
    let offset = guard;
    for (const other of placed) {
      const apart = other.span.last < span.first || span.last < other.span.first;
      const overlaps =
        offset < other.offset + other.span.size + guard &&
        other.offset < offset + span.size + guard;
      if (!apart && overlaps) offset = other.offset + other.span.size + guard;
    }
    offsets[id] = offset;
    const next = placed.findIndex((other) => other.offset > offset);
    placed.splice(next < 0 ? placed.length : next, 0, { offset, span });
    size = Math.max(size, offset + span.size + guard);
  }
  return { offsets, size };
}
