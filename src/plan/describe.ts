/**
 * A network and its plans as something to look at: every layer with its cost, the fused steps that run, and the
 * memory they take. `describeNetwork` gives plain data (the JSON), `descriptionText` the tables.
 * Not here: where the numbers come from (theory/cost.ts, make-plan.ts).
 */
import { formatBytes, formatCount, textTable } from '../draw/text-table.ts';
import type { Graph, Op, Shape } from '../spec/graph.ts';
import { buildGraph, type NetSpec } from '../spec/network.ts';
import { countCost } from '../theory/cost.ts';
import { makePlan, type PlanOptions } from './make-plan.ts';
import type { Grid, Plan, Step, TensorView } from './plan.ts';

/** For which batch, replicas and kernels a network is described. */
export interface DescribeOptions
  extends Pick<PlanOptions, 'replicas' | 'lanes' | 'fuse' | 'storage'> {
  /** Images in a batch; default 64. */
  readonly batch?: number;
  /** Bytes of one number: 4 (default), or 8 for float64 kernels. */
  readonly valueBytes?: 4 | 8;
}

/** One node of the graph and what it costs. */
export interface LayerDescription {
  readonly path: string;
  readonly kind: Op['kind'];
  /** What the kind does here: `3×3, 24 groups, stride 2`. */
  readonly detail: string;
  /** Output shape of one image. */
  readonly shape: Shape;
  /** Trainable values, batch norm's included. */
  readonly params: number;
  /** Multiply-adds per image, projections included. */
  readonly macs: number;
}

/** One pass over memory: the node that runs, and what was folded into it. */
export interface StepDescription {
  readonly path: string;
  readonly kind: Step['kind'];
  /** Convolutions computed on the way, whose results are not stored. */
  readonly before: readonly string[];
  /** What is read, each `path` with what its reader does to it first: `relu(bn(stem/conv))`. */
  readonly reads: readonly string[];
  /** Rectifies what it writes (sums only; elsewhere the reader does). */
  readonly relu: boolean;
  /** Shape of one image's output. */
  readonly shape: Shape;
}

/** Bytes of a plan's arenas; kernels add scratch of their own. */
export interface MemoryDescription {
  readonly activations: number;
  readonly activationGradients: number;
  readonly parameters: number;
  readonly parameterGradients: number;
  readonly momentum: number;
  readonly runningAverages: number;
  readonly total: number;
}

/** Everything that `igc describe` prints, as data. */
export interface NetworkDescription {
  readonly net: string;
  readonly depth: number;
  readonly input: Shape;
  readonly classes: number;
  readonly layers: readonly LayerDescription[];
  /** Every trainable value, and the paper's count without batch norm. */
  readonly params: number;
  readonly paramsPaper: number;
  /** Per image by the paper's count (projections left out), and of every layer. */
  readonly macs: number;
  readonly macsAll: number;
  readonly batch: number;
  readonly replicas: number;
  /** Bytes at that batch. */
  readonly memory: { readonly training: MemoryDescription; readonly inference: MemoryDescription };
  /** Into which tiles inference cuts each image of that batch. */
  readonly grid: Grid;
  readonly steps: readonly StepDescription[];
}

/**
 * Everything there is to know about a network before it runs.
 *
 * Throws a usage error naming the block, batch or replicas that do not fit.
 * @example console.log(descriptionText(describeNetwork(spec, { batch: 64, replicas: 2 })))
 */
export function describeNetwork(spec: NetSpec, options: DescribeOptions = {}): NetworkDescription {
  const graph = buildGraph(spec);
  const { training, inference, batch, replicas, valueBytes } = planBoth(graph, spec, options);
  const all = countCost(spec, 'all');
  const paper = countCost(spec, 'paper');
  return {
    net: spec.name,
    depth: spec.depth,
    input: spec.input,
    classes: spec.classes,
    layers: all.nodes.map((node, i) => ({ ...node, detail: opDetail(graph.nodes[i]!.op) })),
    params: all.params,
    paramsPaper: paper.params,
    macs: paper.macs,
    macsAll: all.macs,
    batch,
    replicas,
    memory: {
      training: describeMemory(training, valueBytes),
      inference: describeMemory(inference, valueBytes),
    },
    grid: inference.grid,
    steps: training.steps.map((step) => describeStep(training, step)),
  };
}

/**
 * Bytes that a network takes at a batch; `activations` is the peak: in training all of them are kept for backward, in
 * inference they share memory as soon as their last reader is done.
 *
 * Throws a usage error naming the block, batch or replicas that do not fit.
 * @example countMemory(spec, { batch: 1 }).inference.activations
 */
export function countMemory(
  spec: NetSpec,
  options: DescribeOptions = {},
): NetworkDescription['memory'] {
  const { training, inference, valueBytes } = planBoth(buildGraph(spec), spec, options);
  return {
    training: describeMemory(training, valueBytes),
    inference: describeMemory(inference, valueBytes),
  };
}

/** The description as text: layers, totals, memory, steps. */
export function descriptionText(description: NetworkDescription): string {
  const { net, depth, input, classes } = description;
  return [
    `${net}, depth ${depth}: ${shapeText(input)} images, ${classes} classes`,
    '',
    ...layerLines(description),
    '',
    ...totalLines(description),
    '',
    ...memoryLines(description),
    ...gridLines(description),
    '',
    ...stepLines(description),
    '',
  ].join('\n');
}

