/**
 * A graph with weights, run once: what it computes for some images by the float64 definition. For proofs and
 * comparisons (theory/equivalences.ts); networks in use are run by train/classifier.ts.
 */
import { usageError } from '../core/errors.ts';
import { makePlan } from '../plan/make-plan.ts';
import type { Graph } from '../spec/graph.ts';
import { referenceKernels } from './reference.ts';

/** A graph and the values of its parameters by path. */
export interface GraphWithWeights {
  readonly graph: Graph;
  readonly weights: ReadonlyMap<string, ArrayLike<number>>;
}

/**
 * The outputs [N][C·H·W] of a graph without batch norms for images [N][C][H][W], in float64.
 *
 * Throws a usage error naming the parameter without its values, a batch norm, or images that are no whole number.
 * @example runGraph(regularAsIgc(conv, 4, size).igc, images)
 */
export function runGraph({ graph, weights }: GraphWithWeights, images: Float64Array): Float64Array {
  const { channels, height, width } = graph.nodes[0]!.shape;
  const batch = images.length / (channels * height * width);
  if (!Number.isInteger(batch) || batch === 0) {
    throw usageError({
      path: 'images',
      rule: `must be whole images of ${channels}×${height}×${width}`,
      got: `${images.length} values`,
    });
  }
  const plan = makePlan(graph, { batch, training: false });
  if (plan.batchNorms.length > 0) {
    throw usageError({
      path: plan.batchNorms[0]!.path,
      rule: 'a graph run here has no batch norms',
    });
  }
  const kernels = referenceKernels('float64');
  const parameters = new Float64Array(plan.parameterSize);
  for (const { path, offset, size } of plan.parameters) {
    const values = weights.get(path);
    if (values?.length !== size) {
      const got = values === undefined ? 'none' : `${values.length}`;
      throw usageError({ path, rule: `must have ${size} values`, got });
    }
    parameters.set(values, offset);
  }
  const array = (length: number) => kernels.newArray(length);
  const model = {
    parameters,
    gradients: array(plan.parameterSize),
    momentum: array(plan.parameterSize),
    state: array(plan.stateSize),
  };
  const executor = kernels.instantiate(plan, model);
  executor.setBatch(images, new Int32Array(batch), batch);
  executor.forward({ oldWeight: 0 });
  const output = Float64Array.from(executor.output());
  executor.dispose();
  return output;
}
