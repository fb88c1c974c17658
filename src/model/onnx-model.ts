/** An ONNX file that igcnet wrote, as a network: its constants by torch's names, its card among the texts. */
import { dataError } from '../core/errors.ts';
import { decodeOnnx } from '../formats/onnx/read-model.ts';
import { restoreWeights } from '../formats/weight-storage.ts';
import { readCard } from './model-card.ts';
import { type ModelFile, ourNames } from './model-file.ts';

/**
 * The network in the bytes of an ONNX file of ours; `file` names them in errors.
 *
 * Throws data errors when they are damaged or of somebody else.
 */
export function decodeOnnxModel(bytes: Uint8Array, file: string): ModelFile {
  const { metadata, tensors } = decodeOnnx(bytes, file);
  if (!metadata.has('formatVersion')) {
    throw dataError({
      path: file,
      rule: 'must be an ONNX file that igcnet wrote',
      got: 'one without its metadata',
      hint: 'other files tell the operators but not the blocks that they come from',
    });
  }
  const card = readCard(metadata, file);
  return { file, card, tensors: ourNames(restoreWeights(tensors, file), card.spec) };
}