/** Both plans of a network, and the options with their defaults. */
function planBoth(graph: Graph, { batchNorm }: NetSpec, options: DescribeOptions) {
  const { batch = 64, replicas = 1, valueBytes = 4, fuse = true } = options;
  const rest = { ...options, chains: fuse };
  const { epsilon } = batchNorm;
  return {
    training: makePlan(graph, { ...rest, batch, replicas, epsilon, training: true }),
    inference: makePlan(graph, { ...rest, batch, epsilon, training: false }),
    batch,
    replicas,
    valueBytes,
  };
}

/** `48×32×32`: channels, height, width. */
function shapeText({ channels, height, width }: Shape): string {
  return `${channels}×${height}×${width}`;
}

function opDetail(op: Op): string {
  switch (op.kind) {
    case 'conv': {
      const groups = op.groups === 1 ? '' : `, ${op.groups} groups`;
      return `${op.kernel.join('×')}${groups}${op.stride === 1 ? '' : `, stride ${op.stride}`}`;
    }
    case 'averagePool':
    case 'maxPool':
      return `${op.kernel.join('×')}${op.stride === 1 ? '' : `, stride ${op.stride}`}`;
    case 'permute':
      return new Set(op.map).size === op.map.length ? 'channels reordered' : 'channels repeated';
    case 'input':
    case 'batchNorm':
    case 'relu':
    case 'add':
    case 'linear':
    case 'softmaxCrossEntropy':
      return '';
  }
}

function describeMemory(plan: Plan, valueBytes: number): MemoryDescription {
  const parameters = plan.parameterSize * valueBytes;
  const { storage } = plan.tensors[plan.input]!;
  const memory = {
    activations: plan.activationSize * (storage === 'bfloat16' ? 2 : valueBytes),
    activationGradients: plan.gradientSize * valueBytes,
    parameters,
    parameterGradients: plan.training ? parameters : 0,
    momentum: plan.training ? parameters : 0,
    runningAverages: plan.stateSize * valueBytes,
  };
  const total = Object.values(memory).reduce((sum, size) => sum + size, 0);
  return { ...memory, total };
}

function describeStep(plan: Plan, step: Step): StepDescription {
  const { channels, height, width } = plan.tensors[step.output]!;
  return {
    path: step.path,
    kind: step.kind,
    before: step.kind === 'conv' ? step.before.map(({ path }) => path) : [],
    reads: step.inputs.map((id) => viewText(plan.tensors[id]!.path, plan.tensors[id]!.read)),
    relu: step.kind === 'add' && step.relu,
    shape: { channels, height, width },
  };
}

function viewText(path: string, { bn, relu }: TensorView): string {
  const normalized = bn >= 0 ? `bn(${path})` : path;
  return relu ? `relu(${normalized})` : normalized;
}

function layerLines({ layers }: NetworkDescription): readonly string[] {
  return textTable(
    [
      { title: 'layer' },
      { title: 'kind' },
      { title: 'detail' },
      { title: 'output' },
      { title: 'params', align: 'right' },
      { title: 'MACs', align: 'right' },
    ],
    layers.map(({ path, kind, detail, shape, params, macs }) => [
      path,
      kind,
      detail,
      shapeText(shape),
      params === 0 ? '' : formatCount(params),
      macs === 0 ? '' : formatCount(macs),
    ]),
  );
}

function totalLines(description: NetworkDescription): readonly string[] {
  const { params, paramsPaper, macs, macsAll } = description;
  const projections = macsAll === macs ? '' : `; ${formatCount(macsAll)} with projections`;
  return [
    `params  ${formatCount(params)} trainable; ${formatCount(paramsPaper)} as the paper counts (no batch norm)`,
    `MACs    ${formatCount(macs)} an image, as the paper counts${projections}`,
  ];
}

function memoryLines(description: NetworkDescription): readonly string[] {
  const { batch, replicas, memory } = description;
  const { training, inference } = memory;
  const row = (label: string, key: keyof MemoryDescription) => [
    label,
    formatBytes(training[key]),
    inference[key] === 0 ? '–' : formatBytes(inference[key]),
  ];
  const parts = replicas === 1 ? '' : ` (batch norm over ${batch / replicas})`;
  return textTable(
    [
      { title: `memory, batch ${batch}${parts}` },
      { title: 'training', align: 'right' },
      { title: 'inference', align: 'right' },
    ],
    [
      row('activations', 'activations'),
      row('their gradients', 'activationGradients'),
      row('parameters', 'parameters'),
      row('their gradients', 'parameterGradients'),
      row('momentum', 'momentum'),
      row('running averages', 'runningAverages'),
      row('in all', 'total'),
    ],
  );
}

function gridLines({ grid }: NetworkDescription): readonly string[] {
  const { rows, columns, obstacle } = grid;
  if (obstacle !== undefined)
    return ['', `inference keeps images whole: ${obstacle} cannot run on tiles`];
  if (rows * columns === 1) return [];
  return ['', `inference cuts each image into ${rows}×${columns} tiles, one a lane of a vector`];
}

function stepLines({ steps }: NetworkDescription): readonly string[] {
  return textTable(
    [
      { title: `step (${steps.length}, fused)` },
      { title: 'kind' },
      { title: 'on the way' },
      { title: 'reads' },
      { title: 'writes' },
    ],
    steps.map(({ path, kind, before, reads, relu, shape }) => [
      path,
      relu ? `${kind}, relu` : kind,
      before.join(', '),
      reads.join(' + '),
      kind === 'loss' ? '' : shapeText(shape),
    ]),
  );
}
