/**
 * Backward in parts, so that the gradients of the last layers can be sent while those of the first are computed: after
 * which steps which gradients are final.
 */
import type { Plan, Step } from './plan.ts';

/** Steps `from` − 1 … `to`, after whose backward the gradients [offset, offset + size) are final. */
export interface GradientPart {
  readonly from: number;
  readonly to: number;
  readonly offset: number;
  readonly size: number;
}

/**
 * Cuts backward into parts that finish at least `leastSize` gradients each (the last one: what is left), in the order in which
 * they are run. Together they have every step and every gradient once.
 */
export function gradientParts(plan: Plan, leastSize: number): readonly GradientPart[] {
  const finalFrom = finalGradients(plan);
  const parts: GradientPart[] = [];
  let from = plan.steps.length;
  let end = plan.parameterSize;
  for (let to = plan.steps.length - 1; to >= 0; to--) {
    const offset = finalFrom[to]!;
    if (to > 0 && (end - offset < leastSize || offset === 0)) continue;
    parts.push({ from, to, offset, size: end - offset });
    from = to;
    end = offset;
  }
  return parts;
}

/** For every step: from which offset on gradients are final once it and the later ones have run backwards. */
function finalGradients(plan: Plan): readonly number[] {
  const sizes = new Map(plan.parameters.map(({ offset, size }) => [offset, size]));
  let end = 0;
  return plan.steps.map((step) => {
    const before = end;
    for (const offset of gradientsOf(plan, step)) {
      end = Math.max(end, offset + (sizes.get(offset) ?? 0));
    }
    return before;
  });
}

/** Offsets of the parameters whose gradients a step's backward finishes. */
function gradientsOf(plan: Plan, step: Step): readonly number[] {
  const normOf = (index: number) => {
    const norm = plan.batchNorms[index];
    return norm === undefined ? [] : [norm.gamma, norm.beta];
  };
  const ofOutput = normOf(plan.tensors[step.output]!.read.bn);
  if (step.kind === 'batchNorm') return [...ofOutput, ...normOf(step.bn)];
  if (step.kind !== 'conv') return ofOutput;
  return [...ofOutput, ...[...step.before, step].flatMap(({ weight, bias }) => [weight, bias])];
}
