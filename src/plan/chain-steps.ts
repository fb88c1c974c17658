/**
 * The second round of folding, for kernel sets that run several convolutions in one pass over memory: the
 * convolutions of a block become one step whose inner results are never stored, and inference applies a batch
 * norm and a ReLU where the value is made. Not here: permutations and views (draft-steps.ts).
 */
import type { Draft } from './draft-steps.ts';
import type { LogicalTensor } from './memory.ts';
import {
  type ConvStep,
  type FleetingConvolution,
  type Grid,
  plainView,
  type Step,
} from './plan.ts';

/**
 * Rows of the inner results that strips of a chain may compute twice, summed over its convolutions: beyond that
 * storing them is cheaper.
 */
const mostRepeatedRows = 4;

export interface ChainOptions {
  readonly training: boolean;
  /**
   * With more than one tile nothing is merged: a small batch's maps stay in the cache anyway, and steps of one
   * convolution have more tasks.
   */
  readonly grid: Grid;
}

/** Merges the convolutions of each block; in inference also moves views to where values are made. */
export function chainSteps(draft: Draft, { training, grid }: ChainOptions): Draft {
  const tensors = [...draft.tensors];
  const steps = training ? draft.steps : draft.steps.map((step) => finishAtOnce(step, tensors));
  if (grid.rows * grid.columns > 1) return { tensors, steps };
  return dropUnused({ tensors, steps: mergeConvolutions(tensors, steps) });
}

/** A convolution that stores what its readers see; changes the output's view. */
function finishAtOnce(step: Step, tensors: LogicalTensor[]): Step {
  if (step.kind !== 'conv') return step;
  const tensor = tensors[step.output]!;
  tensors[step.output] = { ...tensor, read: plainView };
  return { ...step, after: tensor.read };
}

function mergeConvolutions(tensors: readonly LogicalTensor[], steps: readonly Step[]): Step[] {
  const readers = new Map<number, number>();
  for (const { inputs } of steps) {
    for (const id of inputs) readers.set(id, (readers.get(id) ?? 0) + 1);
  }
  const merged: Step[] = [];
  const output = steps.at(-1)!.output;
  for (const step of steps) {
    const producer = merged.at(-1);
    const fleeting = step.inputs[0]!;
    const joins =
      step.kind === 'conv' &&
      producer?.kind === 'conv' &&
      producer.output === fleeting &&
      readers.get(fleeting) === 1 &&
      fleeting !== output &&
      tensors[fleeting]!.read.bn < 0 &&
      blockOf(step.path) !== undefined &&
      blockOf(step.path) === blockOf(producer.path) &&
      repeatedRows(producer) + step.kernelH - 1 <= mostRepeatedRows;
    if (joins) merged[merged.length - 1] = join(producer, step, tensors[fleeting]!);
    else merged.push(step);
  }
  return merged;
}

/** The block that a primary or secondary convolution belongs to (spec/igc-block.ts names them so). */
function blockOf(path: string): string | undefined {
  return /^(.*)\/(?:primary|secondary)(?:\/|$)/.exec(path)?.[1];
}

function repeatedRows({ before, kernelH }: ConvStep): number {
  const first = before[0];
  return first ? before.slice(1).reduce((sum, c) => sum + c.kernelH - 1, kernelH - 1) : 0;
}

function join(producer: ConvStep, step: ConvStep, between: LogicalTensor): ConvStep {
  const { kind, inputs, output, inputGradients, before, after, ...own } = producer;
  const { tile, read } = between;
  // In inference the view has moved to `after` already, in training it is at most a ReLU.
  const last: FleetingConvolution = {
    ...own,
    after: { bn: after.bn, relu: after.relu || read.relu },
    ...tile,
  };
  return { ...step, inputs, before: [...before, last] };
}

/** Numbers the tensors anew without those that no step reads or writes any more. */
function dropUnused({ tensors, steps }: Draft): Draft {
  const used = new Set(steps.flatMap(({ inputs, output }) => [...inputs, output]));
  const kept = tensors.filter(({ id }) => used.has(id));
  const idOf = new Map(kept.map(({ id }, i) => [id, i]));
  return {
    tensors: kept.map((tensor, id) => ({ ...tensor, id })),
    steps: steps.map((step) => ({
      ...step,
      inputs: step.inputs.map((id) => idOf.get(id)!),
      output: idOf.get(step.output)!,
    })),
  };
}
