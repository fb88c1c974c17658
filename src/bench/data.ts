/**
 * `bench data`: how fast batches are made. Of images of pixels beside the training step that uses them up; of JPEG
 * folders beside sharp's own decoding, by the CPU time of the whole process.
 */
import { usageError } from '../core/errors.ts';
import { allocateBatch, fillBatch, isDecoded, orderEpoch } from '../data/batches/batch-content.ts';
import { openBatches } from '../data/batches/batches.ts';
import { fillEncodedBatch } from '../data/batches/encoded-batch.ts';
import { decodedAtOnce, encodedName } from '../data/images/encoded-images.ts';
import { openDataset } from '../data/open-dataset.ts';
import { openImagenet } from '../data/readers/imagenet.ts';
import { measureStatistics } from '../data/statistics.ts';
import { chooseKernels } from '../kernels/choose.ts';
import { initializeModel, makeModel, planModel } from '../model/model.ts';
import { resolveConfig } from '../train/config.ts';
import { configNetwork } from '../train/network-choice.ts';
import { median } from './timing.ts';

export interface PixelOptions {
  readonly data: string;
  readonly dataDir?: string;
  readonly net: string;
  readonly depth: number;
  readonly rounds: number;
}

export interface PixelReport {
  readonly data: string;
  readonly net: string;
  readonly depth: number;
  readonly kernels: string;
  readonly rounds: number;
  /** Images a second that one worker makes, alone in its thread. */
  readonly madePerSecond: number;
  /** Images a second of the training step fed by one worker. */
  readonly trainedPerSecond: number;
  /** Share of a core that making batches takes at that rate: the ratio of the two. */
  readonly shareOfCore: number;
  /** Share of its time that the step waits for batches. */
  readonly waitingShare: number;
}

const batchSize = 64;
const stepsPerRound = 150;

/** Makes and trains in turns. Throws as opening the data does. */
export async function benchPixels(options: PixelOptions): Promise<PixelReport> {
  const { data, dataDir, net, depth, rounds } = options;
  const { train, classes } = await openDataset({ name: data, dir: dataDir, seed: 0 });
  const statistics = await measureStatistics(train);
  const { augment } = resolveConfig('paper-cifar');
  const order = 'shuffled';
  const recipe = { set: train, batchSize, order, seed: 0, augment, statistics } as const;
  if (!isDecoded(recipe)) {
    throw usageError({ path: '--data', rule: 'must be of pixels; give --images', got: data });
  }
  const { kernels } = chooseKernels({ kernels: 'auto', threads: 0 });
  const config = resolveConfig('paper-cifar', { net, depth });
  const { channels, height, width } = train;
  const spec = configNetwork(config, {
    input: { channels, height, width },
    classes: classes.length,
  });
  const model = makeModel(spec, kernels);
  initializeModel(model, 0);
  const plan = planModel(model, { batch: batchSize, training: true, replicas: config.replicas });
  const executor = kernels.instantiate(plan, model);
  const decay = [{ offset: 0, size: model.parameters.length, factor: 1e-4 }];
  const sgd = { learningRate: 0.001, momentum: 0.9, nesterov: true, decay };
  const epoch = orderEpoch(recipe, 0);
  const out = allocateBatch(recipe);
  const stepsPerEpoch = Math.floor(train.count / batchSize);
  const range = { firstEpoch: 0, firstStep: 0, stepsPerEpoch, epochs: 1000 };
  const source = openBatches({ ...recipe, ...range });
  const make = () => {
    const began = performance.now();
    for (let step = 0; step < stepsPerRound; step++) {
      fillBatch(out, recipe, epoch, step % stepsPerEpoch);
    }
    return performance.now() - began;
  };
  const trainSteps = () => {
    const [began, waited] = [performance.now(), source.waitedMs];
    for (let step = 0; step < stepsPerRound; step++) {
      const { images, labels } = source.next();
      executor.setBatch(images, labels, batchSize);
      executor.forward({ oldWeight: 0.9 });
      executor.loss();
      executor.backward();
      kernels.updateSgd(model, sgd);
    }
    return { ms: performance.now() - began, waitedMs: source.waitedMs - waited };
  };
  make();
  trainSteps();
  const made: number[] = [];
  const trained: { ms: number; waitedMs: number }[] = [];
  for (let round = 0; round < rounds; round++) {
    made.push(make());
    trained.push(trainSteps());
  }
  await source.close();
  executor.dispose();
  const rate = (ms: number) => (1000 * batchSize * stepsPerRound) / ms;
  const madePerSecond = rate(median(made));
  const trainedPerSecond = rate(median(trained.map(({ ms }) => ms)));
  return {
    data,
    net,
    depth,
    kernels: kernels.name,
    rounds,
    madePerSecond,
    trainedPerSecond,
    shareOfCore: trainedPerSecond / madePerSecond,
    waitingShare: median(trained.map(({ ms, waitedMs }) => waitedMs / ms)),
  };
}

