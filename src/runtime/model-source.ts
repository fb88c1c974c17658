/** Where Node finds a trained network: a file, a folder that holds one, a URL, bytes. */
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { findFolder } from '../core/durable-files.ts';
import { dataError, usageError } from '../core/errors.ts';
import { readWhole } from '../data/readers/reading.ts';
import { decodeModel, type ModelFile } from '../model/model-file.ts';
import { decodeOnnxModel } from '../model/onnx-model.ts';
import { fetchBytes } from './fetch-bytes.ts';

/**
 * A model.safetensors or an ONNX file of igcnet's, by path or URL; the bytes of the former; or the path of a folder that holds
 * it: a run, a checkpoint, an exported model.
 */
export type ModelSource = string | URL | Uint8Array | ArrayBuffer;

/** What errors call it. */
export function nameOf(source: ModelSource): string {
  return typeof source === 'string' || source instanceof URL ? `${source}` : 'model';
}

/** The network. Throws a data error when there is none, or a damaged one; a usage error for what is no source. */
export async function readModel(source: ModelSource): Promise<ModelFile> {
  const name = nameOf(source);
  const bytes = await readSource(source);
  const isOnnx = /\.onnx$/i.test(name.replace(/[?#].*$/, ''));
  return isOnnx ? decodeOnnxModel(bytes, name) : decodeModel(bytes, name);
}

async function readSource(source: ModelSource): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (typeof source !== 'string' && !(source instanceof URL)) {
    const rule = 'must be a path, a URL or the bytes of a file';
    throw usageError({ path: 'model', rule, got: typeof source });
  }
  const place = webUrl(source);
  if (place) return fetchBytes(place);
  const file = typeof source === 'string' ? source : pathOf(source);
  return readWhole(file, modelFileIn(file));
}

/** A URL to fetch from; undefined for a path or a file: URL. Throws a usage error for what only begins like one. */
export function webUrl(source: string | URL): URL | undefined {
  if (typeof source === 'string' && !/^https?:/i.test(source)) return undefined;
  const url = parseUrl(`${source}`);
  return url.protocol === 'file:' ? undefined : url;
}

function parseUrl(text: string): URL {
  try {
    return new URL(text);
  } catch {
    throw usageError({ path: text, rule: 'must be a whole URL' });
  }
}

/** The path of a file: URL. Throws a usage error for one of another machine. */
export function pathOf(url: URL): string {
  try {
    return fileURLToPath(url);
  } catch {
    throw usageError({ path: `${url}`, rule: 'must be a file of this machine' });
  }
}

function modelFileIn(place: string): string {
  if (!existsSync(place)) {
    throw dataError({ path: place, rule: 'must be a model file or a folder', got: 'nothing' });
  }
  if (!statSync(place).isDirectory()) return place;
  const folders = [place, findFolder(path.join(place, 'checkpoints', 'last'))];
  const files = folders.flatMap((folder) => (folder ? [path.join(folder, fileName)] : []));
  const found = files.find((file) => existsSync(file));
  if (found) return found;
  throw dataError({
    path: place,
    rule: `must hold ${fileName}, or be a run with checkpoints/last`,
    got: 'neither',
  });
}

const fileName = 'model.safetensors';
