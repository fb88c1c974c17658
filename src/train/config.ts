/**
 * Every choice of a training run as one plain object: validated, complete, and stored as config.json.
 * Values that a user leaves out come from a recipe (recipes.ts); what a value does is said here, once.
 */
import * as v from 'valibot';
import { suggestName, usageError } from '../core/errors.ts';
import { isRecord, mergeOver } from '../core/nested-values.ts';
import { schemaError } from '../core/schema-error.ts';
import { findWrongValue } from '../data/batches/crop-spec.ts';
import type { DatasetRequest } from '../data/open-dataset.ts';
import { kernelChoices } from '../kernels/choose.ts';
import { activationStorages } from '../plan/plan.ts';
import { netFamilies } from '../spec/named-networks.ts';
import type { WrittenNet } from '../spec/net-schema.ts';
import { ownNetworkSchema } from '../spec/own-network.ts';
import { oneOf, variantSchema } from '../spec/variant.ts';
import { checkNetwork, withNetwork } from './network-choice.ts';
import { type RecipeName, recipeFor, recipes } from './recipes.ts';

/** A resolved configuration; see `ConfigOverrides` for what a user writes. */
export type RunConfig = v.InferOutput<typeof runConfigSchema>;

/** Any part of a configuration; what is left out comes from the recipe. */
export type ConfigOverrides = DeepPartial<Omit<RunConfig, 'net'>> & {
  /** A network's name, or a network of your own. */
  readonly net?: string | WrittenNet | undefined;
};

export type DataConfig = RunConfig['data'];
export type OptimizerConfig = RunConfig['optimizer'];

type DeepPartial<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { readonly [K in keyof T]?: DeepPartial<T[K]> | undefined }
    : T;

/** The data sets that a configuration can name. */
export const dataNames = [
  'digits',
  'cifar10',
  'cifar100',
  'svhn',
  'mnist',
  'fashion-mnist',
  'folder',
  'imagenet',
  'packed',
  'synthetic',
] as const;
/** One of `dataNames`. */
export type DataName = (typeof dataNames)[number];
/** The kinds of learning-rate schedules; schedule.ts has their equations. */
export const scheduleKinds = ['step', 'cosine', 'one-cycle', 'constant'] as const;

const integer = (min: number, max = Number.MAX_SAFE_INTEGER) => {
  const upTo = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `in ${min}…${max}`;
  const rule = `must be an integer ${upTo}`;
  return v.pipe(v.number(rule), v.integer(rule), v.minValue(min, rule), v.maxValue(max, rule));
};

/** A number in [min, max], or in [min, max) when `below`. */
const real = (min: number, max = Number.POSITIVE_INFINITY, below = false) => {
  const range =
    max === Number.POSITIVE_INFINITY
      ? `of at least ${min}`
      : `in [${min}, ${max}${below ? ')' : ']'}`;
  const rule = `must be a number ${range}`;
  return v.pipe(
    v.number(rule),
    v.check((x) => Number.isFinite(x) && x >= min && (below ? x < max : x <= max), rule),
  );
};

const positive = v.pipe(
  v.number('must be a positive number'),
  v.check((x) => Number.isFinite(x) && x > 0, 'must be a positive number'),
);
const fraction = v.pipe(
  v.number('must be a number in (0, 1)'),
  v.check((x) => x > 0 && x < 1, 'must be a number in (0, 1)'),
);
const flag = v.boolean('must be true or false');
const text = (what: string) => v.pipe(v.string(what), v.minLength(1, what));

