/** failure.json in a run folder: why a run ended without a result. Taken away when it goes on. */
import { existsSync, rmSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { replaceFile } from '../core/durable-files.ts';
import { jsonText, readJsonFile } from '../core/json-file.ts';

const failureSchema = v.object({
  /** `diverged`: its loss or weights were no longer finite; it would be again. `failure`: all else, which may pass. */
  kind: v.picklist(['diverged', 'failure']),
  message: v.string(),
  /** ISO 8601. */
  at: v.string(),
});

/** Why a run ended without a result. */
export type RunFailure = v.InferOutput<typeof failureSchema>;

export function writeFailure(folder: string, kind: RunFailure['kind'], message: string): void {
  const failure: RunFailure = { kind, message, at: new Date().toISOString() };
  replaceFile(failureFile(folder), jsonText(failure));
}

export function removeFailure(folder: string): void {
  rmSync(failureFile(folder), { force: true });
}

/** Undefined where there is none. Throws a data error for a damaged one. */
export function readFailure(folder: string): RunFailure | undefined {
  const file = failureFile(folder);
  return existsSync(file)
    ? readJsonFile(file, failureSchema, 'must say why a run failed')
    : undefined;
}

function failureFile(folder: string): string {
  return path.join(folder, 'failure.json');
}
