/**
 * model.safetensors: parameters and running averages by path, and in the metadata all that is needed to use
 * them (model-card.ts). What a run needs besides to go on is train/optimizer-file.ts's business.
 */
import { dataError, IgcError } from '../core/errors.ts';
import { exportedName } from '../formats/exported-names.ts';
import { decodeSafetensors, encodeSafetensors, type Safetensors } from '../formats/safetensors.ts';
import {
  restoreWeights,
  storeWeights,
  type WeightStorage,
  type WholeTensor,
  type WholeTensors,
} from '../formats/weight-storage.ts';
import type { KernelSet, RealArray } from '../kernels/contract.ts';
import { layOutParameters } from '../plan/parameters.ts';
import { buildGraph, type NetSpec } from '../spec/network.ts';
import {
  firstNonFinite,
  type Model,
  makeModel,
  type NamedSlice,
  parameterSlices,
  stateSlices,
} from './model.ts';
import { cardMetadata, checkVersion, type ModelCard, readCard } from './model-card.ts';

/** A network read from a file. */
export interface ModelFile {
  /** For errors. */
  readonly file: string;
  readonly card: ModelCard;
  readonly tensors: WholeTensors;
}

/** How a file spells the names of tensors: our paths, or torch's (formats/exported-names.ts). */
export type TensorNames = 'igcnet' | 'torch';

/** How a model is written. */
export interface EncodeOptions {
  /** Default `igcnet`. */
  readonly names?: TensorNames;
  /** How weights are stored; default `float32`. */
  readonly weights?: WeightStorage;
}

/** The file's bytes; equal models give equal bytes. Throws a usage error for a weight that cannot be stored so. */
export function encodeModel(
  model: Model,
  card: ModelCard,
  { names = 'igcnet', weights = 'float32' }: EncodeOptions = {},
): Uint8Array {
  // Readers of torch's files want the format to be "pt".
  const metadata = new Map([
    ['format', names === 'torch' ? 'pt' : 'igcnet'],
    ...cardMetadata(card),
  ]);
  const rename = names === 'torch' ? exportedName : (path: string) => path;
  const tensors = [
    ...namedTensors(model.parameters, parameterSlices(model)),
    ...namedTensors(model.state, stateSlices(model)),
  ].map(([path, tensor]) => [rename(path), tensor] as const);
  return encodeSafetensors({ metadata, tensors: storeWeights(new Map(tensors), weights) });
}

/**
 * What the bytes of a model.safetensors hold, by our paths and in full; `file` names them in errors.
 *
 * Throws data errors when they are damaged, of a newer format, or not one of ours.
 */
export function decodeModel(bytes: Uint8Array, file: string): ModelFile {
  const { metadata, tensors } = decodeTensors(bytes, file);
  const card = readCard(metadata, file);
  const whole = restoreWeights(tensors, file);
  const isTorch = metadata.get('format') === 'pt';
  return { file, card, tensors: isTorch ? ourNames(whole, card.spec) : whole };
}

/** The network with its weights rounded to what that storage keeps of them. */
export function withStoredWeights(model: ModelFile, weights: WeightStorage): ModelFile {
  const { file, tensors } = model;
  return { ...model, tensors: restoreWeights(storeWeights(tensors, weights), file) };
}

/** The tensors of a network by our paths, from torch's names; unknown ones keep theirs. */
export function ourNames(tensors: WholeTensors, spec: NetSpec): WholeTensors {
  const layout = layOutParameters(buildGraph(spec), spec.batchNorm.epsilon);
  const pathOf = new Map(allSlices({ layout }).map(({ path }) => [exportedName(path), path]));
  return new Map([...tensors].map(([name, tensor]) => [pathOf.get(name) ?? name, tensor]));
}

/** The content of a safetensors file of ours, of this or an older version. */
export function decodeTensors(bytes: Uint8Array, file: string): Safetensors {
  const content = decodeSafetensors(bytes, file);
  const { metadata } = content;
  const format = metadata.get('format');
  if (format !== 'igcnet' && !(format === 'pt' && metadata.has('formatVersion'))) {
    const got = JSON.stringify(format) ?? 'none';
    throw dataError({ path: file, rule: 'must have the metadata format "igcnet"', got });
  }
  checkVersion(file, Number(metadata.get('formatVersion')));
  return content;
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
  const wrong =
    firstNonFinite(model.parameters, parameterSlices(model)) ??
    firstNonFinite(model.state, stateSlices(model));
  if (wrong === undefined) return model;
  throw dataError({ path: file, rule: `${wrong} must be finite`, got: 'NaN or infinite' });
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

function allSlices(model: Pick<Model, 'layout'>): readonly NamedSlice[] {
  return [...parameterSlices(model), ...stateSlices(model)];
}

/** Pieces of an array as tensors by their paths; views. */
export function namedTensors(
  values: RealArray,
  slices: readonly NamedSlice[],
): (readonly [string, WholeTensor])[] {
  return slices.map(({ path, shape, offset, size }) => [
    path,
    { shape, data: values.subarray(offset, offset + size) },
  ]);
}

/** Throws a data error that names the first tensor which is missing, of another shape, or not of the network. */
export function checkTensors(
  file: string,
  spec: NetSpec,
  slices: readonly NamedSlice[],
  tensors: WholeTensors,
): void {
  const difference = firstDifference(slices, tensors);
  if (difference === undefined) return;
  const rule = `must be a checkpoint of ${spec.name} (D=${spec.depth})`;
  throw dataError({ path: file, rule, got: difference, hint: 'it belongs to another network' });
}

function firstDifference(slices: readonly NamedSlice[], tensors: WholeTensors): string | undefined {
  for (const { path, shape } of slices) {
    const stored = tensors.get(path);
    if (!stored) return `no tensor ${path}`;
    if (`${stored.shape}` !== `${shape}`) return `${path} of [${stored.shape}] for [${shape}]`;
  }
  const known = new Set(slices.map(({ path }) => path));
  const surplus = [...tensors.keys()].find((name) => !known.has(name));
  return surplus === undefined ? undefined : `the unknown tensor ${surplus}`;
}

/** Sets pieces of an array from the tensors of their paths, which are there. */
export function copySlices(
  values: RealArray,
  slices: readonly NamedSlice[],
  tensors: WholeTensors,
): void {
  for (const { path, offset } of slices) values.set(tensors.get(path)!.data, offset);
}
