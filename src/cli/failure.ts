/**
 * From an error to what the user sees and the exit code. Mistakes that somebody was expected to make are one
 * line; our own bugs ask to be reported, with their stack trace.
 */
import { CommanderError } from 'commander';
import { exitCodes, IgcError, nearestName } from '../core/errors.ts';
import { nameFlagsInHint } from './options.ts';

export interface Failure {
  /** What to print on stderr; empty when there is nothing to say. */
  readonly message: string;
  readonly exitCode: number;
}

/** Codes of file system errors that are the world's, not ours. */
const worldCodes: ReadonlyMap<string, string> = new Map([
  ['ENOSPC', 'the disk is full'],
  ['EDQUOT', 'the disk quota is used up'],
  ['EACCES', 'permission denied'],
  ['EPERM', 'operation not permitted'],
  ['EROFS', 'the file system is read-only'],
  ['ENOTDIR', 'a part of the path is not a folder'],
  ['EEXIST', 'something of that name exists'],
  ['EISDIR', 'it is a folder'],
  ['ENOENT', 'no such file or folder'],
  ['EMFILE', 'too many open files'],
  ['ENAMETOOLONG', 'the name is too long'],
]);

/** What to say and how to exit; `command` is the command's name for mistakes on its line. */
export function describeFailure(error: unknown, command = 'igc'): Failure {
  if (error instanceof CommanderError) return describeUsage(error, command);
  if (error instanceof IgcError) {
    if (error.isToldElsewhere) return { message: '', exitCode: exitCodes[error.kind] };
    // Names from files may hold anything; a message is one line.
    const message = nameFlagsInHint(error.message).replace(/\p{Cc}/gu, '�');
    return { message, exitCode: exitCodes[error.kind] };
  }
  const code = systemCodeOf(error);
  if (code !== undefined && worldCodes.has(code)) {
    const { path } = error as NodeJS.ErrnoException;
    const place = path === undefined ? '' : `${path}: `;
    return { message: `${place}${worldCodes.get(code)} (${code})`, exitCode: exitCodes.failure };
  }
  return { message: bugReport(error), exitCode: exitCodes.failure };
}

function describeUsage(error: CommanderError, command: string): Failure {
  // Help and version were shown: no failure. A missing command shows the help.
  if (error.exitCode === 0) return { message: '', exitCode: 0 };
  if (error.code === 'commander.help') return { message: '', exitCode: exitCodes.usage };
  const [said = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
  const hint =
    suggestion?.replace(/^\(Did you mean (.*)\?\)$/, 'did you mean $1?') ??
    nearestChoice(said) ??
    `see ${command} --help`;
  return { message: `${command}: ${inOurWords(said)}; ${hint}`, exitCode: exitCodes.usage };
}

/** What was probably meant by an argument that is none of the choices. */
function nearestChoice(said: string): string | undefined {
  const [, typed, choices] =
    /argument '(.*)' is invalid\. Allowed choices are (.*)\.$/.exec(said) ?? [];
  const nearest = nearestName(typed ?? '', choices?.split(', ') ?? []);
  return nearest === undefined ? undefined : `did you mean ${nearest}?`;
}

/** Commander's messages in the form of ours: `<rule>, got <value>`. */
function inOurWords(said: string): string {
  return said
    .replace(/^unknown (option|command) '(.*)'$/, 'unknown $1 $2')
    .replace(/^missing required argument '(.*)'$/, 'needs <$1>')
    .replace(/^required option '(?:-., )?(--\S+).*' not specified$/, 'needs $1')
    .replace(/^option '(?:-., )?(--\S+).*' argument missing$/, '$1 needs a value')
    .replace(
      /^option '(?:-., )?(--\S+).*' argument '(.*)' is invalid\. Allowed choices are (.*)\.$/,
      '$1 must be one of $3, got "$2"',
    )
    .replace(
      /^command-argument value '(.*)' is invalid for argument '(.*)'\. Allowed choices are (.*)\.$/,
      '<$2> must be one of $3, got "$1"',
    )
    .replace(
      /^too many arguments(?: for '.*')?\. Expected (\d+) arguments? but got (\d+)\.$/,
      'takes $1 arguments, got $2',
    )
    .replace('takes 0 arguments', 'takes no arguments')
    .replace('takes 1 arguments', 'takes 1 argument');
}

function systemCodeOf(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : undefined;
}

function bugReport(error: unknown): string {
  const { message, stack } =
    error instanceof Error ? error : { message: String(error), stack: undefined };
  const said = message.startsWith('internal:') ? message : `internal: ${message}`;
  const trace = stack?.split('\n').filter((line) => /^\s+at /.test(line)) ?? [];
  return [
    said,
    ...trace,
    `This is a bug in igcnet. Please report it with the lines above, the command, and the output of "igc doctor".`,
  ].join('\n');
}