const dataSchema = v.strictObject({
  name: oneOf(dataNames),
  /** Folder of the data, or the packed file; null searches the usual places. */
  dir: v.nullable(text('must be a folder name or null')),
  /** svhn: `paper` trains on train and extra but for a validation split, as the paper does. */
  split: v.optional(oneOf(['official', 'paper']), 'official'),
  /** Share of the training images of each class held out for validation; 0 holds out none. */
  valSplit: real(0, 1, true),
  /** Side to which images of a folder are resized; null keeps the data set's own (folder: 32). */
  imgSize: v.nullable(integer(1, 4096)),
  /** Share of a folder's images held out for testing where it has no test folder; null takes 0.2. */
  testSplit: v.nullable(fraction),
  /** Leave out files that cannot be decoded, count them and go on. */
  skipBad: flag,
  /** Mean and standard deviation per channel, in 0…1, for normalisation; null measures the training images. */
  statistics: v.optional(
    v.nullable(
      v.strictObject({
        mean: v.array(real(0, 1), 'must be a list of numbers in [0, 1]'),
        std: v.array(real(0), 'must be a list of numbers of at least 0'),
      }),
    ),
    null,
  ),
  /** What the made-up set `synthetic` looks like; null and what is left out take its defaults. */
  synthetic: v.nullable(
    v.strictObject({
      count: v.optional(integer(1)),
      testCount: v.optional(integer(1)),
      classes: v.optional(integer(2, 65535)),
      channels: v.optional(integer(1, 4096)),
      height: v.optional(integer(1, 4096)),
      width: v.optional(integer(1, 4096)),
      noise: v.optional(real(0)),
      seed: v.optional(integer(0)),
    }),
  ),
});

const optimizerSchema = v.strictObject({
  /** The highest rate; schedule and warm-up multiply it. */
  learningRate: positive,
  momentum: real(0, 1, true),
  nesterov: flag,
  weightDecay: real(0),
  /** Decay batch norm's γ and β too. @source authors' code */
  decayBatchNorm: flag,
});

const milestonesRule = 'must be a list of ascending fractions in (0, 1)';
const scheduleSchema = v.strictObject({
  kind: oneOf(scheduleKinds),
  /** step: the rate is multiplied by `factor` at step ⌊f·epochs·stepsPerEpoch⌋ for each f. */
  milestones: v.pipe(
    v.array(v.number(milestonesRule), milestonesRule),
    v.check((f) => f.every((x, i) => x > (f[i - 1] ?? 0) && x < 1), milestonesRule),
  ),
  factor: positive,
  /** Epochs (fractions allowed) over which the rate rises linearly from `warmupFrom` of its value. */
  warmupEpochs: real(0),
  warmupFrom: real(0, 1),
  /** cosine, one-cycle: the last rate as a share of the highest. */
  finalFactor: real(0, 1),
  /** one-cycle: the first rate as a share of the highest, and where in (0, 1) the highest lies. */
  startFactor: real(0, 1),
  peakAt: fraction,
});

const sizesRule = 'must be a list of {until, side}, ascending in until';
const sizeSchema = v.strictObject({
  /** Share of the epochs after which images are larger. */
  until: fraction,
  /** Pixels. */
  side: integer(1, 4096),
});
const sizesSchema = v.pipe(
  v.array(sizeSchema, sizesRule),
  v.check((sizes) => sizes.every(({ until }, i) => until > (sizes[i - 1]?.until ?? 0)), sizesRule),
);

