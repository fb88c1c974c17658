/**
 * igcnet: interleaved group convolution networks. Everything that the `igc` command does is one of these
 * functions; docs/architecture.md says how they hang together.
 *
 * @example
 * import { loadModel, train } from 'igcnet';
 * for await (const event of train({ recipe: 'digits', name: 'digits' })) {
 *   if (event.kind === 'epoch') console.log(event.row.epoch, event.row.testAccuracy); // percent
 * }
 * const model = await loadModel('runs/digits');
 * const [probabilities] = model.classify(new Uint8Array(64)); // one 1×8×8 image
 */

// Errors
export { type ErrorKind, exitCodes, IgcError } from './core/errors.ts';
// Experiments
export type { LockHolder } from './core/lock-holder.ts';
export { channelStatistics } from './data/channel-statistics.ts';
// Data
export { checkDataset, type DatasetReport } from './data/check.ts';
export { type SheetRow, sheetPng, sheetRows } from './data/contact-sheet.ts';
export type {
  AnyImageSet,
  ChannelStatistics,
  Dataset,
  EncodedImages,
  EncodedSet,
  ImageSet,
  SplitName,
} from './data/dataset.ts';
export { FormatError } from './data/format-error.ts';
export {
  type GetRequest,
  type GotDataset,
  getDataset,
} from './data/get/get-dataset.ts';
export type { GetEvent } from './data/get/obtain-file.ts';
export { imagePixels } from './data/image-set.ts';
export { chooseDecoder, decodeImageFile } from './data/images/image-decoder.ts';
export type { ImageDecoder, RgbImage } from './data/images/rgb-image.ts';
export {
  type DatasetRequest,
  datasetNames,
  openDataset,
  openStreaming,
} from './data/open-dataset.ts';
export { verifyPack } from './data/pack/read-pack.ts';
export { type PackInput, writePack } from './data/pack/write-pack.ts';
export { usualDataFolders } from './data/readers/data-folder.ts';
export type { SyntheticOptions } from './data/readers/synthetic.ts';
export { type RecognisedData, recogniseData } from './data/recognise.ts';
export type { DatasetSource, ImageChunk, SplitSource } from './data/source.ts';
export { measureStatistics } from './data/statistics.ts';
// Pictures
export {
  type ConfusionMatrix,
  type ConfusionPicture,
  confusionCsv,
  confusionSvg,
} from './draw/confusion.ts';
export { equivalenceSvg } from './draw/equivalence.ts';
export { networkSvg } from './draw/network.ts';
export { networkBlockSvg } from './draw/network-block.ts';
export {
  type PaperCell,
  type PaperExperiment,
  type PaperExperimentName,
  type PrintedResult,
  paperExperiment,
  paperExperimentNames,
} from './experiment/paper-experiments.ts';
export { type PaperRequest, planPaper } from './experiment/plan-paper.ts';
export { planSweep, type SweepRequest } from './experiment/plan-sweep.ts';
export { makeReport, type PaperRow, type PaperSection, type Report } from './experiment/report.ts';
export { collectRuns, type RunCollection } from './experiment/run-collection.ts';
export {
  type ExperimentEvent,
  type ExperimentOptions,
  type ExperimentResult,
  runExperiment,
} from './experiment/run-experiment.ts';
export type { PlannedRun, RunPlan } from './experiment/run-plan.ts';
export { type RunRecord, type RunStatus, readRunRecord } from './experiment/run-record.ts';
export { type Sample, sampleOf, type WelchTest, welchTest } from './experiment/statistics.ts';
export { writeReport } from './experiment/write-report.ts';
// Exports and imports
export {
  type ExportFormat,
  type ExportRequest,
  type ExportResult,
  exportFormats,
  exportRun,
  type Measured,
} from './export/export-run.ts';
export { type ImportRequest, type ImportResult, importModel } from './export/import-model.ts';
// Files
export {
  decodeSafetensors,
  encodeSafetensors,
  type Safetensors,
  type StoredTensor,
} from './formats/safetensors.ts';
export { type WeightStorage, weightStorages } from './formats/weight-storage.ts';
// Kernels
export {
  type ChosenKernels,
  chooseKernels,
  type KernelChoice,
  type KernelRequest,
  kernelChoices,
} from './kernels/choose.ts';
export type {
  Executor,
  ForwardOptions,
  InstantiateOptions,
  KernelSet,
  ModelArrays,
  RealArray,
  SgdOptions,
} from './kernels/contract.ts';
export { nativeKernelSets } from './kernels/native.ts';
export { referenceKernels } from './kernels/reference.ts';
export { type GraphWithWeights, runGraph } from './kernels/run-graph.ts';
export { wasmKernelSets } from './kernels/wasm.ts';
export type { ClassProbability } from './model/classifier.ts';
export type { Preprocessing } from './model/model-card.ts';
// Plans
export {
  countMemory,
  type DescribeOptions,
  describeNetwork,
  descriptionText,
  type LayerDescription,
  type MemoryDescription,
  type NetworkDescription,
  type StepDescription,
} from './plan/describe.ts';
export { makePlan, type PlanOptions } from './plan/make-plan.ts';
export type { Plan, Step, Tensor } from './plan/plan.ts';
// Serving
export type { ModelSource } from './runtime/model-source.ts';
export type { NetworkFacts } from './serve/network.ts';
export { type ServedModel, type ServeEvents, serveModel } from './serve/serve-model.ts';
export type { ServeOptions, ServeSettings } from './serve/settings.ts';
export type { JobPlaces, JobSettings } from './slurm/job-scripts.ts';
export { type Submission, type SubmitRequest, submitExperiment } from './slurm/submit.ts';
export {
  readSweepStatus,
  type SweepRun,
  type SweepRunState,
  type SweepStatus,
} from './slurm/sweep-status.ts';
export type { BlockSpec } from './spec/blocks.ts';
// Networks
export type { Graph, GraphNode, Op, Shape } from './spec/graph.ts';
export {
  type Doubling,
  type NamedNetwork,
  type NetFamily,
  type NetVariant,
  namedNetwork,
} from './spec/named-networks.ts';
export type { WrittenNet } from './spec/net-schema.ts';
export { buildGraph, type NetSpec } from './spec/network.ts';
export {
  type NetRequest,
  type OwnNetwork,
  readOwnNetwork,
  requestNetwork,
} from './spec/own-network.ts';
// Theory
export { blockComposite, blockNonZeros, type KernelNonZeros } from './theory/composite.ts';
export { type Cost, type CountConvention, countCost, type NodeCost } from './theory/cost.ts';
export { type Design, type DesignRequest, type DesignRow, designBlocks } from './theory/design.ts';
export {
  type Equivalence,
  groupAsIgc,
  igcAsRegular,
  regularAsIgc,
  singlePartitionAsRegular,
  sumFusionAsIgc,
  type WeightedGraph,
  xceptionAsIgc,
} from './theory/equivalences.ts';
export {
  type Composite,
  composeChain,
  type NamedWeights,
  type WeightedConv,
} from './theory/linear-chain.ts';
export type { TableCell } from './theory/tables/cell.ts';
export { type PaperTable, paperTable, type TableName } from './theory/tables/paper-table.ts';
export {
  igcParameters,
  igcWidth,
  isWiderThanRegular,
  regularParameters,
  regularWidth,
  widestPartitions,
  widthBound,
} from './theory/widths.ts';
// Training and using
export {
  type ConfigOverrides,
  datasetRequest,
  parseConfig,
  type RunConfig,
  resolveConfig,
  scheduleKinds,
} from './train/config.ts';
export { packageVersion } from './train/environment.ts';
export type {
  CheckpointEvent,
  DoneEvent,
  EpochEvent,
  MetricsRow,
  RunSummary,
  StartEvent,
  StepEvent,
  TrainEvent,
  WarningEvent,
} from './train/events.ts';
export {
  type FoundLearningRate,
  findLearningRate,
  type RangePoint,
  type RangeTest,
} from './train/find-learning-rate.ts';
export {
  type EvaluateOptions,
  evaluateRun,
  type FilePrediction,
  type LoadedModel,
  type LoadOptions,
  loadModel,
  type PredictOptions,
  predictFiles,
  type RunEvaluation,
} from './train/load.ts';
export { type RecipeName, recipes } from './train/recipes.ts';
export { readRunConfig } from './train/run-folder.ts';
export type { ClassAccuracy, Evaluation } from './train/tally.ts';
export { type TrainOptions, train } from './train/train.ts';
export type { DistOptions } from './train/trainer-messages.ts';