export function pixelText(report: PixelReport, machine: string): string {
  const { data, net, depth, kernels, rounds, madePerSecond, trainedPerSecond } = report;
  const times = (madePerSecond / trainedPerSecond).toFixed(1);
  return [
    `${data}, batches of ${batchSize}, shifted and mirrored, ${machine}; medians of ${rounds} rounds in turns`,
    `one worker makes   ${madePerSecond.toFixed(0)} img/s, ${times}× what the step takes`,
    `${net} D=${depth} step   ${trainedPerSecond.toFixed(0)} img/s with ${kernels}, waiting ${(100 * report.waitingShare).toFixed(2)} % of its time`,
    `making batches takes ${(100 * report.shareOfCore).toFixed(1)} % of a core at that rate`,
  ].join('\n');
}

export interface EncodedReport {
  readonly folder: string;
  readonly images: number;
  readonly rounds: number;
  /** Images per second of CPU time: what one core does. */
  readonly sharpPerCore: number;
  readonly batchesPerCore: number;
  readonly ratio: number;
}

/** The paper's ImageNet batches (random crops of 224, colours) of a folder, and sharp decoding its files, in turns. */
export async function benchEncoded(folder: string, rounds: number): Promise<EncodedReport> {
  const { train } = await openImagenet({ dir: folder });
  const { augment, data } = resolveConfig('paper-imagenet', { data: { dir: folder } });
  const size = Math.min(batchSize, train.count);
  const statistics = data.statistics ?? (await measureStatistics(train));
  const order = 'shuffled';
  const recipe = { set: train, batchSize: size, order, seed: 0, augment, statistics } as const;
  const epoch = orderEpoch(recipe, 0);
  const out = allocateBatch(recipe);
  const steps = Math.max(1, Math.min(4, Math.floor(train.count / size)));
  const { default: sharp } = await import('sharp');
  const files = Array.from({ length: size * steps }, (_, i) =>
    encodedName(train.encoded, epoch.order[i]!),
  );
  const decodeAll = async () => {
    // As many at once as the batches have.
    const next = files.values();
    const lane = async () => {
      for (const file of next) await sharp(file).raw().toBuffer();
    };
    await Promise.all(Array.from({ length: decodedAtOnce }, lane));
  };
  const makeAll = async () => {
    for (let step = 0; step < steps; step++) await fillEncodedBatch(out, recipe, epoch, step);
  };
  const cpuSeconds = async (work: () => Promise<void>) => {
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1e6;
  };
  await decodeAll();
  await makeAll();
  const decoded: number[] = [];
  const made: number[] = [];
  for (let round = 0; round < rounds; round++) {
    decoded.push(await cpuSeconds(decodeAll));
    made.push(await cpuSeconds(makeAll));
  }
  return {
    folder,
    images: files.length,
    rounds,
    sharpPerCore: files.length / median(decoded),
    batchesPerCore: files.length / median(made),
    ratio: median(decoded.map((seconds, round) => seconds / made[round]!)),
  };
}

export function encodedText(report: EncodedReport, machine: string): string {
  const { images, rounds, sharpPerCore, batchesPerCore, ratio } = report;
  return [
    `${images} files of ${report.folder}, ${machine}; images per second of CPU time, medians of ${rounds} rounds in turns`,
    `sharp decodes                     ${sharpPerCore.toFixed(0)} a core`,
    `decoded, cropped, recoloured      ${batchesPerCore.toFixed(0)} a core, ${(100 * ratio).toFixed(0)} % of that`,
  ].join('\n');
}
