/**
 * Table 2: the structures of the networks, written from the graphs that our specifications become.
 * Letters: B blocks a stage, c the width of RegConv's first stage.
 */
import type { GraphNode } from '../../spec/graph.ts';
import { namedNetwork } from '../../spec/named-networks.ts';
import { buildGraph, countLayers, type NetSpec } from '../../spec/network.ts';
import { compareText, type TableCell } from './cell.ts';
import { table2 } from './printed.ts';

const input = { channels: 3, height: 32, width: 32 } as const;
/** What c stands for while RegConv-Wc is built. */
const exampleWidth = 16;
/** What B stands for while a network is built; Table 2's own for IGC-L32M26. */
const exampleBlocks = 6;
const stages = ['32×32', '16×16', '8×8'] as const;

export function table2Cells(): readonly TableCell[] {
  const columns = table2.nets.map((net, i) => ({
    net,
    ours: structures(net),
    printed: table2.rows.map(({ row, structures: all }) => ({ row, text: all[i]! })),
  }));
  return columns.flatMap(({ net, ours, printed }) =>
    printed.map(({ row, text }) => {
      const product = withProduct(text);
      const cell = { row, column: net, printed: product };
      const compared = compareText(cell, { text: ours.get(row) ?? 'nothing' });
      const note =
        product === text || compared.match !== 'exact' ? compared.note : `printed as ${text}`;
      return { ...compared, printed: text, note };
    }),
  );
}

/** Our structure of every row of the table. */
function structures(column: string): ReadonlyMap<string, string> {
  const net = column.replace('Wc', `W${exampleWidth}`);
  const at = (depth: number) => namedNetwork({ net, depth, input, classes: 10 });
  const spec = at(3 * exampleBlocks + 2);
  // IGC-L32M26 has one depth in Table 2, the others any.
  const isFixed = column === 'IGC-L32M26';
  const symbolic = column === 'RegConv-Wc';
  const graph = buildGraph(spec);
  const widthText = (channels: number) => {
    if (!symbolic) return `${channels}`;
    return channels === exampleWidth ? 'c' : `${channels / exampleWidth}c`;
  };
  const rows = new Map([
    [
      `${sizeOf(graph.nodes, 'stem')}, first convolution`,
      blockText(spec, graph.nodes, 'stem', widthText),
    ],
  ]);
  for (let stage = 1; stage <= stages.length; stage++) {
    const paths = spec.blocks
      .map(({ path }) => path)
      .filter((path) => path.startsWith(`stage${stage}/`));
    const texts = new Set(paths.map((path) => blockText(spec, graph.nodes, path, widthText)));
    const times = !isFixed && paths.length === exampleBlocks ? 'B' : `${paths.length}`;
    rows.set(sizeOf(graph.nodes, `stage${stage}`), `${[...texts].join(' or ')}×${times}`);
  }
  rows.set('1×1', headText(graph.nodes));
  rows.set('Depth', isFixed ? `${countLayers(spec.blocks)}` : depthText(at(8), spec));
  return rows;
}

/** Layers as a function of B: a·B + b. */
function depthText(shallow: NetSpec, deep: NetSpec): string {
  const blocks = (spec: NetSpec) =>
    spec.blocks.filter(({ path }) => path.startsWith('stage1/')).length;
  const [x0, x1] = [blocks(shallow), blocks(deep)];
  const [y0, y1] = [countLayers(shallow.blocks), countLayers(deep.blocks)];
  const slope = (y1 - y0) / (x1 - x0);
  return `${slope}B + ${y0 - slope * x0}`;
}

function blockText(
  spec: NetSpec,
  nodes: readonly GraphNode[],
  path: string,
  widthText: (channels: number) => string,
): string {
  const block = spec.blocks.find((one) => one.path === path);
  const parts = nodes.flatMap(({ path: nodePath, op }) => {
    if (op.kind !== 'conv' || !nodePath.startsWith(`${path}/`)) return [];
    const groups = block?.kind === 'sumFusion' ? block.branches : op.groups;
    const one = `(${op.kernel.join('×')}, ${widthText(op.outChannels / op.groups)})`;
    return [groups === 1 ? one : `${groups}×${one}`];
  });
  if (block?.kind === 'sumFusion') parts.push('Summation');
  return parts.length === 1 ? parts[0]! : `[${parts.join('; ')}]`;
}

/** Size of the maps that leave a part of the network. */
function sizeOf(nodes: readonly GraphNode[], path: string): string {
  const last = nodes.findLast((node) => node.path.startsWith(`${path}/`))!;
  return `${last.shape.height}×${last.shape.width}`;
}

function headText(nodes: readonly GraphNode[]): string {
  const names = {
    averagePool: 'average pool',
    linear: 'fc',
    softmaxCrossEntropy: 'softmax',
  } as const;
  return nodes
    .map(({ op }) => (op.kind in names ? names[op.kind as keyof typeof names] : ''))
    .filter((name) => name !== '')
    .join(', ');
}

/** `(3×3, 26×32)` as `(3×3, 832)`. */
function withProduct(structure: string): string {
  return structure.replace(/, (\d+)×(\d+)\)/, (_, a, b) => `, ${Number(a) * Number(b)})`);
}
