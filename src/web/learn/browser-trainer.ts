/**
 * Training in a page: the recipe, the batches and the steps of `igc train` over images in memory, without its files. The same
 * seed and kernels give the same bits, but what is written is the model alone.
 */
import { IgcError } from '../../core/errors.ts';
import { normalisationTable } from '../../data/batches/augment.ts';
import {
  allocateBatch,
  type DecodedRecipe,
  fillBatch,
  orderEpoch,
} from '../../data/batches/batch-content.ts';
import { channelStatistics } from '../../data/channel-statistics.ts';
import type { ChannelStatistics, ImageSet } from '../../data/dataset.ts';
import { imagePixels } from '../../data/image-set.ts';
import type { Executor, KernelSet } from '../../kernels/contract.ts';
import { makeClassifier, softmaxRows } from '../../model/classifier.ts';
import { initializeModel, type Model, makeModel, planModel } from '../../model/model.ts';
import { encodeModel } from '../../model/model-file.ts';
import { namedNetwork } from '../../spec/named-networks.ts';
import { batchSizeFor } from '../../train/batch-size.ts';
import { gradientStep } from '../../train/gradient-step.ts';
import { decaySpans } from '../../train/optimizer.ts';
import { recipes } from '../../train/recipes.ts';
import { learningRateAt, oldWeightAt } from '../../train/schedule.ts';
import {
  addBatch,
  addLosses,
  countCorrect,
  type Evaluation,
  newTally,
  percentOf,
  summarize,
} from '../../train/tally.ts';
import type { FromWorker, LearnImages, LearnRow, LearnSettings } from './messages.ts';

/** What happens, as it is told to the page. */
export type LearnEvent = Extract<FromWorker, { kind: 'begin' | 'step' | 'epoch' | 'done' }>;

interface Learning {
  readonly settings: LearnSettings;
  readonly images: LearnImages;
  readonly statistics: ChannelStatistics;
  readonly model: Model;
  readonly executor: Executor;
  readonly recipe: DecodedRecipe;
  readonly stepsPerEpoch: number;
  readonly schedule: Parameters<typeof learningRateAt>[0];
}

/**
 * Trains and yields what happens, a step at a time, so that a caller can look up in between; ends early, with the network as
 * it is then, when `isStopped` says so.
 *
 * Throws usage errors for networks and sizes that do not fit, and `diverged` for a loss that is not finite.
 */
export function* learn(
  images: LearnImages,
  settings: LearnSettings,
  kernels: KernelSet,
  isStopped: () => boolean,
): Generator<LearnEvent> {
  const began = performance.now();
  const learning = prepare(images, settings, kernels);
  const { model, executor, stepsPerEpoch } = learning;
  try {
    yield {
      kind: 'begin',
      kernels: kernels.name,
      threads: kernels.threads,
      params: model.layout.parameterSize,
      trainImages: images.train.count,
      testImages: images.test.count,
      epochs: settings.epochs,
      steps: settings.epochs * stepsPerEpoch,
    };
    let epoch = 0;
    let evaluation: Evaluation | undefined;
    while (epoch < settings.epochs && !isStopped()) {
      const done = yield* learnEpoch(learning, epoch, isStopped);
      if (!done) break;
      epoch++;
      evaluation = evaluate(learning);
      yield {
        kind: 'epoch',
        row: { ...done, testLoss: evaluation.loss, testAccuracy: evaluation.top1 },
      };
    }
    const { confusion: counts, images: count, top1 } = evaluation ?? evaluate(learning);
    yield {
      kind: 'done',
      isStopped: epoch < settings.epochs,
      model: encoded(learning, epoch),
      confusion: { classes: images.classes, counts, images: count, top1, epoch },
      seconds: (performance.now() - began) / 1000,
    };
  } finally {
    executor.dispose();
  }
}

