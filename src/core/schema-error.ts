/**
 * What a valibot schema finds wrong, as one of our errors: the exact path, the rule, the value, and for unknown keys the
 * nearest known one. Schemas are strict objects, so that a mistyped key never goes unnoticed.
 */
import type * as v from 'valibot';
import { nearestName, suggestName, usageError } from './errors.ts';
import { isRecord } from './nested-values.ts';

/** Where the checked value stands: `prefix` (`net.`, `my-net.yaml: `) before every path, `whole` instead of an empty one. */
export interface SchemaPlace {
  readonly prefix?: string;
  readonly whole: string;
}

/** The error for what a schema found wrong with a value: the first unknown key, since it may explain a missing one, else the first thing. */
export function schemaError(
  schema: v.GenericSchema<unknown, unknown>,
  issues: readonly [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]],
  { prefix = '', whole }: SchemaPlace,
): Error {
  const issue = issues.find(isUnknownKey) ?? issues[0];
  const keys = (issue.path ?? []).map(({ key }) => key as string | number);
  const path = keys.length === 0 ? whole : prefix + joinPath(keys);
  const isStrict = issue.type === 'strict_object';
  if (isUnknownKey(issue)) {
    return usageError({ path, rule: 'unknown option', hint: suggestKey(schema, issue) });
  }
  const got = JSON.stringify(issue.input) ?? 'nothing';
  if (isStrict && issue.received === 'undefined')
    return usageError({ path, rule: 'must be given' });
  if (isStrict) return usageError({ path, rule: 'must be an object', got });
  return usageError({ path, rule: issue.message, got, hint: suggestChoice(issue) });
}

/** The choice nearest to a mistyped one; nothing for values that are no choices. */
function suggestChoice({ type, expected, input }: v.BaseIssue<unknown>): string {
  if (type !== 'picklist' || typeof input !== 'string') return '';
  const choices = [...(expected ?? '').matchAll(/"([^"]*)"/g)].map(([, choice]) => choice!);
  const nearest = nearestName(input, choices);
  return nearest === undefined ? '' : `did you mean "${nearest}"?`;
}

function isUnknownKey({ type, expected }: v.BaseIssue<unknown>): boolean {
  return type === 'strict_object' && expected === 'never';
}

/** `blocks[2].body[0].kernel` */
function joinPath(keys: readonly (string | number)[]): string {
  return keys.reduce<string>((path, key) => {
    if (typeof key === 'number') return `${path}[${key}]`;
    return path === '' ? key : `${path}.${key}`;
  }, '');
}

/** The nearest key beside the unknown one, else the same one anywhere, else all keys beside it. */
function suggestKey(root: unknown, issue: v.BaseIssue<unknown>): string {
  const path = issue.path!;
  const unknown = String(path.at(-1)!.key);
  let schema: unknown = root;
  for (const { key, input } of path.slice(0, -1)) schema = innerOf(schema, key, input);
  const known = Object.keys(entriesOf(chosen(schema, path.at(-1)!.input)));
  const same = allPaths(root).find((path) => path.endsWith(`.${unknown}`));
  if (nearestName(unknown, known) === undefined && same) return `did you mean "${same}"?`;
  return suggestName(unknown, known);
}

/** The schema of `input[key]`, where `input` is what `schema` checks. */
function innerOf(schema: unknown, key: unknown, input: unknown): unknown {
  const outer = chosen(schema, input);
  return typeof key === 'number' ? (outer as { item?: unknown }).item : entriesOf(outer)[`${key}`];
}

/** The schema without wrappers; of several, the one for this value. */
function chosen(schema: unknown, value: unknown): unknown {
  if (!isRecord(schema)) return {};
  if (isRecord(schema.wrapped)) return chosen(schema.wrapped, value);
  if (typeof schema.getter === 'function') return chosen(schema.getter(value), value);
  if (!Array.isArray(schema.options)) return schema;
  const kind = isRecord(value) ? value[String(schema.key)] : undefined;
  const fits = (option: unknown) => {
    const entry = entriesOf(option)[String(schema.key)];
    if (schema.type === 'variant') return isRecord(entry) && entry.literal === kind;
    return Object.keys(entriesOf(option)).length > 0 === isRecord(value);
  };
  return chosen(schema.options.find(fits), value);
}

function allPaths(schema: unknown, prefix = ''): string[] {
  return Object.entries(entriesOf(chosen(schema, undefined))).flatMap(([key, inner]) => [
    prefix + key,
    ...allPaths(inner, `${prefix}${key}.`),
  ]);
}

function entriesOf(schema: unknown): Record<string, unknown> {
  return isRecord(schema) && isRecord(schema.entries) ? schema.entries : {};
}
