/** JSON files of ours, checked as they are read. */
import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import { codeOf } from './durable-files.ts';
import { dataError } from './errors.ts';

/** What a file holds. Throws a data error that names the file, `rule` and what is there instead. */
export function readJsonFile<T>(
  file: string,
  schema: v.GenericSchema<unknown, T>,
  rule: string,
): T {
  const parsed = v.safeParse(schema, parse(file, rule));
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const place = v.getDotPath(issue);
  const got = `${place ? `${place}: ` : ''}${issue.message}`;
  throw dataError({ path: file, rule, got: JSON.stringify(got) });
}

function parse(file: string, rule: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    const got = cause instanceof SyntaxError ? `"${cause.message}"` : (codeOf(cause) ?? 'an error');
    throw dataError({ path: file, rule, got }, cause);
  }
}

/** As it is written everywhere: indented by two, with a line end. */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
