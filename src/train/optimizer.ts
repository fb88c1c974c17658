/** Which parameter values weight decay pulls at, as spans for a kernel set's SGD. */
import type { SgdOptions } from '../kernels/contract.ts';
import type { Parameter } from '../plan/plan.ts';
import type { OptimizerConfig } from './config.ts';

type DecaySpan = SgdOptions['decay'][number];

/** Spans that cover every parameter once, in order; neighbours of equal decay are one span. */
export function decaySpans(
  parameters: readonly Parameter[],
  { weightDecay, decayBatchNorm }: OptimizerConfig,
): readonly DecaySpan[] {
  const spans: DecaySpan[] = [];
  for (const { role, offset, size } of parameters) {
    const isBatchNorm = role === 'gamma' || role === 'beta';
    const factor = isBatchNorm && !decayBatchNorm ? 0 : weightDecay;
    const last = spans.at(-1);
    if (last && last.factor === factor && last.offset + last.size === offset) {
      spans[spans.length - 1] = { ...last, size: last.size + size };
    } else {
      spans.push({ offset, size, factor });
    }
  }
  return spans;
}
