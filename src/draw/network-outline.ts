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
  readonly input: Shape;
  readonly output: Shape;
}

/** Blocks whose paths begin alike (`stage1/…`), or that have no stages and give maps of one shape. */
export interface OutlineStage {
  readonly name: string;
  readonly items: readonly OutlineItem[];
}

/** The network from its input to its loss, equal neighbours folded. Throws for networks that do not fit together. */
export function outlineNetwork(spec: NetSpec): readonly OutlineStage[] {
  const graph = buildGraph(spec);
  const items = spec.blocks.map((block) => itemOf(graph, block, nodesOf(graph, spec, block)));
  const stageOf = stagesOf(items);
  const stages: { readonly key: string; readonly items: OutlineItem[] }[] = [];
  for (const item of items) {
    const key = stageOf(item);
    const stage = stages.at(-1);
    if (stage?.key !== key) stages.push({ key, items: [item] });
    else addFolded(stage.items, item);
  }
  const head = graph.nodes.slice(graph.nodes.findLastIndex(({ path }) => isIn(path, spec)) + 1);
  return [
    {
      name: 'input',
      items: [endItem('input', [layer('images', shapeText(spec.input))], spec.input)],
    },
    ...stages.map((stage) => ({ name: stageName(stage.items), items: stage.items })),
    { name: 'head', items: [endItem('head', linesOf(graph, head), head.at(-1)!.shape)] },
  ];
}

function endItem(path: string, lines: readonly OutlineLine[], output: Shape): OutlineItem {
  return { boxes: [{ path, lines }], paths: [path], input: output, output };
}

function isIn(path: string, { blocks }: NetSpec): boolean {
  return blocks.some((block) => isPartOf(path, block));
}

function isInside(path: string, outer: string): boolean {
  return path === outer || path.startsWith(`${outer}/`);
}

/** What blocks of one stage have in common; `stem` is of a stage where there is a `stem/pool`. */
function stagesOf(items: readonly OutlineItem[]): (item: OutlineItem) => string {
  const staged = new Set(
    items.flatMap(({ paths: [path = ''] }) => (path.includes('/') ? [path.split('/')[0]!] : [])),
  );
  return ({ paths: [path = ''], output }) => {
    const first = path.split('/')[0]!;
    return staged.has(first) ? `stage ${first}` : `shape ${shapeText(output)}`;
  };
}

function stageName(items: readonly OutlineItem[]): string {
  const paths = items.flatMap((item) => item.paths);
  const [first, last] = [paths[0]!, paths.at(-1)!];
  if (paths.some((path) => path.includes('/'))) return first.split('/')[0]!;
  return paths.length === 1 ? first : `${first} … ${last}`;
}

/** A neighbour that differs in nothing but its path becomes one with the item before it. */
function addFolded(items: OutlineItem[], item: OutlineItem): void {
  const last = items.at(-1)!;
  if (signature(last) !== signature(item)) items.push(item);
  else items[items.length - 1] = { ...last, paths: [...last.paths, ...item.paths] };
}

function signature({ boxes, shortcut, input, output }: OutlineItem): string {
  return JSON.stringify([boxes.map(({ lines }) => lines), shortcut, input, output]);
}

/** Is a node's path the block's, or that of a part of its body? */
function isPartOf(path: string, block: BlockSpec): boolean {
  if (isInside(path, block.path)) return true;
  return block.kind === 'residual' && block.body.some((part) => isInside(path, part.path));
}

/** The nodes of a block, without those of blocks whose paths are inside its own. */
function nodesOf(graph: Graph, spec: NetSpec, block: BlockSpec): readonly GraphNode[] {
  const others = spec.blocks.filter(
    ({ path }) => path !== block.path && isInside(path, block.path),
  );
  return graph.nodes.filter(
    ({ path }) => isPartOf(path, block) && !others.some((other) => isPartOf(path, other)),
  );
}

function itemOf(graph: Graph, block: BlockSpec, nodes: readonly GraphNode[]): OutlineItem {
  const paths = [block.path];
  const input = graph.nodes[nodes[0]!.inputs[0]!]!.shape;
  const output = nodes.at(-1)!.shape;
  if (block.kind !== 'residual') {
    return { boxes: [{ path: block.path, lines: linesOf(graph, nodes) }], paths, input, output };
  }
  const boxes = block.body.map(({ path }) => ({
    path,
    lines: linesOf(graph, nodesWithin(nodes, path)),
  }));
  return { boxes, shortcut: shortcutOf(graph, block.path, nodes), paths, input, output };
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
