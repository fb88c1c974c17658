/**
 * The flags that set values of a run's configuration, in one table: flag, place in the configuration, kind of
 * value, help. Flags that are something else (--json, --resume) belong to their commands.
 * What values are allowed is not said here but in train/config.ts.
 */

export type ValueKind = 'number' | 'text' | 'on' | 'off' | 'variant';

export interface ConfigFlag {
  readonly flags: string;
  /** Place in the configuration, keys joined by dots. */
  readonly path: string;
  readonly kind: ValueKind;
  readonly group: 'Network' | 'Data' | 'Training' | 'Machine' | 'Run';
  readonly help: string;
  /** A second name of the flag before it; not shown in the help. */
  readonly alias?: true;
}

export const configFlags: readonly ConfigFlag[] = [
  {
    flags: '--net <name>',
    path: 'net',
    kind: 'text',
    group: 'Network',
    help: 'IGC-L<L>M<M>, RegConv-W<width> or SumFusion, each with optional +Ident; or a JSON or YAML file',
  },
  {
    flags: '--depth <D>',
    path: 'depth',
    kind: 'number',
    group: 'Network',
    help: 'of family cifar: 3B+2, or 6n+2 for +Ident networks',
  },
  {
    flags: '--family <name>',
    path: 'family',
    kind: 'text',
    group: 'Network',
    help: 'layout of stem and stages: cifar, flat8 (figure 3) or imagenet18 (Table 6)',
  },
  {
    flags: '--double <letter>',
    path: 'double',
    kind: 'text',
    group: 'Network',
    help: 'what doubles from stage to stage: M, or L as in the ImageNet IGC-L100M2 (default: M)',
  },
  {
    flags: '--variant <key=value,…>',
    path: 'variant',
    kind: 'variant',
    group: 'Network',
    help: 'of every block: primaryKernel, secondaryKernel, secondary, split, bottleneck, primaryConvolutions, between, bn, quirk',
  },
  {
    flags: '--data <name>',
    path: 'data.name',
    kind: 'text',
    group: 'Data',
    help: 'digits, cifar10, cifar100, svhn, mnist, fashion-mnist, imagenet, synthetic; or the path of a folder or packed file',
  },
  {
    flags: '--data-dir <dir>',
    path: 'data.dir',
    kind: 'text',
    group: 'Data',
    help: 'where the data lie (default: $IGCNET_DATA, ~/.cache/igcnet-data)',
  },
  {
    flags: '--val-split <share>',
    path: 'data.valSplit',
    kind: 'number',
    group: 'Data',
    help: 'share of the training images held out for validation',
  },
  {
    flags: '--test-split <share>',
    path: 'data.testSplit',
    kind: 'number',
    group: 'Data',
    help: 'share of a folder held out for testing when it has no test/',
  },
  {
    flags: '--img-size <pixels>',
    path: 'data.imgSize',
    kind: 'number',
    group: 'Data',
    help: 'side to which images of a folder are resized (default: 32; imagenet: 224)',
  },
  {
    flags: '--skip-bad',
    path: 'data.skipBad',
    kind: 'on',
    group: 'Data',
    help: 'leave out image files that cannot be decoded, and count them',
  },
  { flags: '--epochs <n>', path: 'epochs', kind: 'number', group: 'Training', help: 'epochs' },
  {
    flags: '-b, --batch-size <n>',
    path: 'batchSize',
    kind: 'number',
    group: 'Training',
    help: 'images in a batch (also --batch); for a folder by its number of images',
  },
  {
    flags: '--batch <n>',
    path: 'batchSize',
    kind: 'number',
    group: 'Training',
    help: 'the same as --batch-size',
    alias: true,
  },
  {
    flags: '--lr <rate>',
    path: 'optimizer.learningRate',
    kind: 'number',
    group: 'Training',
    help: 'highest learning rate',
  },
  {
    flags: '--momentum <share>',
    path: 'optimizer.momentum',
    kind: 'number',
    group: 'Training',
    help: 'Nesterov momentum',
  },
  {
    flags: '--weight-decay <factor>',
    path: 'optimizer.weightDecay',
    kind: 'number',
    group: 'Training',
    help: 'weight decay',
  },
  {
    flags: '--no-decay-bn',
    path: 'optimizer.decayBatchNorm',
    kind: 'off',
    group: 'Training',
    help: "no weight decay on batch norm's γ and β",
  },
  {
    flags: '--sched <kind>',
    path: 'schedule.kind',
    kind: 'text',
    group: 'Training',
    help: 'step, cosine, one-cycle or constant',
  },
  {
    flags: '--warmup-epochs <n>',
    path: 'schedule.warmupEpochs',
    kind: 'number',
    group: 'Training',
    help: 'epochs of linear warm-up',
  },
  {
    flags: '--smoothing <s>',
    path: 'smoothing',
    kind: 'number',
    group: 'Training',
    help: 'label smoothing',
  },
  {
    flags: '--cutout <pixels>',
    path: 'augment.cutout',
    kind: 'number',
    group: 'Training',
    help: 'blank a square of so many pixels at random',
  },
  {
    flags: '--mixup <alpha>',
    path: 'augment.mixup',
    kind: 'number',
    group: 'Training',
    help: 'blend pairs of images and their labels, by Beta(α, α)',
  },
  {
    flags: '--cutmix <alpha>',
    path: 'augment.cutmix',
    kind: 'number',
    group: 'Training',
    help: 'paste a part of one image into another, and so their labels',
  },
  {
    flags: '--model-ema-decay <share>',
    path: 'ema.decay',
    kind: 'number',
    group: 'Training',
    help: 'evaluate and keep a moving average of the weights; what the old average weighs in a step, e.g. 0.999',
  },
  {
    flags: '--patience <epochs>',
    path: 'earlyStopping.patience',
    kind: 'number',
    group: 'Training',
    help: 'stop when the validation accuracy has not risen for so many epochs (with --val-split)',
  },
  {
    flags: '--replicas <n>',
    path: 'replicas',
    kind: 'number',
    group: 'Training',
    help: 'parts of a batch with batch-norm statistics of their own',
  },
  {
    flags: '--initial-checkpoint <path>',
    path: 'initialCheckpoint',
    kind: 'text',
    group: 'Training',
    help: 'fine-tune: begin with the network of a run, an exported folder or file',
  },
  {
    flags: '--seed <n>',
    path: 'seed',
    kind: 'number',
    group: 'Training',
    help: 'seed of everything random',
  },
  {
    flags: '--threads <n>',
    path: 'threads',
    kind: 'number',
    group: 'Machine',
    help: '0 for all cores; the result is the same for any number',
  },
  {
    flags: '--kernels <name>',
    path: 'kernels',
    kind: 'text',
    group: 'Machine',
    help: 'auto, native, reference, …; "igc doctor" lists them',
  },
  {
    flags: '--storage <type>',
    path: 'storage',
    kind: 'text',
    group: 'Machine',
    help: 'of the activations of training: float32, or bfloat16 (AVX-512), half the memory',
  },
  {
    flags: '--output <dir>',
    path: 'output',
    kind: 'text',
    group: 'Run',
    help: 'folder of run folders (default: runs)',
  },
  {
    flags: '--name <name>',
    path: 'name',
    kind: 'text',
    group: 'Run',
    help: 'name of the run folder (default: made from network, data, seed and date)',
  },
];
