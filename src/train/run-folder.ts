/**
 * The folder of a run: config.json, env.json, metrics.jsonl, summary.json, checkpoints/ and an event file for
 * TensorBoard. Made at once or not at all, never overwritten; every file in it is whole at any moment.
 */

import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { appendDurably, createFolder, replaceFile } from '../core/durable-files.ts';
import { dataError, internalError, usageError } from '../core/errors.ts';
import { jsonText } from '../core/json-file.ts';
import { findCheckpoint } from './checkpoint.ts';
import { parseConfig, type RunConfig } from './config.ts';
import type { Environment } from './environment.ts';
import { appendEvents, resetEvents } from './event-file.ts';
import type { MetricsRow, RunSummary } from './events.ts';
import { networkName } from './network-choice.ts';
import { keepLock, lockFile } from './run-lock.ts';

/**
 * Makes the run's folder, locked for this process, and returns its absolute path; without a name, one is made of net, data, seed and date.
 *
 * Throws a usage error when a folder of the chosen name exists.
 */
export function createRunFolder(config: RunConfig, environment: Environment, now: Date): string {
  // From wherever the run is used later, it is the same data.
  const dir = config.data.dir === null ? null : path.resolve(config.data.dir);
  const files = [
    { name: 'config.json', bytes: jsonText({ ...config, data: { ...config.data, dir } }) },
    { name: 'env.json', bytes: jsonText(environment) },
    lockFile(),
  ];
  const base = config.name ?? defaultName(config, now);
  for (let attempt = 1; attempt <= 1000; attempt++) {
    const name = attempt === 1 ? base : `${base}-${attempt}`;
    const folder = path.resolve(config.output, name);
    if (createFolder(folder, files)) {
      keepLock(folder);
      return folder;
    }
    if (config.name !== null) throw existsError(path.join(config.output, name));
  }
  throw internalError(`no free name for a run folder like ${base}`);
}

/** `IGC-L24M2-D8-digits-seed0-20260131-235959`, the date in UTC. */
export function defaultName(config: RunConfig, now: Date): string {
  const { depth, data, seed } = config;
  const [day, time] = now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').split('T');
  return `${networkName(config)}-D${depth}-${data.name}-seed${seed}-${day}-${time}`;
}

/** The configuration of a run. Throws a data error when the folder is not a run's. */
export function readRunConfig(folder: string): RunConfig {
  const file = path.join(folder, 'config.json');
  if (!existsSync(file)) {
    throw dataError({
      path: folder,
      rule: 'must be a run folder',
      got: existsSync(folder) ? 'a folder without config.json' : 'no such folder',
    });
  }
  try {
    return parseConfig(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    const got = `"${cause instanceof Error ? cause.message : cause}"`;
    throw dataError({ path: file, rule: 'must be the configuration of a run', got }, cause);
  }
}

export function writeRunConfig(folder: string, config: RunConfig): void {
  replaceFile(path.join(folder, 'config.json'), jsonText(config));
}

/** Adds the environment of a session that resumes the run to env.json. */
export function addEnvironment(folder: string, environment: Environment): void {
  const file = path.join(folder, 'env.json');
  const first = readJson(file);
  const known = typeof first === 'object' && first !== null ? first : {};
  const before = 'resumed' in known && Array.isArray(known.resumed) ? known.resumed : [];
  replaceFile(file, jsonText({ ...known, resumed: [...before, environment] }));
}

/** A hash of everything in a configuration that decides a run's bits, the number of epochs left out. */
export function hashConfig(config: RunConfig): string {
  const text = JSON.stringify(decisiveChoices(config), (key, value: unknown) =>
    Object.hasOwn(addedLater, key) && addedLater[key] === value ? undefined : value,
  );
  return createHash('sha256').update(text).digest('hex');
}

/** What decides a run's bits, but for the number of epochs: not where it lies, nor what computes it. */
export function decisiveChoices(config: RunConfig): Readonly<Record<string, unknown>> {
  const { data, ...rest } = config;
  const { dir: _dir, ...dataChoices } = data;
  const decisive = Object.entries({ ...rest, data: dataChoices }).filter(
    ([key]) => !indifferent.has(key),
  );
  return Object.fromEntries(decisive);
}

/** Keys that older configurations lack, at the values that mean what was done then. */
const addedLater: Readonly<Record<string, unknown>> = {
  statistics: null,
  split: 'official',
  cutout: 0,
  mixup: 0,
  cutmix: 0,
  resizedCrop: null,
  color: null,
  ema: null,
  earlyStopping: null,
  progressive: null,
  initialCheckpoint: null,
};

const indifferent: ReadonlySet<string> = new Set([
  'recipe',
  'epochs',
  'threads',
  'kernels',
  'output',
  'name',
  'checkpointEvery',
  'checkpointSteps',
]);

/** The rows of metrics.jsonl up to that epoch; a last line cut off by a kill is left out. */
export function readMetrics(folder: string, epochs: number): MetricsRow[] {
  const file = metricsFile(folder);
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.slice(0, -1).flatMap((line, i): readonly MetricsRow[] => {
    const content = parseLine(line);
    const begun = v.safeParse(v.looseObject({ epoch: v.number() }), content);
    if (begun.success && begun.output.epoch > epochs) return [];
    const parsed = v.safeParse(rowSchema, content);
    if (parsed.success) return [parsed.output as unknown as MetricsRow];
    const got = line.length > 100 ? `${line.slice(0, 100)}…` : line;
    throw dataError({ path: file, rule: `line ${i + 1} must be a row of metrics as JSON`, got });
  });
}

const measured = v.optional(v.number());
const rowSchema = v.looseObject({
  epoch: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  step: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  learningRate: v.number(),
  trainLoss: v.number(),
  trainAccuracy: v.number(),
  validationLoss: measured,
  validationAccuracy: measured,
  testLoss: measured,
  testAccuracy: measured,
  time: v.looseObject({
    at: v.string(),
    imagesPerSecond: v.number(),
    trainMs: v.number(),
    evalMs: v.number(),
    waitedMs: v.number(),
  }),
});

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** Cuts the rows after an epoch off metrics.jsonl (and TensorBoard's file) and returns the others. */
export function cutMetrics(folder: string, epochs: number): MetricsRow[] {
  const rows = readMetrics(folder, epochs);
  resetEvents(folder, rows);
  if (existsSync(metricsFile(folder))) {
    replaceFile(metricsFile(folder), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  }
  return rows;
}

export function appendMetrics(folder: string, row: MetricsRow): void {
  appendDurably(metricsFile(folder), `${JSON.stringify(row)}\n`);
  appendEvents(folder, row);
}

export function writeSummary(folder: string, summary: RunSummary): void {
  replaceFile(path.join(folder, 'summary.json'), jsonText(summary));
}

function metricsFile(folder: string): string {
  return path.join(folder, 'metrics.jsonl');
}

function existsError(folder: string): Error {
  const isRun = findCheckpoint(folder, 'last') !== undefined;
  return usageError({
    path: folder,
    rule: isRun ? 'the run exists already' : 'the folder exists already',
    hint: isRun
      ? `go on with --resume ${folder}, or choose another --name`
      : 'choose another --name, or remove it',
  });
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
