/**
 * What one step of a plan must do at least, for a whole batch: multiply-adds, and bytes to and from memory when every
 * tensor that it needs is moved once. What kernels compute again in backward is not counted: it is their choice.
 */
import type { Convolution, ConvStep, Plan, Step } from '../plan/plan.ts';

export interface PassCost {
  readonly macs: number;
  readonly bytes: number;
}

export interface StepCost {
  readonly forward: PassCost;
  readonly backward: PassCost;
}

const valueBytes = 4;

export function stepCost(plan: Plan, step: Step): StepCost {
  const sizes = step.inputs.map((id) => tensorBytes(plan, id));
  const inputs = sizes.reduce((sum, size) => sum + size, 0);
  const output = step.kind === 'loss' ? 0 : tensorBytes(plan, step.output);
  const macs = step.kind === 'conv' ? plan.batch * convolutionMacs(plan, step) : 0;
  const dInputs = step.inputs.reduce((sum, _, k) => {
    const passes = { none: 0, write: 1, add: 2 }[step.inputGradients[k]?.mode ?? 'none'];
    return sum + passes * sizes[k]!;
  }, 0);
  const needsInputs = step.kind !== 'add' && step.kind !== 'averagePool' && step.kind !== 'permute';
  const masked = step.inputs.some((id) => plan.tensors[id]!.read.relu);
  const needsOutput = step.kind === 'add' ? step.relu : plan.tensors[step.output]!.read.bn >= 0;
  const bytes =
    output + dInputs + (needsInputs || masked ? inputs : 0) + (needsOutput ? output : 0);
  const hasInputGradient = step.inputGradients.some(({ mode }) => mode !== 'none');
  return {
    forward: { macs, bytes: inputs + output },
    backward: { macs: macs * (hasInputGradient ? 2 : 1), bytes },
  };
}

/** Of the batch's images, without those that only fill vectors. */
function tensorBytes({ tensors, batch }: Plan, id: number): number {
  const { channels, height, width } = tensors[id]!;
  return valueBytes * batch * channels * height * width;
}

/** Per image, the convolutions whose results are never stored included. */
function convolutionMacs({ tensors }: Plan, step: ConvStep): number {
  const own = macsOf(step, tensors[step.output]!);
  return step.before.reduce((sum, part) => sum + macsOf(part, part), own);
}

function macsOf(
  { outChannels, inChannels, groups, kernelH, kernelW }: Convolution,
  { height, width }: { readonly height: number; readonly width: number },
): number {
  return outChannels * height * width * (inChannels / groups) * kernelH * kernelW;
}
