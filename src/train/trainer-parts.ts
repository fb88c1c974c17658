/**
 * Everything a training loop needs, made ready before its first step: model, plans in memory, data, options of
 * the optimizer. What is allocated here is all that is allocated.
 */
import { internalError, usageError } from '../core/errors.ts';
import type { AugmentSpec } from '../data/batches/augment.ts';
import { checkSizes } from '../data/batches/batch-content.ts';
import { type BatchSource, openBatches } from '../data/batches/batches.ts';
import { type ImageSize, sizeAt } from '../data/batches/shrink.ts';
import type { AnyImageSet, ChannelStatistics, Dataset } from '../data/dataset.ts';
import { cropShare } from '../data/images/encoded-images.ts';
import type { Executor, KernelSet, SgdOptions } from '../kernels/contract.ts';
import { type Model, type ModelPlanOptions, makeModel, planModel } from '../model/model.ts';
import type { ModelCard, Preprocessing } from '../model/model-card.ts';
import { buildGraph } from '../spec/network.ts';
import { soloTeam, type Team } from '../team/team.ts';
import { batchSizeFor } from './batch-size.ts';
import type { TrainState } from './checkpoint.ts';
import type { RunConfig } from './config.ts';
import { type Evaluator, makeEvaluator } from './evaluate.ts';
import type { MetricsRow } from './events.ts';
import type { Journal } from './journal.ts';
import { configNetwork } from './network-choice.ts';
import { decaySpans } from './optimizer.ts';
import type { StepTaker } from './step-taker.ts';
import { beginAverage } from './weight-average.ts';

/** The model and its plans in memory. */
export interface TrainingModel {
  readonly model: Model;
  /** With an EMA: the network that is evaluated and kept. */
  readonly average?: Model;
  /** Of batches of the images' own size. */
  readonly executor: Executor;
  /** With progressive resizing: of smaller ones, and until which epoch. */
  readonly smaller: readonly (ImageSize & { readonly executor: Executor })[];
  readonly evaluators: { readonly test: Evaluator; readonly validation?: Evaluator };
  /** Its learning rate is set anew in each step. */
  readonly sgd: { -readonly [K in keyof SgdOptions]: SgdOptions[K] };
  readonly card: Omit<ModelCard, 'epoch' | 'step'>;
  readonly statistics: ChannelStatistics;
  /** Images in a step, those of all ranks. */
  readonly batchSize: number;
  readonly stepsPerEpoch: number;
}

export interface TrainerParts extends TrainingModel {
  readonly config: RunConfig;
  /** Absolute path of the run folder. */
  readonly folder: string;
  readonly dataset: Dataset;
  readonly source: BatchSource;
  /** Where the run begins: anew or from a checkpoint, whose values the model has. */
  readonly state: TrainState;
  /** Rows of metrics.jsonl up to `state`. */
  readonly rows: readonly MetricsRow[];
  readonly team: Team;
  readonly stepTaker: StepTaker;
  readonly journal: Journal;
  /** Whether this process was asked to stop; asked between the batches of evaluations. */
  readonly isStopped: () => boolean;
  /** What has stopped the run, in words, where it was not the user. */
  readonly stoppedBy?: () => string | undefined;
  /** Least time between two step events; 0 for every step. */
  readonly stepEventMs: number;
}

/** Plans and allocates a model for a data set whose images are normalised by `statistics`. Throws usage errors for what does not fit. */
export function makeTrainingModel(
  config: RunConfig,
  dataset: Dataset,
  statistics: ChannelStatistics,
  kernels: KernelSet,
  team: Team = soloTeam(),
): TrainingModel {
  const { train, validation, test, classes } = dataset;
  const { replicas, smoothing, storage, optimizer } = config;
  const { channels, height, width, maxValue } = train;
  const input = { channels, height, width };
  const spec = configNetwork(config, { input, classes: classes.length });
  const model = makeModel(spec, kernels);
  const batchSize = batchSizeFor(config, train.count);
  const { ranks } = team;
  const planned = {
    ...{ batch: batchSize / ranks, replicas: replicas / ranks },
    ...{ training: true, smoothing, storage },
  };
  const plan = planModel(model, planned);
  if (config.earlyStopping !== null && validation === undefined) throw needsValidation(dataset);
  const average = config.ema === null ? undefined : beginAverage(model);
  const evaluator = (name: string, set: AnyImageSet) =>
    makeEvaluator(average ?? model, {
      ...{ name, set, classes, statistics },
      ...{ batchSize: config.testBatchSize, team },
    });
  const preprocessing: Preprocessing = {
    channels,
    height,
    width,
    maxValue,
    ...statistics,
    ...('encoded' in train && { cropShare }),
  };
  return {
    model,
    ...(average && { average }),
    executor: kernels.instantiate(plan, model),
    smaller: makeSmaller(config, dataset, model, planned),
    evaluators: {
      test: evaluator('test', test),
      ...(validation && { validation: evaluator('validation', validation) }),
    },
    sgd: {
      learningRate: optimizer.learningRate,
      momentum: optimizer.momentum,
      nesterov: optimizer.nesterov,
      decay: decaySpans(model.layout.parameters, optimizer),
    },
    card: { spec, classes, preprocessing, dataset: dataset.name },
    statistics,
    batchSize,
    stepsPerEpoch: Math.floor(train.count / batchSize),
  };
}