function prepare(images: LearnImages, settings: LearnSettings, kernels: KernelSet): Learning {
  const { train, classes } = images;
  const { values } = recipes[settings.recipe];
  const { channels, height, width } = train;
  const input = { channels, height, width };
  const { net, depth, epochs, seed, learningRate, mirror } = settings;
  const spec = namedNetwork({
    net,
    depth,
    input,
    classes: classes.length,
    batchNorm: { oldWeight: values.bn.oldWeight },
  });
  const model = makeModel(spec, kernels);
  initializeModel(model, seed);
  const { replicas, smoothing } = values;
  const batchSize = batchSizeFor({ batchSize: values.batchSize, replicas }, train.count);
  const statistics = channelStatistics(train);
  return {
    settings,
    images,
    statistics,
    model,
    executor: kernels.instantiate(
      planModel(model, { batch: batchSize, training: true, replicas, smoothing }),
      model,
    ),
    recipe: {
      set: train,
      batchSize,
      order: 'shuffled',
      seed,
      augment: { ...values.augment, mirror },
      statistics,
    },
    stepsPerEpoch: Math.floor(train.count / batchSize),
    schedule: {
      ...values,
      epochs,
      optimizer: { ...values.optimizer, learningRate },
      schedule: { ...values.schedule, milestones: [...values.schedule.milestones] },
    },
  };
}

/** The epoch's row without its evaluation; undefined when stopped within. */
function* learnEpoch(
  { settings, model, executor, recipe, stepsPerEpoch, schedule }: Learning,
  epoch: number,
  isStopped: () => boolean,
): Generator<LearnEvent, Omit<LearnRow, 'testLoss' | 'testAccuracy'> | undefined> {
  const { bn, optimizer } = recipes[settings.recipe].values;
  const batch = allocateBatch(recipe);
  const order = orderEpoch(recipe, epoch);
  const sgd = {
    learningRate: 0,
    momentum: optimizer.momentum,
    nesterov: optimizer.nesterov,
    decay: decaySpans(model.layout.parameters, optimizer),
  };
  const sums = { loss: 0, correct: 0, images: 0 };
  const began = performance.now();
  const rate = () => (1000 * sums.images) / (performance.now() - began);
  for (let i = 0; i < stepsPerEpoch; i++) {
    if (isStopped()) return undefined;
    const count = fillBatch(batch, recipe, order, i);
    const step = epoch * stepsPerEpoch + i;
    const loss = gradientStep(
      { model, executor, sgd },
      { images: batch.images, labels: batch.labels, count },
      {
        learningRate: learningRateAt(schedule, step, stepsPerEpoch),
        oldWeight: oldWeightAt(bn, step),
      },
    );
    if (!Number.isFinite(loss)) {
      const place = `epoch ${epoch + 1}, step ${i + 1}`;
      throw new IgcError(
        'diverged',
        `${place}: the loss must be finite, got ${loss}; choose a smaller learning rate`,
      );
    }
    sums.loss += loss * count;
    sums.correct += countCorrect(executor.output(), batch.labels, count, model.spec.classes);
    sums.images += count;
    yield { kind: 'step', step: step + 1, epoch: epoch + 1, loss, imagesPerSecond: rate() };
  }
  return {
    epoch: epoch + 1,
    learningRate: sgd.learningRate,
    trainLoss: sums.loss / sums.images,
    trainAccuracy: percentOf(sums.correct, sums.images),
    imagesPerSecond: rate(),
  };
}

const evaluatedAtOnce = 64;

function evaluate({ model, images, statistics }: Learning): Evaluation {
  const { test, classes } = images;
  const classifier = makeClassifier(model);
  const table = normalisationTable(test.maxValue, statistics);
  const tally = newTally(classes.length);
  const k = Math.min(5, classes.length);
  try {
    for (let first = 0; first < test.count; first += evaluatedAtOnce) {
      const labels = Int32Array.from(test.labels.subarray(first, first + evaluatedAtOnce));
      const logits = classifier.logits(pixelsOf(test, first, labels.length), table);
      addBatch(tally, logits, labels, labels.length, k);
      addLosses(tally, softmaxRows(logits, classes.length), labels);
    }
    return summarize(tally, classes, test.count, k);
  } finally {
    classifier.dispose();
  }
}

function pixelsOf(set: ImageSet, first: number, count: number): Uint8Array {
  const size = set.channels * set.height * set.width;
  const pixels = new Uint8Array(count * size);
  for (let i = 0; i < count; i++) pixels.set(imagePixels(set, first + i), i * size);
  return pixels;
}

function encoded(
  { model, images, statistics, stepsPerEpoch }: Learning,
  epoch: number,
): Uint8Array<ArrayBuffer> {
  const { channels, height, width, maxValue } = images.train;
  return encodeModel(model, {
    spec: model.spec,
    classes: images.classes,
    preprocessing: { channels, height, width, maxValue, ...statistics },
    dataset: images.name,
    epoch,
    step: epoch * stepsPerEpoch,
  }) as Uint8Array<ArrayBuffer>;
}
