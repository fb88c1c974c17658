/**
 * A plan as one array of numbers, in the order in which native/instance.cc reads it. Nothing is decided here.
 */
import { internalError } from '../core/errors.ts';
import {
  type Convolution,
  type FleetingConvolution,
  imagesPerReplica,
  type Plan,
  type Step,
  type StepKind,
  type StepOf,
} from '../plan/plan.ts';

const stepKinds: readonly StepKind[] = [
  'conv',
  'permute',
  'batchNorm',
  'relu',
  'add',
  'averagePool',
  'maxPool',
  'loss',
];
const gradientModes = ['none', 'write', 'add'] as const;
/** kMaxInputs in native/engine.h */
const maxInputs = 8;

/** What a step of each kind has beyond inputs and output. */
const ownNumbers: { readonly [K in StepKind]: (step: StepOf<K>) => readonly number[] } = {
  conv: (s) => [
    s.before.length + 1,
    ...s.before.flatMap(fleetingNumbers),
    ...convolutionNumbers(s),
  ],
  permute: (s) => s.map,
  batchNorm: (s) => [s.bn],
  relu: () => [],
  add: (s) => [Number(s.relu)],
  averagePool: (s) => [s.kernelH, s.kernelW, s.stride],
  maxPool: (s) => [s.kernelH, s.kernelW, s.stride, s.padH, s.padW],
  loss: (s) => [s.classes, s.smoothing],
};

function fleetingNumbers(convolution: FleetingConvolution): readonly number[] {
  return [...convolutionNumbers(convolution), convolution.height, convolution.width];
}

function convolutionNumbers(c: Convolution): readonly number[] {
  return [
    c.weight,
    c.bias,
    c.inChannels,
    c.outChannels,
    c.groups,
    c.kernelH,
    c.kernelW,
    c.stride,
    c.padH,
    c.padW,
    c.after.bn,
    Number(c.after.relu),
    ...c.inMap,
    ...c.outMap,
  ];
}

export function encodePlan(plan: Plan): Float64Array {
  const numbers: number[] = [
    Number(plan.training),
    plan.batch,
    plan.replicas,
    plan.lanes,
    plan.grid.rows,
    plan.grid.columns,
    plan.blocksPerReplica,
    plan.tensors.length,
    plan.batchNorms.length,
    plan.steps.length,
    plan.input,
    plan.output,
    plan.activationSize,
    plan.gradientSize,
  ];
  for (const t of plan.tensors) {
    numbers.push(t.channels, t.tile.height, t.tile.width, t.height, t.width);
    numbers.push(t.plane, t.offset, t.gradientOffset);
    numbers.push(t.read.bn, Number(t.read.relu));
  }
  const positions = positionsOfBatchNorms(plan);
  for (const [i, bn] of plan.batchNorms.entries()) {
    const count = positions[i]! * imagesPerReplica(plan);
    numbers.push(bn.channels, bn.epsilon, bn.gamma, bn.beta, bn.runningMean, bn.runningVariance);
    numbers.push(count);
  }
  for (const step of plan.steps) encodeStep(numbers, step);
  return Float64Array.from(numbers);
}

function encodeStep(numbers: number[], step: Step): void {
  if (step.inputs.length > maxInputs) {
    throw internalError(`${step.path}: native steps take at most ${maxInputs} inputs`);
  }
  numbers.push(stepKinds.indexOf(step.kind), step.output, step.inputs.length);
  for (const [k, id] of step.inputs.entries()) {
    const gradient = step.inputGradients[k];
    numbers.push(
      id,
      gradientModes.indexOf(gradient?.mode ?? 'none'),
      Number(gradient?.complete ?? false),
    );
  }
  const own = ownNumbers[step.kind] as (step: Step) => readonly number[];
  for (const value of own(step)) numbers.push(value);
}

/** Height × width of the maps each batch norm normalises. */
function positionsOfBatchNorms(plan: Plan): number[] {
  const positions = new Array<number>(plan.batchNorms.length).fill(0);
  for (const t of plan.tensors) if (t.read.bn >= 0) positions[t.read.bn] = t.height * t.width;
  for (const step of plan.steps) {
    if (step.kind !== 'batchNorm') continue;
    const { height, width } = plan.tensors[step.output]!;
    positions[step.bn] = height * width;
  }
  return positions;
}
