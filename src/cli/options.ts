/**
 * The flags that set values of a run's configuration, in one table: flag, place in the configuration, kind of
 * value, help. Flags that are something else (--json, --resume) belong to their commands.
 * What values are allowed is not said here but in train/config.ts.
 */
import { type Command, Option } from 'commander';
import { IgcError, usageError } from '../core/errors.ts';
import { parseVariant } from '../spec/variant.ts';

type ValueKind = 'number' | 'text' | 'on' | 'off' | 'variant';

interface ConfigFlag {
  readonly flags: string;
  /** Place in the configuration, keys joined by dots. */
  readonly path: string;
  readonly kind: ValueKind;
  readonly group: 'Network' | 'Data' | 'Training' | 'Machine' | 'Run';
  readonly help: string;
  /** A second name of the flag before it; not shown in the help. */
  readonly alias?: true;
}

const configFlags: readonly ConfigFlag[] = [
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
    flags: '--replicas <n>',
    path: 'replicas',
    kind: 'number',
    group: 'Training',
    help: 'parts of a batch with batch-norm statistics of their own',
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

/** What a command's flags say about the configuration, and which flag said it. */
export interface FlagValues {
  /** Nested as the configuration is. */
  readonly overrides: Record<string, unknown>;
  /** `optimizer.learningRate` → `--lr` */
  readonly flagOf: ReadonlyMap<string, string>;
}

/** Adds the flags of all the configuration to a command, or of some paths or parts (`data`). */
export function addConfigFlags(command: Command, paths?: readonly string[]): Command {
  for (const { flags, path, help, group, alias } of configFlags) {
    const wanted = (part: string) => path === part || path.startsWith(`${part}.`);
    if (paths && !paths.some(wanted)) continue;
    const option = new Option(flags, help).helpGroup(`${group}:`);
    if (alias) option.hideHelp();
    command.addOption(option);
  }
  return command;
}

/** Reads the flags that were given. Throws a usage error naming a flag whose value is no number. */
export function readConfigFlags(command: Command): FlagValues {
  const overrides: Record<string, unknown> = {};
  const flagOf = new Map<string, string>();
  for (const { flags, path, kind } of configFlags) {
    const option = command.options.find((known) => known.flags === flags);
    if (!option || command.getOptionValueSource(option.attributeName()) !== 'cli') continue;
    const raw: unknown = command.getOptionValue(option.attributeName());
    const flag = option.long!;
    setPath(overrides, path, readValue(flag, kind, raw));
    flagOf.set(path, flag);
  }
  return { overrides, flagOf };
}

/** The error with the flag's name in the place of the configuration's, when a flag gave the value. */
export function nameFlagIn(error: unknown, flagOf: FlagValues['flagOf']): unknown {
  if (!(error instanceof IgcError)) return error;
  for (const [path, flag] of flagOf) {
    const { message } = error;
    if (!message.startsWith(`${path}: `) && !message.startsWith(`${path}.`)) continue;
    const rest = message.slice(path.length).replace(/^\./, ' ');
    return new IgcError(error.kind, flag + rest, { cause: error });
  }
  return error;
}

/** Names of the library that its hints use, as this command calls them. */
const hintNames: readonly (readonly [name: string, flag: string])[] = [
  ...configFlags
    .filter(({ path, alias }) => path.includes('.') && !alias)
    .map(({ path, flags }) => [path, /--[\w-]+/.exec(flags)![0]] as const),
];

/** The message with flags instead of the library's names in its hint (what stands after the last `;`). */
export function nameFlagsInHint(message: string): string {
  const at = message.lastIndexOf('; ');
  if (at < 0) return message;
  const hint = hintNames.reduce((text, [name, flag]) => {
    const escaped = name.replace('.', '\\.');
    return text.replace(new RegExp(`(?<![\\w.-])${escaped}(?![\\w.])`, 'g'), flag);
  }, message.slice(at));
  return message.slice(0, at) + hint;
}

/** Sets `target.a.b` for the path `a.b`; a value on the way that is no object is replaced. */
export function setPath(target: Record<string, unknown>, path: string, value: unknown): void {
  const keys = path.split('.');
  const last = keys.pop()!;
  let place = target;
  for (const key of keys) {
    const inner = Object.hasOwn(place, key) ? place[key] : undefined;
    if (typeof inner === 'object' && inner !== null && !Array.isArray(inner)) {
      place = inner as Record<string, unknown>;
      continue;
    }
    const fresh: Record<string, unknown> = {};
    place[key] = fresh;
    place = fresh;
  }
  place[last] = value;
}

function readValue(flag: string, kind: ValueKind, raw: unknown): unknown {
  switch (kind) {
    case 'text':
      return String(raw);
    case 'on':
      return true;
    case 'off':
      return false;
    case 'variant':
      return readVariant(flag, String(raw));
    case 'number':
      return parseNumber(flag, String(raw));
  }
}

function readVariant(flag: string, text: string): Record<string, unknown> {
  try {
    return parseVariant(text);
  } catch (error) {
    throw nameFlagIn(error, new Map([['variant', flag]]));
  }
}

/** A number written in decimal, or with an exponent. Throws a usage error naming `flag`. */
export function parseNumber(flag: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value)) return value;
  throw usageError({ path: flag, rule: 'must be a number', got: JSON.stringify(text) });
}

/** --json, --checkpoint and others that several commands share. */
export const sharedOptions = {
  json: () => new Option('--json', 'print JSON on stdout'),
  checkpoint: () =>
    new Option('--checkpoint <which>', 'which checkpoint of the run')
      .choices(['last', 'best'])
      .default('last'),
  recipe: () =>
    new Option(
      '--recipe <name>',
      'default values: paper-cifar, paper-svhn, paper-imagenet, digits, folder, … (default: by --data)',
    ),
  config: () => new Option('--config <file>', 'values from a JSON or YAML file'),
  set: () =>
    new Option(
      '--set <path=value>',
      'any value of the configuration, e.g. schedule.factor=0.2',
    ).argParser((value: string, before: readonly string[] = []) => [...before, value]),
} as const;

/** What --checkpoint gives. */
export type CheckpointChoice = 'last' | 'best';

/** The configuration's values for commands that only run a network. */
export const machineFlags = ['threads', 'kernels'] as const;

/** A whole number of at least 1. Throws a usage error naming `flag`. */
export function parseCount(flag: string, text: string): number {
  const value = parseNumber(flag, text);
  if (Number.isInteger(value) && value >= 1) return value;
  throw usageError({ path: flag, rule: 'must be a whole number of at least 1', got: text });
}
