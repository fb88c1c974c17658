/** Case files for native/harness.cc: what a kernel set gets and what the reference makes of it, as doubles. */
import { encodePlan } from '../../src/kernels/native-program.ts';
import { definition } from '../kernels/kernel-sets.ts';
import {
  type Case,
  drawInputs,
  oldWeight,
  planOf,
  runTrial,
  type Variant,
} from '../kernels/trial.ts';

/** As native/harness.cc numbers them. */
const sources = ['tensor', 'tensorGradient', 'parameterGradients', 'state', 'losses'] as const;
type Source = (typeof sources)[number];

/** The file of a case for kernels of so many lanes. */
export function harnessCase(
  trial: Case,
  { lanes, training, tolerance }: { lanes: number; training: boolean; tolerance: number },
): Float64Array {
  const plan = planOf(trial, { ...definition, lanes, chains: true }, { training, fuse: true });
  const inputs = drawInputs(trial, training);
  const variant: Variant = { training, fuse: false };
  const want = runTrial(trial, definition, variant, inputs);
  const hasLoss = plan.steps.at(-1)!.kind === 'loss';
  const numbers: number[] = [tolerance, oldWeight];
  const push = (values: ArrayLike<number>) => {
    numbers.push(values.length);
    for (let i = 0; i < values.length; i++) numbers.push(values[i]!);
  };
  push(encodePlan(plan));
  push(inputs.parameters);
  push(inputs.state);
  push(inputs.images);
  push(inputs.labels);
  push(inputs.mix?.partners ?? []);
  push(inputs.mix?.weights ?? []);
  push(training && !hasLoss ? inputs.dOutput : []);
  const expectations: [Source, number, string][] = [
    ['tensor', plan.output, 'output'],
    ...(hasLoss ? [['losses', 0, 'losses'] satisfies [Source, number, string]] : []),
    ...plan.batchNorms.map(({ path, runningMean }): [Source, number, string] => {
      return ['state', runningMean, `${path}/running`];
    }),
  ];
  if (training) {
    expectations.push(['tensorGradient', plan.input, 'd input']);
    for (const { path, offset } of plan.parameters) {
      expectations.push(['parameterGradients', offset, `d ${path}`]);
    }
  }
  numbers.push(expectations.length);
  for (const [source, at, name] of expectations) {
    numbers.push(sources.indexOf(source), at);
    push(want.get(name)!);
  }
  return Float64Array.from(numbers);
}
