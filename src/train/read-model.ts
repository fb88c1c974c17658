/** Reads the files of a checkpoint from the disk. */
import { readFileSync } from 'node:fs';
import { codeOf } from '../core/durable-files.ts';
import { dataError } from '../core/errors.ts';
import { decodeModel, type ModelFile } from '../model/model-file.ts';

/**
 * Reads model.safetensors.
 *
 * Throws data errors when it is missing, damaged, from a newer format, or not one of ours.
 */
export function readModelFile(file: string): ModelFile {
  return decodeModel(readBytes(file), file);
}

/** The bytes of a file of a checkpoint. Throws a data error when it cannot be read. */
export function readBytes(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (cause) {
    const code = codeOf(cause) ?? 'an error';
    throw dataError({ path: file, rule: 'must be a readable file', got: code }, cause);
  }
}
