/**
 * What a network must look like that was read from a file: a complete `NetSpec` of a checkpoint, or somebody's own
 * network, which may leave out what can be filled in. Strict, so that nothing odd reaches the planner.
 */
import * as v from 'valibot';
import type { BlockSpec, ConvolutionBlock } from './blocks.ts';
import type { NetSpec } from './network.ts';
import { countSchema, igcOptionEntries, kernelSchema, oneOf } from './variant.ts';

/** As `NetSpec`, but what the data say may be missing, and paths, kernels and strides may be left out. */
export interface WrittenNet {
  readonly name?: string;
  readonly depth?: number;
  readonly input?: NetSpec['input'];
  readonly classes?: number;
  readonly batchNorm?: Partial<NetSpec['batchNorm']>;
  readonly blocks: readonly WrittenBlock[];
}

/** A block without its path, kernel and stride, or with them. */
export type WrittenBlock = Optional<Exclude<BlockSpec, { kind: 'residual' }>> | WrittenResidual;
type Optional<B> = B extends BlockSpec
  ? Omit<B, 'path' | 'kernel' | 'stride' | 'pad'> & Partial<Pick<B, keyof B & Fillable>>
  : never;
type Fillable = 'path' | 'kernel' | 'stride' | 'pad';
interface WrittenResidual {
  readonly kind: 'residual';
  readonly path?: string;
  readonly body: readonly Optional<ConvolutionBlock>[];
  readonly projection?: { readonly groups: number } | null;
}

const pathRule = 'must be words joined by "/", and not begin with input, head or loss';
const pathSchema = v.pipe(
  v.string(pathRule),
  v.regex(/^(?!(?:input|head|loss)(?:\/|$))[\w+-]+(?:\/[\w+-]+)*$/, pathRule),
);
const objectRule = 'must be an object';
const kinds = ['regular', 'igc', 'sumFusion', 'maxPool', 'residual'] as const;
const kindRule = (names: readonly string[]) => `must be one of ${names.join(', ')}`;

/** The schemas of all blocks; with `fills`, what can be filled in may be left out. */
function blockSchema(fills: boolean) {
  const may = (
    schema: v.GenericSchema,
  ): v.GenericSchema | v.ExactOptionalSchema<v.GenericSchema, undefined> =>
    fills ? v.exactOptional(schema) : schema;
  const place = { path: may(pathSchema), stride: may(countSchema) };
  const spatial = { ...place, kernel: may(kernelSchema) };
  const placement = <const P extends readonly string[]>(places: P) =>
    v.exactOptional(oneOf(places));
  const regular = v.strictObject({
    kind: v.literal('regular'),
    ...spatial,
    outChannels: countSchema,
    bn: placement(['after', 'before', 'none']),
  });
  const igc = v.pipe(
    v.strictObject({
      kind: v.literal('igc'),
      ...spatial,
      L: countSchema,
      M: countSchema,
      ...igcOptionEntries,
    }),
    v.check(({ L, M }) => L * M <= 65_536, 'L·M must be at most 65536'),
  );
  const sumFusion = v.pipe(
    v.strictObject({
      kind: v.literal('sumFusion'),
      ...spatial,
      branches: countSchema,
      outChannels: countSchema,
      bn: placement(['after', 'before']),
    }),
    v.check(
      (block) => block.branches * block.outChannels <= 65_536,
      'must have at most 65536 branch channels',
    ),
  );
  const maxPool = v.strictObject({
    kind: v.literal('maxPool'),
    ...place,
    kernel: may(countSchema),
    pad: may(v.pipe(v.number(), v.safeInteger(), v.minValue(0, 'must not be negative'))),
  });
  const convolutions = [regular, igc, sumFusion] as const;
  const bodyRule = 'must be a list of 1…64 blocks';
  const residual = v.strictObject({
    kind: v.literal('residual'),
    path: may(pathSchema),
    body: v.pipe(
      v.array(v.variant('kind', convolutions, kindRule(kinds.slice(0, 3))), bodyRule),
      v.minLength(1, bodyRule),
      v.maxLength(64, bodyRule),
    ),
    projection: may(v.nullable(v.strictObject({ groups: countSchema }))),
  });
  return v.variant('kind', [...convolutions, maxPool, residual], kindRule(kinds));
}

const blocksRule = 'must be a list of 1…16384 blocks';
const blockList = <B extends v.GenericSchema<unknown, unknown>>(block: B) =>
  v.pipe(v.array(block, blocksRule), v.minLength(1, blocksRule), v.maxLength(16_384, blocksRule));

const shapeSchema = v.strictObject({
  channels: countSchema,
  height: countSchema,
  width: countSchema,
});
const epsilonRule = 'must be a number of at least 0';
const shareRule = 'must be a number in [0, 1]';
const batchNormEntries = {
  epsilon: v.pipe(v.number(epsilonRule), v.minValue(0, epsilonRule)),
  oldWeight: v.pipe(v.number(shareRule), v.minValue(0, shareRule), v.maxValue(1, shareRule)),
};

/** A complete network, as checkpoints hold it. */
export const netSpecSchema = v.strictObject({
  name: v.string(),
  depth: countSchema,
  input: shapeSchema,
  classes: countSchema,
  batchNorm: v.strictObject(batchNormEntries),
  blocks: blockList(blockSchema(false)),
}) as unknown as v.GenericSchema<unknown, NetSpec>;

/** Somebody's own network. */
export const writtenNetSchema = v.strictObject(
  {
    name: v.exactOptional(
      v.pipe(v.string(), v.regex(/^[^/\\\0]+$/, 'must be a name without slashes')),
    ),
    depth: v.exactOptional(countSchema),
    input: v.exactOptional(shapeSchema),
    classes: v.exactOptional(countSchema),
    batchNorm: v.exactOptional(
      v.strictObject({
        epsilon: v.exactOptional(batchNormEntries.epsilon),
        oldWeight: v.exactOptional(batchNormEntries.oldWeight),
      }),
    ),
    blocks: blockList(blockSchema(true)),
  },
  objectRule,
) as unknown as v.GenericSchema<unknown, WrittenNet>;
