/**
 * Begins a run with what another network has learnt (fine-tuning): everything up to the head, and the head too where the
 * classes are the same.
 */
import { dataError } from '../core/errors.ts';
import {
  firstNonFinite,
  type Model,
  type NamedSlice,
  parameterSlices,
  stateSlices,
} from '../model/model.ts';
import { copySlices, type ModelFile } from '../model/model-file.ts';
import { readNetwork } from './read-network.ts';

/** The fully connected layer that names the classes; see buildGraph. */
const head = 'head/fc/';

/** What was taken over, in words for people. */
export type InitialNote = string;

/**
 * Sets a model, whose values have been drawn, from the network at `place`; its head stays as drawn where the network's
 * classes are others than `classes`.
 *
 * Throws a data error that names the first tensor which is missing, of another shape, or not finite.
 */
export function applyInitialCheckpoint(
  model: Model,
  place: string,
  classes: readonly string[],
): InitialNote {
  const { network } = readNetwork(place);
  const { card } = network;
  const isSame = JSON.stringify(card.classes) === JSON.stringify(classes);
  const wanted = ({ path }: NamedSlice) => isSame || !path.startsWith(head);
  const parameters = parameterSlices(model).filter(wanted);
  const averages = stateSlices(model);
  for (const slice of [...parameters, ...averages]) checkSlice(place, slice, network);
  copySlices(model.parameters, parameters, network.tensors);
  copySlices(model.state, averages, network.tensors);
  const wrong =
    firstNonFinite(model.parameters, parameters) ?? firstNonFinite(model.state, averages);
  if (wrong !== undefined) {
    throw dataError({ path: place, rule: `${wrong} must be finite`, got: 'NaN or infinite' });
  }
  const begins = `begins with ${card.spec.name} (D=${card.spec.depth}) of ${place}, epoch ${card.epoch}`;
  if (isSame) return begins;
  return `${begins}; a new head for ${classes.length} classes in place of its ${card.classes.length}`;
}

function checkSlice(place: string, { path, shape }: NamedSlice, { tensors, card }: ModelFile) {
  const stored = tensors.get(path);
  if (`${stored?.shape}` === `${shape}`) return;
  throw dataError({
    path: place,
    rule: `must have ${path} of [${shape}] to begin with`,
    got: stored ? `[${stored.shape}]` : 'none',
    hint: `it is ${card.spec.name} (D=${card.spec.depth}); train the same network`,
  });
}
