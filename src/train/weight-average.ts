/**
 * The exponential moving average (EMA) of a network in training: a second model with the averages of its weights and
 * of its batch norms' running averages. With it, it is the average that is evaluated, kept and exported.
 */
import type { RealArray } from '../kernels/contract.ts';
import type { Model } from '../model/model.ts';

/** A model with values of its own, equal to those of `model` at this moment. */
export function beginAverage(model: Model): Model {
  const { kernels, parameters, state } = model;
  const average = {
    ...model,
    parameters: kernels.newArray(parameters.length),
    state: kernels.newArray(state.length),
  };
  average.parameters.set(parameters);
  average.state.set(state);
  return average;
}

/** average ← w·average + (1 − w)·model, w = `oldWeight` in [0, 1]. */
export function updateAverage(average: Model, model: Model, oldWeight: number): void {
  blend(average.parameters, model.parameters, 1 - oldWeight);
  blend(average.state, model.state, 1 - oldWeight);
}

function blend(average: RealArray, values: RealArray, share: number): void {
  for (let i = 0; i < average.length; i++) average[i]! += share * (values[i]! - average[i]!);
}