const netName = text('must be the name of a network');
const nameRule = 'must be a folder name without slashes, or null';
const runConfigSchema = v.strictObject({
  /** The recipe that gave the values nobody chose. */
  recipe: oneOf(Object.keys(recipes) as RecipeName[]),
  /** `IGC-L24M2`, `RegConv-W16`, `SumFusion`, …+Ident; or somebody's own network as an object. */
  net: v.lazy((net) => (isRecord(net) ? ownNetworkSchema : netName)),
  /** Of family cifar: 3B + 2, or 6n + 2 for +Ident; else the number of the network's layers. */
  depth: integer(1),
  /** Stem and stages: the paper's CIFAR layout, figure 3's, Table 6's; `own` for a network given as an object. */
  family: oneOf([...netFamilies, 'own']),
  /** What doubles from stage to stage, M or L; null for M. */
  double: v.optional(v.nullable(v.picklist(['M', 'L'], 'must be M, L or null')), null),
  /** Variants of every block: primaryKernel, secondaryKernel, secondary, split, bottleneck, … (docs/paper.md). */
  variant: v.optional(variantSchema, {}),
  data: dataSchema,
  epochs: integer(1),
  /** Images in a step; null for 64, or for a small set less, so that an epoch has 8 steps. */
  batchSize: v.nullable(integer(1)),
  testBatchSize: integer(1),
  optimizer: optimizerSchema,
  schedule: scheduleSchema,
  /** Label smoothing s: the target is (1 − s)·onehot + s/classes. */
  smoothing: real(0, 1, true),
  /** Parts of a batch with batch-norm statistics of their own. */
  replicas: integer(1),
  bn: v.strictObject({
    /** What the old running average weighs. */
    oldWeight: real(0, 1, true),
    epsilon: positive,
    /** In step t (from 0) the old average weighs at most (1 + t)/(10 + t). */
    warm: flag,
  }),
  augment: v.strictObject({
    /** Shift by up to so many pixels; 0 for none. */
    pad: integer(0, 4096),
    /** Mirror left and right at random. */
    mirror: flag,
    /** Side in pixels of a square that is blanked at random; 0 for none. */
    cutout: v.optional(integer(0, 4096), 0),
    /** α of mixup and of cutmix; 0 for none, both are drawn in turns. */
    mixup: v.optional(real(0), 0),
    cutmix: v.optional(real(0), 0),
    /** Progressive resizing: smaller training images until shares of the epochs, e.g. 24 pixels until 0.5; null for none. */
    progressive: v.optional(v.nullable(sizesSchema), null),
    /** imagenet: crops at a random scale and form of images resized to `shortSide`; null for the centre. */
    resizedCrop: v.optional(
      v.nullable(
        v.strictObject({
          shortSide: integer(1),
          minScale: positive,
          maxScale: positive,
          aspect: real(0, 1, true),
        }),
      ),
      null,
    ),
    /** imagenet: largest shifts of hue (of 180), saturation and lightness (of 255); null for none. */
    color: v.optional(
      v.nullable(
        v.strictObject({ hue: real(0, 180), saturation: real(0, 255), lightness: real(0, 255) }),
      ),
      null,
    ),
  }),
  /** Evaluate and keep an exponential moving average of weights and running averages; null for the weights themselves. */
  ema: v.optional(
    v.nullable(
      v.strictObject({
        /** What the old average weighs in a step; in step t (from 0) at most (1 + t)/(10 + t). */
        decay: real(0, 1, true),
      }),
    ),
    null,
  ),
  /** End the run when the validation accuracy has not risen for a while; null for never. */
  earlyStopping: v.optional(
    v.nullable(
      v.strictObject({
        /** Epochs without a rise after which the run ends. */
        patience: integer(1),
        /** Percent by which the accuracy must exceed the best one before to count as a rise. */
        minDelta: v.optional(real(0, 100), 0),
      }),
    ),
    null,
  ),
  /** Fine-tuning: the run, folder or file of the network to begin with; null begins anew. */
  initialCheckpoint: v.optional(v.nullable(text('must be a path or null')), null),
  seed: integer(0),
  /** 0 for all cores. */
  threads: integer(0, 1024),
  kernels: oneOf(kernelChoices),
  /** How the activations of training are stored until backward (evaluation: always float32). */
  storage: v.optional(oneOf(activationStorages), 'float32'),
  /** Folder of run folders. */
  output: text('must be a folder name'),
  /** Name of the run folder; null makes one from net, data, seed and date. */
  name: v.nullable(
    v.pipe(
      v.string(nameRule),
      v.check((x) => /^[^/\\\0]+$/.test(x) && x !== '.' && x !== '..', nameRule),
    ),
  ),
  /** Epochs between checkpoints; the last epoch always has one. */
  checkpointEvery: integer(1),
  /** Also a checkpoint every so many steps; 0 for none. */
  checkpointSteps: integer(0),
  /** Epochs between evaluations; the last epoch always has one. */
  evalEvery: integer(1),
});

