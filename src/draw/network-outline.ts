/**
 * What a network's picture shows, without any places: stages of items, each of which is a block or as many blocks
 * as follow each other and are the same. Everything is read off the graph, so that the picture is what runs.
 */
import type { BlockSpec } from '../spec/blocks.ts';
import type { ConvOp, Graph, GraphNode, Shape } from '../spec/graph.ts';
import { buildGraph, type NetSpec } from '../spec/network.ts';
import { formatCount } from './text-table.ts';
import { branchesOf, convText, shapeText, strideText } from './words.ts';

/** A line of a block's box: a layer, a permutation, or what acts on every channel alone. */
export interface OutlineLine {
  readonly kind: 'layer' | 'permute' | 'pointwise';
  readonly name: string;
  /** `24 × (3×3, 2), stride 2`, as in the paper's Table 2; empty but for layers. */
  readonly size: string;
  /** What colours the line. */
  readonly role: 'primary' | 'secondary' | 'other';
}

/** A box of lines. */
export interface OutlineBox {
  readonly path: string;
  readonly lines: readonly OutlineLine[];
}

/** What a residual block adds to its boxes' result. */
export interface OutlineShortcut {
  /** Lines of the first box before which the shortcut begins: 0 at the block's input. */
  readonly after: number;
  /** The projection, or no lines for the identity. */
  readonly lines: readonly OutlineLine[];
  /** After the sum. */
  readonly relu: boolean;
}

export interface OutlineItem {
  readonly boxes: readonly OutlineBox[];
  readonly shortcut?: OutlineShortcut;
  /** Paths of the blocks that are drawn as this one. */
  readonly paths: readonly string[];
  readonly output: Shape;
}

/** A stage: blocks whose paths begin alike. */
export interface OutlineStage {
  readonly name: string;
  readonly items: readonly OutlineItem[];
}

/** The network from its input to its loss, equal neighbours folded. */
export function outlineNetwork(spec: NetSpec): readonly OutlineStage[] {
  const graph = buildGraph(spec);
  const blocks = spec.blocks.map((block) => ({ block, nodes: nodesOf(graph, spec, block) }));
  const head = graph.nodes.filter(({ path }) => /^(head|loss)(\/|$)/.test(path));
  const input: OutlineItem = {
    boxes: [{ path: 'input', lines: [layer('images', shapeText(spec.input))] }],
    paths: ['input'],
    output: spec.input,
  };
  const items = [
    input,
    ...fold(blocks.map(({ block, nodes }) => itemOf(graph, block, nodes))),
    {
      boxes: [{ path: 'head', lines: linesOf(graph, head) }],
      paths: ['head'],
      output: head.at(-1)!.shape,
    },
  ];
  const stages: { name: string; items: OutlineItem[] }[] = [];
  for (const item of items) {
    const name = item.paths[0]!.split('/')[0]!;
    if (stages.at(-1)?.name === name) stages.at(-1)!.items.push(item);
    else stages.push({ name, items: [item] });
  }
  return stages;
}

/** The nodes of a block, without those of blocks whose paths are inside its own. */
function nodesOf(graph: Graph, spec: NetSpec, block: BlockSpec): readonly GraphNode[] {
  const inside = (path: string, outer: string) => path === outer || path.startsWith(`${outer}/`);
  const others = spec.blocks.filter(({ path }) => path !== block.path && inside(path, block.path));
  return graph.nodes.filter(
    ({ path }) => inside(path, block.path) && !others.some((other) => inside(path, other.path)),
  );
}

function itemOf(graph: Graph, block: BlockSpec, nodes: readonly GraphNode[]): OutlineItem {
  const paths = [block.path];
  const output = nodes.at(-1)!.shape;
  if (block.kind !== 'residual') {
    return { boxes: [{ path: block.path, lines: linesOf(graph, nodes) }], paths, output };
  }
  const boxes = block.body.map(({ path }) => ({
    path,
    lines: linesOf(graph, nodesWithin(nodes, path)),
  }));
  return { boxes, shortcut: shortcutOf(graph, block.path, nodes), paths, output };
}

