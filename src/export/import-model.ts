/**
 * Networks from outside, as a folder that every command takes: files that igcnet exported, and state dicts of PyTorch under
 * our names, whose network is told by config.json beside them or by the caller.
 */
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { createFolder } from '../core/durable-files.ts';
import { usageError } from '../core/errors.ts';
import { readJsonFile } from '../core/json-file.ts';
import { decodeSafetensors, type StoredTensor } from '../formats/safetensors.ts';
import { restoreWeights } from '../formats/weight-storage.ts';
import { referenceKernels } from '../kernels/reference.ts';
import type { ModelCard } from '../model/model-card.ts';
import { encodeModel, type ModelFile, modelFromFile, ourNames } from '../model/model-file.ts';
import { netSpecSchema } from '../spec/net-schema.ts';
import type { NetSpec } from '../spec/network.ts';
import { checkpointFiles } from '../train/checkpoint.ts';
import { readBytes } from '../train/read-model.ts';
import { readNetwork } from '../train/read-network.ts';

/** What to import. */
export interface ImportRequest {
  /** A .safetensors or .onnx file, or a folder with model.safetensors. */
  readonly source: string;
  /** The folder to make; it must not exist. */
  readonly output: string;
  /** Of a state dict that tells none; an error beside a file that does. */
  readonly network?: NetSpec | undefined;
  /** Class names in label order; default: the file's, or `class 0`, `class 1`, … */
  readonly classes?: readonly string[] | undefined;
  /** Of a state dict: what pixels in 0…1 are normalised by; default: config's, else mean 0 and deviation 1. */
  readonly statistics?: { readonly mean: readonly number[]; readonly std: readonly number[] };
}

/** What was imported. */
export interface ImportResult {
  /** The folder, absolute. */
  readonly output: string;
  readonly card: ModelCard;
  /** Who told the network: the file itself, config.json beside it, or the caller. */
  readonly toldBy: 'file' | 'config.json' | 'caller';
}

/**
 * Writes the network of a file as a folder with model.safetensors, for `loadModel`, `igc eval`, `initialCheckpoint`, ….
 *
 * Throws data errors for files that cannot be read or do not fit their network, usage errors for what is missing or too much.
 * @example importModel({ source: 'pets.onnx', output: 'models/pets' })
 */
export function importModel(request: ImportRequest): ImportResult {
  const { network, toldBy } = readSource(request);
  const card = { ...network.card, ...named(request, network.card) };
  const model = modelFromFile(network, referenceKernels('float32'), { inference: true });
  const output = path.resolve(request.output);
  const files = [{ name: checkpointFiles.model, bytes: encodeModel(model, card) }];
  if (!createFolder(output, files)) {
    const hint = 'choose another folder';
    throw usageError({ path: 'output', rule: 'must not exist', got: request.output, hint });
  }
  return { output, card, toldBy };
}

type Source = { readonly network: ModelFile; readonly toldBy: ImportResult['toldBy'] };

function readSource(request: ImportRequest): Source {
  const { source } = request;
  if (/\.(pt|pth|bin|ckpt|pkl)$/i.test(source)) {
    throw usageError({
      path: source,
      rule: 'must be a .safetensors or .onnx file',
      got: path.extname(source),
      hint: 'in Python: safetensors.torch.save_file(model.state_dict(), "model.safetensors")',
    });
  }
  const isFolder = existsSync(source) && statSync(source).isDirectory();
  const file = isFolder ? path.join(source, checkpointFiles.model) : source;
  if (isFolder && !existsSync(file)) return told(request, readNetwork(source).network);
  if (!/\.onnx$/i.test(file)) {
    const content = decodeSafetensors(readBytes(file), file);
    if (!content.metadata.has('formatVersion'))
      return readStateDict(request, file, content.tensors);
  }
  return told(request, readNetwork(file).network);
}

