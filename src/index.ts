/**
 * igcnet: interleaved group convolution networks. Everything the `igc` command does is one of these functions.
 */
export { type ErrorKind, exitCodes, IgcError } from './core/errors.ts';
export { makePlan } from './plan/make-plan.ts';
export type { Shape } from './spec/graph.ts';
export { namedNetwork } from './spec/named-networks.ts';
export { buildGraph, type NetSpec } from './spec/network.ts';
export {
  type ConfigOverrides,
  parseConfig,
  type RunConfig,
  resolveConfig,
} from './train/config.ts';
export type { Evaluation } from './train/evaluate.ts';
export type { MetricsRow, RunSummary, TrainEvent } from './train/events.ts';
export { evaluateRun, loadModel, predictFiles } from './train/load.ts';
export { recipes } from './train/recipes.ts';
export { train } from './train/train.ts';
