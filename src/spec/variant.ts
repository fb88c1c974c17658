/** Variants of named networks: what may be said, for which networks, and how it is written on a command line. */
import * as v from 'valibot';
import { usageError } from '../core/errors.ts';
import { schemaError } from '../core/schema-error.ts';
import type { NetFamily, NetVariant } from './named-networks.ts';
import type { NetName } from './net-name.ts';

const countRule = 'must be a positive integer';
/** A number of channels, partitions or pixels. */
export const countSchema = v.pipe(
  v.number(countRule),
  v.safeInteger(countRule),
  v.minValue(1, countRule),
  v.maxValue(65_536, 'must be at most 65536'),
);

/** The size of a kernel whose padding keeps the size of maps. */
export const kernelSchema = v.pipe(
  countSchema,
  v.check((k) => k % 2 === 1, 'must be odd, so that padding keeps the size of maps'),
);

export const oneOf = <const T extends readonly string[]>(names: T) =>
  v.picklist(names, `must be one of ${names.join(', ')}`);

/** The options of an IGC block, each of which may be left out. */
export const igcOptionEntries = {
  secondaryKernel: v.exactOptional(kernelSchema),
  secondary: v.exactOptional(oneOf(['grouped', 'full'])),
  split: v.exactOptional(v.boolean('must be true or false')),
  bottleneck: v.exactOptional(countSchema),
  primaryConvolutions: v.exactOptional(v.pipe(countSchema, v.maxValue(16, 'must be at most 16'))),
  between: v.exactOptional(oneOf(['none', 'relu'])),
  bn: v.exactOptional(oneOf(['after', 'before', 'both'])),
  quirk: v.exactOptional(oneOf(['none', 'resnet_igc'])),
} as const;

const variantEntries = { primaryKernel: v.exactOptional(kernelSchema), ...igcOptionEntries };

export const variantSchema: v.GenericSchema<unknown, NetVariant> = v.strictObject(variantEntries);

/**
 * `secondaryKernel=3,split=true` as a variant, not yet checked. Throws a usage error naming the part that is no
 * `key=value`.
 */
export function parseVariant(text: string): Record<string, unknown> {
  const parts = text.split(',').filter((part) => part.trim() !== '');
  const pairs = parts.map((part) => {
    const match = /^\s*(\w+)\s*=\s*(\S+)\s*$/.exec(part);
    if (match) return [match[1]!, readVariantValue(match[2]!)] as const;
    throw usageError({
      path: 'variant',
      rule: 'must be written key=value,key=value',
      got: JSON.stringify(part),
      hint: `keys are ${Object.keys(variantEntries).join(', ')}`,
    });
  });
  return Object.fromEntries(pairs);
}

function readVariantValue(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true';
  return Number.isFinite(Number(text)) ? Number(text) : text;
}

/** Throws a usage error for a variant that the network does not have. */
export function checkVariant(variant: NetVariant, name: NetName, family: NetFamily): void {
  const result = v.safeParse(variantSchema, variant, { abortPipeEarly: true });
  if (!result.success) {
    throw schemaError(variantSchema, result.issues, { prefix: 'variant.', whole: 'variant' });
  }
  const { net, blocks, ident } = name;
  for (const [key, value] of Object.entries(variant)) {
    if (blocks.kind === 'igc' || (key === 'bn' && value !== 'both')) continue;
    throw usageError({
      path: `variant.${key}`,
      rule:
        key === 'bn'
          ? 'both needs a network with two convolutions a block'
          : 'is a variant of IGC networks only',
      got: net,
    });
  }
  if ((variant.quirk ?? 'none') !== 'none' && !(ident && family === 'cifar')) {
    throw usageError({
      path: 'variant.quirk',
      rule: 'resnet_igc is a quirk of +Ident networks of family cifar',
      got: `${net}, family ${family}`,
    });
  }
}
