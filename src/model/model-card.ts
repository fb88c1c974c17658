/**
 * What a trained network is besides its numbers, and how files carry it: as texts by name, in the metadata of a
 * safetensors or ONNX file.
 */
import * as v from 'valibot';
import { dataError } from '../core/errors.ts';
import { netSpecSchema } from '../spec/net-schema.ts';
import type { NetSpec } from '../spec/network.ts';

/** Checkpoints of a higher version are refused. */
export const formatVersion = 1;

/** How bytes become a network's input: (pixel / maxValue − mean) / std per channel. */
export interface Preprocessing {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** The byte that means full intensity. */
  readonly maxValue: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Share of the largest centred square's side that an image file is cropped to; 1 when absent. */
  readonly cropShare?: number | undefined;
}

/** What a network is besides its numbers. */
export interface ModelCard {
  readonly spec: NetSpec;
  /** Class names in label order. */
  readonly classes: readonly string[];
  readonly preprocessing: Preprocessing;
  /** Name of the data set it was trained on. */
  readonly dataset: string;
  /** How far training had come: epochs and steps finished. */
  readonly epoch: number;
  readonly step: number;
}

const natural = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const names = v.array(v.string());
const preprocessingSchema = v.strictObject({
  channels: natural,
  height: natural,
  width: natural,
  maxValue: v.pipe(natural, v.minValue(1)),
  mean: v.array(v.pipe(v.number(), v.finite())),
  std: v.array(v.pipe(v.number(), v.finite(), v.minValue(0))),
  cropShare: v.optional(v.pipe(v.number(), v.minValue(0.01), v.maxValue(1))),
});

/** The texts by name that a file carries; equal cards give equal texts. */
export function cardMetadata(card: ModelCard): ReadonlyMap<string, string> {
  return new Map([
    ['formatVersion', `${formatVersion}`],
    ['network', JSON.stringify(card.spec)],
    ['classes', JSON.stringify(card.classes)],
    ['preprocessing', JSON.stringify(card.preprocessing)],
    ['dataset', card.dataset],
    ['epoch', `${card.epoch}`],
    ['step', `${card.step}`],
  ]);
}

/**
 * The card in a file's metadata; `file` names it in errors.
 *
 * Throws data errors for a newer version, and for what is missing or wrong.
 */
export function readCard(metadata: ReadonlyMap<string, string>, file: string): ModelCard {
  checkVersion(file, Number(metadata.get('formatVersion')));
  const json = <T>(key: string, schema: v.GenericSchema<unknown, T>): T => {
    const parsed = v.safeParse(schema, parseJson(metadata.get(key)));
    if (parsed.success) return parsed.output;
    const rule = `metadata "${key}" must be what igcnet writes`;
    throw dataError({ path: file, rule, got: issueText(parsed.issues[0]) });
  };
  const card = {
    spec: json('network', netSpecSchema),
    classes: json('classes', names),
    preprocessing: json('preprocessing', preprocessingSchema),
    dataset: metadata.get('dataset') ?? '',
    epoch: json('epoch', natural),
    step: json('step', natural),
  };
  checkCard(file, card);
  return card;
}

/** Throws a data error for a version that this igcnet does not know. */
export function checkVersion(file: string, version: number): void {
  if (Number.isInteger(version) && version >= 1 && version <= formatVersion) return;
  throw dataError({
    path: file,
    rule: `format version must be in 1…${formatVersion}`,
    got: `${version}`,
    ...(version > formatVersion && { hint: 'it was written by a newer igcnet; update this one' }),
  });
}

/** What valibot found wrong first, and where. */
export function issueText(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue);
  return `${path ? `${path}: ` : ''}${issue.message}`;
}

function checkCard(file: string, { spec, classes, preprocessing }: ModelCard): void {
  const { input } = spec;
  const { channels, height, width, mean, std } = preprocessing;
  const fits =
    channels === input.channels &&
    height === input.height &&
    width === input.width &&
    mean.length === channels &&
    std.length === channels;
  if (!fits) throw dataError({ path: file, rule: 'preprocessing must fit the network' });
  if (classes.length !== spec.classes) {
    const rule = `must name the ${spec.classes} classes of its network`;
    throw dataError({ path: file, rule, got: `${classes.length}` });
  }
}

function parseJson(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