/** Plans over the same weights for the smaller images of progressive resizing. */
function makeSmaller(
  config: RunConfig,
  { train, classes }: Dataset,
  model: Model,
  planned: ModelPlanOptions,
): TrainingModel['smaller'] {
  return sizesOf(config).map((size) => {
    checkSizes([size], train);
    const input = { channels: train.channels, height: size.side, width: size.side };
    const spec = configNetwork(config, { input, classes: classes.length });
    const plan = planModel({ ...model, graph: buildGraph(spec) }, planned);
    return { ...size, executor: model.kernels.instantiate(plan, model) };
  });
}

/** Test images choose nothing, so they do not choose when to stop. */
function needsValidation({ name }: Dataset): Error {
  return usageError({
    path: 'earlyStopping.patience',
    rule: `needs validation images, which ${name} has none of`,
    hint: 'hold some of the training images out with data.valSplit',
  });
}

/** Until which epoch images have which smaller side. */
export function sizesOf({ augment, epochs }: RunConfig): readonly ImageSize[] {
  const sizes = augment.progressive ?? [];
  return sizes.map(({ until, side }) => ({ untilEpoch: Math.floor(until * epochs), side }));
}

/** What computes the batches of an epoch. */
export function executorAt({ executor, smaller }: TrainingModel, epoch: number): Executor {
  return sizeAt(smaller, epoch)?.executor ?? executor;
}

/** Starts the batches from where a state stands. */
export function openTrainingBatches(
  config: RunConfig,
  dataset: Dataset,
  { statistics, batchSize, stepsPerEpoch }: TrainingModel,
  state: TrainState,
  { rank, ranks }: Team = soloTeam(),
): BatchSource {
  const { seed, epochs, replicas } = config;
  const isEpochDone = state.stepInEpoch >= stepsPerEpoch;
  const firstEpoch = state.epoch + (isEpochDone ? 1 : 0);
  if (firstEpoch >= epochs) return noBatches;
  return openBatches({
    set: dataset.train,
    batchSize,
    order: 'shuffled',
    seed,
    augment: chosenAugment(config),
    statistics,
    sizes: sizesOf(config),
    shard: { index: rank, of: ranks },
    mixingParts: replicas / ranks,
    firstEpoch,
    firstStep: isEpochDone ? 0 : state.stepInEpoch,
    stepsPerEpoch,
    epochs,
  });
}

/** What is drawn for each image; null when images are only normalised. */
export function chosenAugment({ augment }: RunConfig): AugmentSpec | null {
  const { mirror, pad, cutout, mixup, cutmix, resizedCrop, color } = augment;
  const isPlain = !mirror && [pad, cutout, mixup, cutmix].every((n) => n === 0);
  return isPlain && resizedCrop === null && color === null ? null : augment;
}

/** For a run whose last step is done. */
const noBatches: BatchSource = {
  next: () => {
    throw internalError('no batches are left');
  },
  waitedMs: 0,
  close: async () => {},
};

/** Frees the memory of the plans. */
export function disposeTrainingModel({ executor, smaller, evaluators }: TrainingModel): void {
  executor.dispose();
  for (const { executor: other } of smaller) other.dispose();
  evaluators.test.dispose();
  evaluators.validation?.dispose();
}

/** All numbers that a run goes on from, by what they are; ranks have the same bits of them. */
export function rankValues({ model, average }: Pick<TrainingModel, 'model' | 'average'>) {
  const averages = average
    ? ([
        ['averaged weights', average.parameters],
        ['their running averages', average.state],
      ] as const)
    : [];
  return [
    ['weights', model.parameters],
    ['momentum', model.momentum],
    ['running averages', model.state],
    ...averages,
  ] as const;
}
