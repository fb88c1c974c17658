/**
 * Options of commands: those that set values of the configuration (the table is config-flags.ts), those that several
 * commands share, and how their values are read.
 */
import { type Command, Option } from 'commander';
import { IgcError, usageError } from '../core/errors.ts';
import { setPath } from '../core/nested-values.ts';
import { parseVariant } from '../spec/variant.ts';
import { configFlags, type ValueKind } from './config-flags.ts';

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
    const { isToldElsewhere } = error;
    return new IgcError(error.kind, flag + rest, { cause: error, isToldElsewhere });
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

const longestMs = 2 ** 31; // Node's timers go no further

/** A duration in milliseconds: `20ms`, `90s`, `30m`, `2h`, `1h30m`, `1.5h`, or `2:30:00`. Throws a usage error naming `flag`. */
export function parseDuration(flag: string, text: string): number {
  const clock = /^(\d+):(\d\d)(?::(\d\d))?$/.exec(text);
  const units =
    /^(?:([\d.]+)d)?(?:([\d.]+)h)?(?:([\d.]+)m(?:in)?)?(?:([\d.]+)s)?(?:([\d.]+)ms)?$/.exec(
      text.trim(),
    );
  const parts = clock
    ? [0, ...clock.slice(1).map((part) => Number(part ?? 0))].slice(0, 4)
    : units?.slice(1).map((part) => Number(part ?? 0));
  const [days = 0, hours = 0, minutes = 0, seconds = 0, milliseconds = 0] = parts ?? [];
  const timeMs = milliseconds + 1000 * (seconds + 60 * (minutes + 60 * (hours + 24 * days)));
  if (timeMs > 0 && timeMs < longestMs) return timeMs;
  if (timeMs >= longestMs) {
    throw usageError({ path: flag, rule: 'must be under 24 days', got: JSON.stringify(text) });
  }
  throw usageError({
    path: flag,
    rule: 'must be a time',
    got: JSON.stringify(text),
    hint: 'for example 90s, 30m, 2h or 1h30m',
  });
}

const byteUnits: Readonly<Record<string, number>> = {
  ...{ '': 1, B: 1, KB: 1e3, MB: 1e6, GB: 1e9 },
  ...{ KIB: 2 ** 10, MIB: 2 ** 20, GIB: 2 ** 30 },
};

/** A size in bytes: `500kB`, `10MB`, `16MiB`, or a number of them. Throws a usage error naming `flag`. */
export function parseBytes(flag: string, text: string): number {
  const [, value = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim()) ?? [];
  const sizeBytes = Number(value) * (byteUnits[unit.toUpperCase()] ?? Number.NaN);
  if (sizeBytes >= 1) return Math.floor(sizeBytes);
  throw usageError({
    path: flag,
    rule: 'must be a size',
    got: JSON.stringify(text),
    hint: 'for example 500kB, 10MB or 16MiB',
  });
}