/**
 * The whole configuration: the recipe's values with the overrides laid over them. Without a recipe, that of the
 * data set (`digits`, `folder`), else `paper-cifar`.
 *
 * Throws a usage error that names the first unknown key or wrong value, or what does not fit together.
 * @example resolveConfig('paper-cifar', { epochs: 20, optimizer: { learningRate: 0.05 } })
 */
export function resolveConfig(recipe?: string, overrides: ConfigOverrides = {}): RunConfig {
  if (!isRecord(overrides)) throw usageError({ path: 'config', rule: 'must be an object' });
  const name = recipe ?? overrides.recipe ?? recipeFor(overrides.data?.name);
  if (!Object.hasOwn(recipes, name)) {
    throw usageError({
      path: 'recipe',
      rule: 'unknown recipe',
      got: JSON.stringify(name),
      hint: suggestName(String(name), Object.keys(recipes)),
    });
  }
  const recipeName = name as RecipeName;
  const chosen = recipes[recipeName].values;
  const merged = mergeOver(chosen, { ...overrides, recipe: recipeName }) as Record<string, unknown>;
  return parseConfig(withNetwork(merged, overrides));
}

/** Checks a complete configuration, e.g. a config.json that was read. Throws usage errors. */
export function parseConfig(input: unknown): RunConfig {
  const result = v.safeParse(runConfigSchema, input, { abortPipeEarly: true });
  if (!result.success) throw schemaError(runConfigSchema, result.issues, { whole: 'config' });
  checkTogether(result.output);
  return result.output;
}

function checkTogether(config: RunConfig): void {
  const { schedule, batchSize, replicas, epochs } = config;
  checkNetwork(config);
  if (batchSize !== null && batchSize % replicas !== 0) {
    throw usageError({
      path: 'batchSize',
      rule: 'must be divisible by replicas',
      got: `batchSize=${batchSize} replicas=${replicas}`,
    });
  }
  if (schedule.warmupEpochs >= epochs) {
    throw usageError({
      path: 'schedule.warmupEpochs',
      rule: 'must be below epochs',
      got: `warmupEpochs=${schedule.warmupEpochs} epochs=${epochs}`,
    });
  }
  if (schedule.kind === 'one-cycle' && schedule.warmupEpochs > 0) {
    throw usageError({
      path: 'schedule.warmupEpochs',
      rule: 'must be 0 with a one-cycle schedule',
      got: `${schedule.warmupEpochs}`,
      hint: 'its own rise is set by schedule.startFactor and schedule.peakAt',
    });
  }
  const { resizedCrop, color } = config.augment;
  const wrong = findWrongValue(resizedCrop, color);
  if (wrong !== undefined) {
    const [path, rule, got] = wrong;
    throw usageError({ path: `augment.${path}`, rule, got: String(got) });
  }
  checkDataDir(config.data);
}

function checkDataDir({ name, dir }: DataConfig): void {
  if ((name === 'folder' || name === 'imagenet' || name === 'packed') && dir === null) {
    throw usageError({
      path: 'data.dir',
      rule: `must name the ${name === 'packed' ? 'packed file' : 'folder of labelled images'}`,
      got: 'nothing',
      hint: 'give it as data.dir',
    });
  }
  if ((name === 'digits' || name === 'synthetic') && dir !== null) {
    throw usageError({ path: 'data.dir', rule: `is not an option of ${name}`, got: `"${dir}"` });
  }
}

/** What `openDataset` is asked for. */
export function datasetRequest({ data, seed }: RunConfig): DatasetRequest {
  const { name, dir, split, valSplit, imgSize, testSplit, skipBad, synthetic } = data;
  return {
    name,
    split,
    seed,
    valSplit,
    skipBad,
    dir: dir ?? undefined,
    imgSize: imgSize ?? undefined,
    testSplit: testSplit ?? undefined,
    synthetic: synthetic ?? undefined,
  };
}