/** A file that tells its network leaves nothing for the caller to tell. */
function told({ network: given, statistics }: ImportRequest, network: ModelFile): Source {
  for (const [name, value] of Object.entries({ network: given, statistics })) {
    if (value === undefined) continue;
    throw usageError({ path: name, rule: 'must be left out', got: 'a file that tells its own' });
  }
  return { network, toldBy: 'file' };
}

/** Torch counts batches, which no network of ours needs. */
const isCounter = (name: string) => name.endsWith('num_batches_tracked');

function readStateDict(
  request: ImportRequest,
  file: string,
  stored: ReadonlyMap<string, StoredTensor>,
): Source {
  const { card, toldBy } = stateDictCard(request, file);
  const tensors = new Map([...stored].filter(([name]) => !isCounter(name)));
  const whole = ourNames(restoreWeights(tensors, file), card.spec);
  return { network: { file, card, tensors: whole }, toldBy };
}

const configSchema = v.looseObject({
  model_type: v.literal('igcnet'),
  network: netSpecSchema,
  id2label: v.record(v.string(), v.string()),
});
const processorSchema = v.looseObject({
  image_mean: v.array(v.number()),
  image_std: v.array(v.number()),
});

/** What a state dict does not tell: from the caller, else from the files that `igc export --format hf` puts beside it. */
function stateDictCard(
  { network, statistics }: ImportRequest,
  file: string,
): { readonly card: ModelCard; readonly toldBy: ImportResult['toldBy'] } {
  const folder = path.dirname(file);
  const config = path.join(folder, 'config.json');
  if (network) return { card: newCard(network, statistics), toldBy: 'caller' };
  if (!existsSync(config)) {
    throw usageError({
      path: 'network',
      rule: 'must be told for a state dict without igcnet’s metadata',
      got: file,
      hint: 'give net, depth and classes, or put its config.json beside it',
    });
  }
  const { network: spec, id2label } = readJsonFile(config, configSchema, 'must be igcnet’s config');
  const processor = path.join(folder, 'preprocessor_config.json');
  const measured = existsSync(processor)
    ? readJsonFile(processor, processorSchema, 'must be igcnet’s preprocessor configuration')
    : undefined;
  const beside = measured && { mean: measured.image_mean, std: measured.image_std };
  const classes = Array.from({ length: spec.classes }, (_, i) => id2label[`${i}`] ?? `class ${i}`);
  return { card: { ...newCard(spec, statistics ?? beside), classes }, toldBy: 'config.json' };
}

function newCard(spec: NetSpec, statistics: ImportRequest['statistics']): ModelCard {
  const { channels } = spec.input;
  const { mean, std } = statistics ?? {
    mean: new Array<number>(channels).fill(0),
    std: new Array<number>(channels).fill(1),
  };
  for (const [name, values] of Object.entries({ mean, std })) {
    const isRight = (value: number) => Number.isFinite(value) && (name === 'mean' || value > 0);
    if (values.length === channels && values.every(isRight)) continue;
    const kind = name === 'mean' ? 'numbers' : 'positive numbers';
    const rule = `must be ${channels} ${kind}, one for each channel`;
    throw usageError({ path: name, rule, got: values.join(', ') });
  }
  const classes = Array.from({ length: spec.classes }, (_, i) => `class ${i}`);
  const preprocessing = { ...spec.input, maxValue: 255, mean, std };
  return { spec, classes, preprocessing, dataset: '', epoch: 0, step: 0 };
}

function named({ classes }: ImportRequest, { spec }: ModelCard): Partial<ModelCard> {
  if (!classes) return {};
  const refuse = (rule: string, got: string) => usageError({ path: 'classes', rule, got });
  if (classes.length !== spec.classes) {
    throw refuse(`must name the ${spec.classes} classes of the network`, `${classes.length}`);
  }
  const wrong = classes.find((name, i) => name === '' || classes.indexOf(name) !== i);
  if (wrong !== undefined) throw refuse('must be different names', JSON.stringify(wrong));
  return { classes };
}
