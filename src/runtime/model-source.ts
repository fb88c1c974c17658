/** Where Node finds a trained network: a file, a folder that holds one, a URL, bytes. */
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { findFolder } from '../core/durable-files.ts';
import { dataError } from '../core/errors.ts';
import { readWhole } from '../data/readers/reading.ts';
import { fetchBytes } from './fetch-bytes.ts';

/**
 * A model.safetensors, by path, URL or its bytes; or the path of a folder that holds one: a run, a checkpoint, an exported
 * model.
 */
export type ModelSource = string | URL | Uint8Array | ArrayBuffer;

/** What errors call it. */
export function nameOf(source: ModelSource): string {
  return typeof source === 'string' || source instanceof URL ? `${source}` : 'model';
}

/** Its bytes. Throws a data error when there is none, or none that can be read. */
export async function readModel(source: ModelSource): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  const place = webUrl(source);
  if (place) return fetchBytes(place);
  const file = typeof source === 'string' ? source : fileURLToPath(source);
  return readWhole(file, modelFileIn(file));
}

/** A URL to fetch from; undefined for a path or a file: URL. */
export function webUrl(source: string | URL): URL | undefined {
  const url = typeof source === 'string' && /^https?:/i.test(source) ? new URL(source) : source;
  return url instanceof URL && url.protocol !== 'file:' ? url : undefined;
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
