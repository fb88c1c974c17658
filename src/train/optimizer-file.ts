/** optimizer.safetensors: what a run needs besides model.safetensors to go on as if it had not stopped. */
import { encodeSafetensors } from '../formats/safetensors.ts';
import { restoreWeights } from '../formats/weight-storage.ts';
import { type Model, type NamedSlice, parameterSlices, stateSlices } from '../model/model.ts';
import { formatVersion } from '../model/model-card.ts';
import { checkTensors, copySlices, decodeTensors, namedTensors } from '../model/model-file.ts';
import { readBytes } from './read-model.ts';

/**
 * The momentum of every parameter, by the parameter's path. `withWeights` also has the values
 * in training, as `trained/<path>`, for runs whose model.safetensors holds averages of them.
 */
export function encodeOptimizer(model: Model, withWeights: boolean): Uint8Array {
  const metadata = new Map([
    ['format', 'igcnet'],
    ['formatVersion', `${formatVersion}`],
  ]);
  const tensors = new Map([
    ...namedTensors(model.momentum, parameterSlices(model)),
    ...(withWeights ? namedTensors(model.parameters, trained(parameterSlices(model))) : []),
    ...(withWeights ? namedTensors(model.state, trained(stateSlices(model))) : []),
  ]);
  return encodeSafetensors({ metadata, tensors });
}

/**
 * Sets the momentum, and with `withWeights` the values in training, from optimizer.safetensors. Throws a data error when
 * it is of another network.
 */
export function fillOptimizer(model: Model, file: string, withWeights: boolean): void {
  const tensors = restoreWeights(decodeTensors(readBytes(file), file).tensors, file);
  const moments = parameterSlices(model);
  const [weights, averages] = [trained(moments), trained(stateSlices(model))];
  const expected = withWeights ? [...moments, ...weights, ...averages] : moments;
  checkTensors(file, model.spec, expected, tensors);
  copySlices(model.momentum, moments, tensors);
  if (!withWeights) return;
  copySlices(model.parameters, weights, tensors);
  copySlices(model.state, averages, tensors);
}

function trained(slices: readonly NamedSlice[]): readonly NamedSlice[] {
  return slices.map((slice) => ({ ...slice, path: `trained/${slice.path}` }));
}
