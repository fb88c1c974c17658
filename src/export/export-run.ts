/**
 * A run's network for others: as an ONNX or safetensors file, as a folder that Hugging Face and PyTorch understand, or as a
 * page that opens by itself. What the weights lose in fewer bytes is measured, and written where people look.
 */
import { lstatSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { type FileContent, makeFolder, replaceFile } from '../core/durable-files.ts';
import { IgcError, suggestName, usageError } from '../core/errors.ts';
import { exportOnnx } from '../formats/onnx/export-network.ts';
import { type WeightStorage, weightStorages } from '../formats/weight-storage.ts';
import { referenceKernels } from '../kernels/reference.ts';
import { type Model, namedValues } from '../model/model.ts';
import { cardMetadata, type ModelCard } from '../model/model-card.ts';
import { encodeModel, type ModelFile, modelFromFile } from '../model/model-file.ts';
import { type EvaluateOptions, evaluateRun, type RunEvaluation } from '../train/load.ts';
import { findRun, readNetwork } from '../train/read-network.ts';
import { readRunConfig } from '../train/run-folder.ts';
import { huggingFaceFiles } from './hugging-face.ts';

/** Names of the formats; `hf` and `web` are folders. */
export const exportFormats = ['onnx', 'safetensors', 'hf', 'web'] as const;
/** One of `exportFormats`. */
export type ExportFormat = (typeof exportFormats)[number];

/** What to export, and how. */
export interface ExportRequest
  extends Pick<EvaluateOptions, 'which' | 'dataDir' | 'kernels' | 'threads'> {
  /** A run, a checkpoint, or the folder of a model. */
  readonly run: string;
  readonly format: ExportFormat;
  /** The file (onnx, safetensors) or folder (hf, web); default: named after the run, in the working folder. */
  readonly output?: string | undefined;
  /** Replace files that are there; default false. */
  readonly force?: boolean | undefined;
  /** How weights are stored; default `float32`. */
  readonly weights?: WeightStorage | undefined;
  /** onnx: as a Gather of channels (default), or as reshape → transpose → reshape. */
  readonly permutations?: 'gather' | 'transpose' | undefined;
  /** onnx: images in a batch; default `any`. */
  readonly batch?: number | 'any' | undefined;
  /** Whether to measure the accuracy on the test images where the run's data are there; default true. */
  readonly evaluate?: boolean | undefined;
}

/** What was written. */
export interface ExportResult {
  readonly format: ExportFormat;
  /** The file or folder, absolute. */
  readonly output: string;
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  readonly measured: Measured;
}

/** Accuracies on the test images, and why there are none. */
export interface Measured {
  /** Of the network as it was trained, and as its weights are stored where that differs. */
  readonly evaluations: readonly RunEvaluation[];
  /** Why nothing was measured. */
  readonly reason?: string;
}

/**
 * Writes a network for others.
 *
 * Throws usage errors for choices that do not go together and places that are taken, data errors for what cannot be read.
 * @example await exportRun({ run: 'runs/pets', format: 'onnx', output: 'pets.onnx' })
 */
export async function exportRun(request: ExportRequest): Promise<ExportResult> {
  checkRequest(request);
  const { run, format, which = 'last' } = request;
  const { network } = readNetwork(run, which);
  checkChannels(request, network);
  const output = path.resolve(request.output ?? defaultOutput(request));
  checkFree(output, request);
  const measured = await measure(request);
  const contents = await contentsOf(request, network, measured);
  checkFree(output, request); // measuring takes its time
  for (const { name } of contents) checkBeside(isFolder(format) ? path.join(output, name) : output);
  if (isFolder(format)) makeFolder(output);
  else makeFolder(path.dirname(output));
  const files = contents.map(({ name, bytes }) => {
    const file = isFolder(format) ? path.join(output, name) : output;
    replaceFile(file, bytes);
    return { path: file, bytes: Buffer.byteLength(bytes) };
  });
  return { format, output, files, measured };
}

const isFolder = (format: ExportFormat) => format === 'hf' || format === 'web';

const endings = { onnx: '.onnx', safetensors: '.safetensors', hf: '-hf', web: '-web' } as const;

function defaultOutput({ run, format }: ExportRequest): string {
  const name = path.basename(path.resolve(findRun(run) ?? run));
  return name.replace(/\.(safetensors|onnx)$/i, '') + endings[format];
}

function checkRequest(request: ExportRequest): void {
  const { format, weights = 'float32', permutations, batch, evaluate = true, dataDir } = request;
  const among = (name: string, value: string, known: readonly string[]) => {
    if (known.includes(value)) return;
    const rule = `must be one of ${known.join(', ')}`;
    const hint = suggestName(value, known);
    throw usageError({ path: name, rule, got: JSON.stringify(value), hint });
  };
  among('format', format, exportFormats);
  among('weights', weights, weightStorages);
  among('permutations', permutations ?? 'gather', ['gather', 'transpose']);
  for (const [name, value] of Object.entries({ permutations, batch })) {
    if (value === undefined || format === 'onnx') continue;
    throw usageError({ path: name, rule: 'is for format onnx', got: format });
  }
  if (!evaluate && dataDir !== undefined) {
    throw usageError({ path: 'data.dir', rule: 'is of use only where the accuracy is measured' });
  }
  if (batch === undefined || batch === 'any' || (Number.isInteger(batch) && batch >= 1)) return;
  throw usageError({ path: 'batch', rule: 'must be any or at least 1', got: `${batch}` });
}

/** A page and Hugging Face's processor take pictures. */
function checkChannels({ format }: ExportRequest, { file, card }: ModelFile): void {
  const { channels } = card.spec.input;
  if (!isFolder(format) || channels === 1 || channels === 3) return;
  const rule = `must take images of 1 or 3 channels for format ${format}`;
  throw usageError({ path: file, rule, got: `${channels}` });
}

/** Nothing of somebody's is overwritten unasked; with `force` regular files are. */
function checkFree(output: string, { format, force = false }: ExportRequest): void {
  const there = lstatSync(output, { throwIfNoEntry: false });
  const isRight = isFolder(format) ? there?.isDirectory() : there?.isFile();
  if (there && !isRight) {
    const rule = `must be a ${isFolder(format) ? 'folder' : 'regular file'} for format ${format}`;
    throw usageError({ path: 'output', rule, got: output });
  }
  const isTaken = there && !(isFolder(format) && readdirSync(output).length === 0);
  if (isTaken && !force) {
    const hint = 'choose another, or force to replace it';
    throw usageError({ path: 'output', rule: 'must not exist', got: output, hint });
  }
}

/** Files are written beside their place first. */
function checkBeside(file: string): void {
  const beside = `${file}.new`;
  if (!lstatSync(beside, { throwIfNoEntry: false })) return;
  const hint = 'it would be lost: move it, or choose another place';
  throw usageError({ path: 'output', rule: 'must have no file .new beside it', got: beside, hint });
}

async function measure(request: ExportRequest): Promise<Measured> {
  const { run, evaluate = true, weights = 'float32', ...options } = request;
  if (!evaluate) return { evaluations: [], reason: 'not asked for' };
  try {
    const evaluations = [await evaluateRun(run, options)];
    if (weights !== 'float32') evaluations.push(await evaluateRun(run, { ...options, weights }));
    return { evaluations };
  } catch (error) {
    if (error instanceof IgcError && error.kind === 'data') {
      return { evaluations: [], reason: error.message };
    }
    throw error;
  }
}

/** The files by name; a format that is one file has it alone. */
async function contentsOf(
  request: ExportRequest,
  network: ModelFile,
  measured: Measured,
): Promise<readonly FileContent[]> {
  const { format, weights = 'float32' } = request;
  const model = modelFromFile(network, referenceKernels('float32'), { inference: true });
  const { card } = network;
  switch (format) {
    case 'safetensors':
      return [{ name: '', bytes: encodeModel(model, card, { names: 'torch', weights }) }];
    case 'onnx':
      return [{ name: '', bytes: onnxBytes(request, model, card) }];
    case 'hf':
      return huggingFaceFiles({ model, card, weights, measured, run: runOf(request) });
    case 'web': {
      const { webPageFiles } = await import('./web-page.ts');
      return webPageFiles({ model, card, weights, measured, run: runOf(request) });
    }
  }
}

function onnxBytes(request: ExportRequest, model: Model, card: ModelCard): Uint8Array {
  const { weights = 'float32', permutations = 'gather', batch = 'any' } = request;
  const { spec, graph } = model;
  return exportOnnx(
    { name: spec.name, graph, epsilon: spec.batchNorm.epsilon, values: namedValues(model) },
    { weights, permutations, batch, metadata: cardMetadata(card) },
  );
}

/** The run's name and configuration, where there is a run. */
function runOf({ run }: ExportRequest) {
  const folder = findRun(run);
  if (folder === undefined) return undefined;
  return { name: path.basename(path.resolve(folder)), config: readRunConfig(folder) };
}
