/** A trained network from wherever it lies: a run, a checkpoint, an exported folder, or a file. */
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { dataError } from '../core/errors.ts';
import type { ModelFile } from '../model/model-file.ts';
import { decodeOnnxModel } from '../model/onnx-model.ts';
import { type CheckpointName, checkpointFiles, resolveCheckpoint } from './checkpoint.ts';
import { readBytes, readModelFile } from './read-model.ts';

/** A network, and where it was found. */
export interface FoundNetwork {
  readonly network: ModelFile;
  /** The checkpoint's or exported folder, or the file that was given; absolute. */
  readonly place: string;
}

/**
 * Reads the network at `place`: a .safetensors or .onnx file of igcnet's, or a folder with model.safetensors in it or in
 * its checkpoint of that name.
 *
 * Throws data errors when there is none, or a damaged one.
 */
export function readNetwork(place: string, which: CheckpointName = 'last'): FoundNetwork {
  if (!existsSync(place) && /\.(onnx|safetensors)$/i.test(place)) {
    throw dataError({ path: place, rule: 'must be a file', got: 'nothing' });
  }
  if (existsSync(place) && statSync(place).isFile()) {
    const network = place.toLowerCase().endsWith('.onnx')
      ? decodeOnnxModel(readBytes(place), place)
      : readModelFile(place);
    return { network, place: path.resolve(place) };
  }
  const folder = path.resolve(resolveCheckpoint(place, which));
  return { network: readModelFile(path.join(folder, checkpointFiles.model)), place: folder };
}

/** The run that a folder is, or that a checkpoint lies in; undefined for a network without one. */
export function findRun(place: string): string | undefined {
  const checkpoints = path.dirname(path.resolve(place));
  const runs = [
    place,
    ...(path.basename(checkpoints) === 'checkpoints' ? [path.dirname(checkpoints)] : []),
  ];
  return runs.find((run) => existsSync(path.join(run, 'env.json')));
}
