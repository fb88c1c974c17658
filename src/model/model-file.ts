/**
 * model.safetensors: parameters and running averages by path, and in the metadata all that is needed to use
 * them (network, classes, preprocessing). What a run needs besides to go on is checkpoint.ts's business.
 */
import * as v from 'valibot';
import { dataError, IgcError } from '../core/errors.ts';
import {
  decodeSafetensors,
  encodeSafetensors,
  type Safetensors,
  type StoredTensor,
} from '../formats/safetensors.ts';
import type { KernelSet, RealArray } from '../kernels/contract.ts';
import { layOutParameters } from '../plan/parameters.ts';
import { netSpecSchema } from '../spec/net-schema.ts';
import { buildGraph, type NetSpec } from '../spec/network.ts';
import { type Model, makeModel, type NamedSlice, parameterSlices, stateSlices } from './model.ts';

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

export interface ModelFile {
  /** For errors. */
  readonly file: string;
  readonly card: ModelCard;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

const natural = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const names = v.array(v.string());
const preprocessingSchema = v.strictObject({
  channels: natural,
  height: natural,
  width: natural,
  maxValue: natural,
  mean: v.array(v.number()),
  std: v.array(v.number()),
  cropShare: v.optional(v.pipe(v.number(), v.minValue(0.01), v.maxValue(1))),
});

/** The file's bytes; equal models give equal bytes. */
export function encodeModel(model: Model, card: ModelCard): Uint8Array {
  const metadata = new Map([
    ['format', 'igcnet'],
    ['formatVersion', `${formatVersion}`],
    ['network', JSON.stringify(card.spec)],
    ['classes', JSON.stringify(card.classes)],
    ['preprocessing', JSON.stringify(card.preprocessing)],
    ['dataset', card.dataset],
    ['epoch', `${card.epoch}`],
    ['step', `${card.step}`],
  ]);
  const tensors = new Map([
    ...namedTensors(model.parameters, parameterSlices(model)),
    ...namedTensors(model.state, stateSlices(model)),
  ]);
  return encodeSafetensors({ metadata, tensors });
}

/**
 * What the bytes of a model.safetensors hold; `file` names them in errors.
 *
 * Throws data errors when they are damaged, of a newer format, or not one of ours.
 */
export function decodeModel(bytes: Uint8Array, file: string): ModelFile {
  const { metadata, tensors } = decodeTensors(bytes, file);
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
  return { file, card, tensors };
}

/** The content of a safetensors file of ours, of this or an older version. */
export function decodeTensors(bytes: Uint8Array, file: string): Safetensors {
  const content = decodeSafetensors(bytes, file);
  if (content.metadata.get('format') !== 'igcnet') {
    const got = JSON.stringify(content.metadata.get('format')) ?? 'none';
    throw dataError({ path: file, rule: 'must have the metadata format "igcnet"', got });
  }
  checkVersion(file, Number(content.metadata.get('formatVersion')));
  return content;
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

/** A model of the file's network with the file's numbers. Throws data errors for what does not fit. */
export function modelFromFile(
  modelFile: ModelFile,
  kernels: KernelSet,
  options: { readonly inference?: boolean } = {},
): Model {
  const { file, card } = modelFile;
  try {
    // Before anything is allocated: a damaged specification may ask for any amount of memory.
    checkNetwork(modelFile, card.spec);
  } catch (cause) {
    if (!(cause instanceof IgcError)) throw cause;
    const rule = 'must describe a possible network';
    throw cause.kind === 'data'
      ? cause
      : dataError({ path: file, rule, got: `"${cause.message}"` }, cause);
  }
  const model = makeModel(card.spec, kernels, options);
  fillModel(model, modelFile);
  return model;
}

/** Throws a data error when the file is not of that network. */
export function checkNetwork({ file, tensors }: ModelFile, spec: NetSpec): void {
  const layout = layOutParameters(buildGraph(spec), spec.batchNorm.epsilon);
  checkTensors(file, spec, allSlices({ layout }), tensors);
}

/** Sets parameters and running averages from a file. Throws a data error when it is of another network. */
export function fillModel(model: Model, { file, tensors }: ModelFile): void {
  checkTensors(file, model.spec, allSlices(model), tensors);
  copySlices(model.parameters, parameterSlices(model), tensors);
  copySlices(model.state, stateSlices(model), tensors);
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

function allSlices(model: Pick<Model, 'layout'>): readonly NamedSlice[] {
  return [...parameterSlices(model), ...stateSlices(model)];
}

export function namedTensors(
  values: RealArray,
  slices: readonly NamedSlice[],
): (readonly [string, StoredTensor])[] {
  return slices.map(({ path, shape, offset, size }) => [
    path,
    { shape, data: values.subarray(offset, offset + size) },
  ]);
}

export function checkTensors(
  file: string,
  spec: NetSpec,
  slices: readonly NamedSlice[],
  tensors: ReadonlyMap<string, StoredTensor>,
): void {
  const difference = firstDifference(slices, tensors);
  if (difference === undefined) return;
  const rule = `must be a checkpoint of ${spec.name} (D=${spec.depth})`;
  throw dataError({ path: file, rule, got: difference, hint: 'it belongs to another network' });
}

function firstDifference(
  slices: readonly NamedSlice[],
  tensors: ReadonlyMap<string, StoredTensor>,
): string | undefined {
  for (const { path, shape } of slices) {
    const stored = tensors.get(path);
    if (!stored) return `no tensor ${path}`;
    if (`${stored.shape}` !== `${shape}`) return `${path} of [${stored.shape}] for [${shape}]`;
  }
  const known = new Set(slices.map(({ path }) => path));
  const surplus = [...tensors.keys()].find((name) => !known.has(name));
  return surplus === undefined ? undefined : `the unknown tensor ${surplus}`;
}

export function copySlices(
  values: RealArray,
  slices: readonly NamedSlice[],
  tensors: ReadonlyMap<string, StoredTensor>,
): void {
  for (const { path, offset } of slices) values.set(tensors.get(path)!.data, offset);
}

function parseJson(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
