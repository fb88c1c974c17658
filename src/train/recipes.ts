/**
 * Named sets of training choices: the paper's, ours for the embedded digits, and ours for folders of images. A recipe is only default
 * values; everything in it can be overridden. `bn.oldWeight: null` follows the network (0.99 plain, 0.9 +Ident).
 */

/** Names of the recipes. */
export type RecipeName = keyof typeof recipes;

/**
 * The paper's training on CIFAR: 400 epochs of Nesterov SGD, the rate divided by 10 at 1/2, 3/4 and 7/8.
 * @source paper §5.1; the authors' options.py and train_model.py
 */
const paperCifar = {
  net: 'IGC-L24M2',
  depth: 20,
  family: 'cifar',
  double: null,
  variant: {},
  data: {
    name: 'cifar10',
    dir: null,
    valSplit: 0,
    imgSize: null,
    testSplit: null,
    skipBad: false,
    synthetic: null,
  },
  epochs: 400, // paper §5.1
  batchSize: 64, // paper §5.1
  testBatchSize: 400, // authors' code
  optimizer: {
    learningRate: 0.1, // paper §5.1
    momentum: 0.9, // paper §5.1
    nesterov: true, // authors' code
    weightDecay: 1e-4, // paper §5.1
    decayBatchNorm: true, // authors' code
  },
  schedule: {
    kind: 'step',
    milestones: [1 / 2, 3 / 4, 7 / 8], // paper §5.1: 200, 300, 350 of 400
    factor: 0.1, // paper §5.1
    warmupEpochs: 0,
    warmupFrom: 0.01,
    finalFactor: 0,
    startFactor: 0.04,
    peakAt: 0.3,
  },
  smoothing: 0,
  replicas: 2, // two GPUs of 32 images each
  bn: { oldWeight: null, epsilon: 2e-5, warm: true }, // authors' code
  augment: { pad: 4, mirror: true }, // paper §5.1
  seed: 0,
  threads: 0,
  kernels: 'auto',
  output: 'runs',
  name: null,
  checkpointEvery: 1,
  checkpointSteps: 0,
  evalEvery: 1,
} as const;

/** Small images, few of them, and a mirrored digit is no digit. */
const digits = {
  ...paperCifar,
  depth: 8,
  data: { ...paperCifar.data, name: 'digits' },
  epochs: 20,
  bn: { ...paperCifar.bn, oldWeight: 0.9 }, // 440 steps are too few for 0.99
  augment: { pad: 1, mirror: false },
} as const;

/** Photos of one's own: a few hundred to some ten thousand. */
const folder = {
  ...paperCifar,
  depth: 8,
  data: { ...paperCifar.data, name: 'folder' },
  epochs: 30,
  batchSize: null, // by the number of images: 64, or less for small sets
  replicas: 1,
  bn: { ...paperCifar.bn, oldWeight: 0.9 }, // few steps, as with digits
} as const;

/**
 * The paper's training on SVHN: 40 epochs, no augmentation; 400 images of each class of train and 200 of extra are
 * held out.
 * @source paper §5.1
 */
const paperSvhn = {
  ...paperCifar,
  data: { ...paperCifar.data, name: 'svhn', split: 'paper' },
  epochs: 40, // paper §5.1; drops at 20, 30, 35
  testBatchSize: 280, // authors' code
  augment: { pad: 0, mirror: false }, // paper §5.1
} as const;

/** The same, on the official split: without the extra images. */
const svhn = { ...paperSvhn, data: { ...paperSvhn.data, split: 'official' } } as const;

/** One cycle in few epochs, images shifted by a pixel: the best of four settings on held-out training images. */
const fashion = {
  ...paperCifar,
  depth: 8,
  data: { ...paperCifar.data, name: 'fashion-mnist' },
  epochs: 10,
  optimizer: { ...paperCifar.optimizer, learningRate: 0.2 },
  schedule: { ...paperCifar.schedule, kind: 'one-cycle' },
  augment: { pad: 1, mirror: true },
} as const;

/** A mirrored digit is no digit. */
const mnist = {
  ...fashion,
  data: { ...fashion.data, name: 'mnist' },
  augment: { pad: 1, mirror: false },
} as const;

/**
 * The paper's training on ImageNet: 95 epochs of batches of 256 (8 GPUs of 32), the rate divided by 10 after 30, 60
 * and 90.
 * @source paper §5.3; the authors' train_imagenet.py
 */
const paperImagenet = {
  ...paperCifar,
  net: 'IGC-L100M2+Ident',
  depth: 18,
  family: 'imagenet18',
  double: 'L', // authors' released graph
  data: {
    ...paperCifar.data,
    name: 'imagenet',
    imgSize: 224,
    statistics: {
      mean: [123.37 / 255, 112.757 / 255, 99.406 / 255], // authors' code
      std: [68.998 / 255, 66.093 / 255, 68.292 / 255], // authors' code
    },
  },
  epochs: 95, // authors' released weights
  batchSize: 256,
  testBatchSize: 100,
  schedule: { ...paperCifar.schedule, milestones: [30 / 95, 60 / 95, 90 / 95] },
  replicas: 8,
  augment: {
    pad: 0,
    mirror: true,
    // authors' code: short side 480, scale 0.533 … 1, aspect 0.25, HSL 36, 50, 50
    resizedCrop: { shortSide: 480, minScale: 0.533, maxScale: 1, aspect: 0.25 },
    color: { hue: 36, saturation: 50, lightness: 50 },
  },
} as const;

/** Every recipe: what it is for, in a sentence, and its values. */
export const recipes = {
  'paper-cifar': {
    about: "the paper's training on CIFAR-10: 400 epochs, pad-4 crops and mirroring",
    values: paperCifar,
  },
  'paper-svhn': {
    about: "the paper's training on SVHN: 40 epochs, no augmentation, 6,000 images held out",
    values: paperSvhn,
  },
  'paper-imagenet': {
    about:
      "the paper's training on ImageNet: IGC-L100M2+Ident, 95 epochs, random crops and colours",
    values: paperImagenet,
  },
  'fashion-mnist': {
    about: 'IGC-L24M2 (D=8) on Fashion-MNIST in 10 epochs',
    values: fashion,
  },
  mnist: { about: 'IGC-L24M2 (D=8) on MNIST in 10 epochs', values: mnist },
  svhn: {
    about: 'the same on the official split of SVHN, without the extra images',
    values: svhn,
  },
  digits: {
    about: 'IGC-L24M2 (D=8) on the embedded handwritten digits in 20 epochs',
    values: digits,
  },
  folder: {
    about: 'IGC-L24M2 (D=8) on your own images in 30 epochs, pad-4 crops and mirroring',
    values: folder,
  },
} as const;

/** The recipe for a data set when none is named: the one of its name, for ImageNet the paper's. */
export function recipeFor(dataName: string | undefined): RecipeName {
  if (dataName === 'imagenet') return 'paper-imagenet';
  const isRecipe = dataName !== undefined && Object.hasOwn(recipes, dataName);
  return isRecipe ? (dataName as RecipeName) : 'paper-cifar';
}