function nodesWithin(nodes: readonly GraphNode[], path: string): readonly GraphNode[] {
  return nodes.filter((node) => node.path.startsWith(`${path}/`));
}

function shortcutOf(graph: Graph, path: string, nodes: readonly GraphNode[]): OutlineShortcut {
  const projection = nodesWithin(nodes, `${path}/projection`);
  const sum = nodes.find(({ op }) => op.kind === 'add')!;
  const source = projection[0]?.inputs[0] ?? sum.inputs[1]!;
  const before = nodes.indexOf(graph.nodes[source]!) + 1;
  return {
    after: linesOf(graph, nodes.slice(0, before)).length,
    lines: linesOf(graph, projection),
    relu: nodes.at(-1)!.op.kind === 'relu',
  };
}

function linesOf(graph: Graph, nodes: readonly GraphNode[]): readonly OutlineLine[] {
  const lines: OutlineLine[] = [];
  for (const node of nodes) {
    const line = lineOf(graph, node);
    const last = lines.at(-1);
    if (line.kind === 'pointwise' && last?.kind === 'pointwise') {
      lines[lines.length - 1] = { ...last, name: `${last.name} → ${line.name}` };
    } else lines.push(line);
  }
  return lines;
}

function lineOf(graph: Graph, { path, op, inputs }: GraphNode): OutlineLine {
  switch (op.kind) {
    case 'conv':
      return convLine(path, op, branchesOf(op, graph.nodes[inputs[0]!]!.shape.channels));
    case 'permute':
      return {
        kind: 'permute',
        name: path.slice(path.lastIndexOf('/') + 1),
        size: '',
        role: 'other',
      };
    case 'averagePool':
      return layer('average pool', `${op.kernel.join('×')}${strideText(op)}`);
    case 'maxPool':
      return layer('max pool', `${op.kernel.join('×')}${strideText(op)}`);
    case 'linear': {
      const { channels, height, width } = graph.nodes[inputs[0]!]!.shape;
      return layer(
        'fully connected',
        `${formatCount(channels * height * width)} → ${formatCount(op.outputs)}`,
      );
    }
    case 'batchNorm':
      return pointwise('batch norm');
    case 'relu':
      return pointwise('ReLU');
    case 'softmaxCrossEntropy':
      return pointwise('softmax');
    case 'add':
      return pointwise('sum');
    case 'input':
      return pointwise('input');
  }
}

function convLine(path: string, op: ConvOp, branches: number): OutlineLine {
  const role = /\/(primary|secondary)(\/|$)/.exec(path);
  const inner = role ? path.slice(role.index + 1) : path.slice(path.lastIndexOf('/') + 1);
  const plain = path.endsWith('/projection/conv') ? 'projection' : 'convolution';
  const name = branches > 1 ? `${inner}, summed` : inner === 'conv' ? plain : inner;
  return {
    ...layer(name, convText(op, branches)),
    role: (role?.[1] as 'primary' | 'secondary' | undefined) ?? 'other',
  };
}

function layer(name: string, size: string): OutlineLine {
  return { kind: 'layer', name, size, role: 'other' };
}

function pointwise(name: string): OutlineLine {
  return { kind: 'pointwise', name, size: '', role: 'other' };
}

/** Neighbours that differ in nothing but their paths become one item. */
function fold(items: readonly OutlineItem[]): readonly OutlineItem[] {
  const folded: OutlineItem[] = [];
  for (const item of items) {
    const last = folded.at(-1);
    if (last && stageOf(last) === stageOf(item) && signature(last) === signature(item)) {
      folded[folded.length - 1] = { ...last, paths: [...last.paths, ...item.paths] };
    } else folded.push(item);
  }
  return folded;
}

const stageOf = ({ paths }: OutlineItem) => paths[0]!.split('/')[0];

function signature({ boxes, shortcut, output }: OutlineItem): string {
  return JSON.stringify([boxes.map(({ lines }) => lines), shortcut, output]);
}
