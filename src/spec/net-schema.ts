/** What a network specification read from a file must look like, so that nothing odd reaches the planner. */
import * as v from 'valibot';
import type { NetSpec } from '../spec/network.ts';

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(65_536));
const spatial = { path: v.pipe(v.string(), v.minLength(1)), kernel: count, stride: count };

const regular = v.strictObject({ kind: v.literal('regular'), ...spatial, outChannels: count });
const igc = v.pipe(
  v.strictObject({ kind: v.literal('igc'), ...spatial, L: count, M: count }),
  v.check(({ L, M }) => L * M <= 65_536, 'L·M must be at most 65536'),
);
const sumFusion = v.pipe(
  v.strictObject({
    kind: v.literal('sumFusion'),
    ...spatial,
    branches: count,
    outChannels: count,
  }),
  v.check(
    (block) => block.branches * block.outChannels <= 65_536,
    'must have at most 65536 branch channels',
  ),
);
const convolution = v.variant('kind', [regular, igc, sumFusion]);
const residual = v.strictObject({
  kind: v.literal('residual'),
  path: v.pipe(v.string(), v.minLength(1)),
  body: v.pipe(v.array(convolution), v.minLength(1), v.maxLength(64)),
  projection: v.nullable(v.strictObject({ groups: count })),
});

export const netSpecSchema: v.GenericSchema<unknown, NetSpec> = v.strictObject({
  name: v.string(),
  depth: count,
  input: v.strictObject({ channels: count, height: count, width: count }),
  classes: count,
  batchNorm: v.strictObject({
    epsilon: v.pipe(v.number(), v.minValue(0)),
    oldWeight: v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
  }),
  blocks: v.pipe(
    v.array(v.variant('kind', [regular, igc, sumFusion, residual])),
    v.maxLength(16_384),
  ),
});
