/**
 * Tables 3, 6 and 7: parameters and MACs of our networks by the paper's convention (cost.ts), beside the printed ones.
 * Tables 6 and 7 also hold errors, which take trainings, and other people's networks, which are printed only.
 */
import { type NamedNetwork, namedNetwork } from '../../spec/named-networks.ts';
import { type Cost, countCost } from '../cost.ts';
import {
  compareNumber,
  notRun,
  paramsOf,
  printedOnly,
  type TableCell,
  trainedCell,
} from './cell.ts';
import { table3, table6, table7 } from './printed.ts';

const cifar = { channels: 3, height: 32, width: 32 } as const;
const imagenet = { channels: 3, height: 224, width: 224 } as const;
const [million, tenToThe8, billion] = [1e6, 1e8, 1e9];
const paramsColumn = '#Params (×M)';

/** 10 classes. @source docs/paper.md: the counts of Table 3 are those of CIFAR-10 */
export function table3Cells(): readonly TableCell[] {
  return table3.rows.flatMap(({ depth, params, macs }) =>
    table3.nets.flatMap((net, i) => {
      const row = `${net} D=${depth}`;
      const cost = countCost(namedNetwork({ net, depth, input: cifar, classes: 10 }), 'paper');
      return [
        compareNumber(
          { row, column: paramsColumn, printed: params[i]! },
          { value: cost.params, unit: million, what: 'parameters' },
        ),
        compareNumber(
          { row, column: 'FLOPs (×10^8)', printed: macs[i]! },
          { value: cost.macs, unit: tenToThe8, what: 'MACs' },
        ),
      ];
    }),
  );
}

/** The networks of Table 6 by the paper's names. @source authors' released graphs */
const imagenetNetworks: Readonly<Record<string, Pick<NamedNetwork, 'net' | 'double'>>> = {
  'ResNet (C=64)': { net: 'RegConv-W64+Ident' },
  'ResNet (C=69)': { net: 'RegConv-W69+Ident' },
  'IGC-L4M32+Ident': { net: 'IGC-L4M32+Ident' },
  'IGC-L16M16+Ident': { net: 'IGC-L16M16+Ident' },
  'IGC-L100M2+Ident': { net: 'IGC-L100M2+Ident', double: 'L' },
};

export function table6Cells(): readonly TableCell[] {
  const errors = ['training top-1', 'training top-5', 'testing top-1', 'testing top-5'] as const;
  return table6.flatMap((printed) => {
    const { row } = printed;
    const request = {
      ...imagenetNetworks[row]!,
      family: 'imagenet18',
      input: imagenet,
      classes: 1000,
    } as const;
    const cost = countCost(namedNetwork(request), 'paper');
    return [
      compareNumber(
        { row, column: paramsColumn, printed: printed.params },
        {
          value: cost.params,
          unit: million,
          what: 'parameters',
          why: whyNotTable6(cost, printed.params),
        },
      ),
      compareNumber(
        { row, column: 'FLOPs (×10^9)', printed: printed.macs },
        { value: cost.macs, unit: billion, what: 'MACs without projections' },
      ),
      ...errors.map((column, i) => notRun({ row, column, printed: printed.errors[i]! })),
    ];
  });
}

/** What is known about Table 6's parameter counts, under every counting rule that was tried. */
function whyNotTable6(cost: Cost, printed: string): string {
  const inMillions = (value: number) => `${(value / million).toFixed(3)}M`;
  const spatial = cost.nodes
    .filter(({ path }) => /\/(conv|primary)$/.test(path) && /^stage\d+\/block\d+\/unit/.test(path))
    .reduce((sum, { params }) => sum + params, 0);
  const parts = `${inMillions(paramsOf(cost, 'conv'))} in convolutions and ${inMillions(paramsOf(cost, 'linear'))} in fc`;
  const impossible =
    spatial > Number(printed) * million
      ? `; the 3×3 convolutions of its blocks alone hold ${inMillions(spatial)}, more than is printed`
      : '';
  return `${parts}, as in the authors' released graph; no counting rule (with or without fc, projections or batch norm) gives the printed number${impossible}`;
}

/** 100 classes. @source docs/paper.md: the counts of Table 7 are those of CIFAR-100 */
export function table7Cells(): readonly TableCell[] {
  const columns = ['Depth', paramsColumn, 'CIFAR-10', 'CIFAR-100', 'SVHN'] as const;
  return table7.flatMap(({ row: net, printed: figures }) => {
    const depth = figures[0];
    // Two rows of one name differ in depth, or (DFN) in parameters.
    const row = net.startsWith('IGC-') || depth === '' ? net : `${net} D=${depth}, ${figures[1]}M`;
    const present = columns
      .map((column, i) => ({ row, column, printed: figures[i]! }))
      .filter(({ printed }) => printed !== '');
    if (!net.startsWith('IGC-')) {
      return present.map((cell) => printedOnly(cell, erratumOf(net, depth, cell.column)));
    }
    return present.map((cell) => ownCell(net, Number(depth), cell));
  });
}

function ownCell(net: string, depth: number, cell: Parameters<typeof notRun>[0]): TableCell {
  const spec = namedNetwork({ net, depth, input: cifar, classes: 100 });
  const trained = { net, depth, shows: 'error' } as const;
  switch (cell.column) {
    case 'Depth':
      return compareNumber(cell, { value: spec.depth });
    case paramsColumn:
      return compareNumber(cell, {
        value: countCost(spec, 'paper').params,
        unit: million,
        what: 'parameters',
      });
    case 'CIFAR-10':
      return trainedCell(cell, { ...trained, data: 'cifar10', epochs: 400 }); // paper §5.1
    case 'CIFAR-100':
      return trainedCell(cell, { ...trained, data: 'cifar100', epochs: 400 }); // paper §5.1
    default:
      return trainedCell(cell, { ...trained, data: 'svhn', epochs: 40 }); // paper §5.1
  }
}

function erratumOf(net: string, depth: string, column: string): string {
  const is1202 = net === 'ResNet with stochastic depth' && depth === '1202';
  // By count: the CIFAR ResNet of 3×3 convolutions, 16/32/64 wide, 200 blocks a stage.
  return is1202 && column === paramsColumn ? 'an erratum: a ResNet of 1202 layers has 19.4M' : '';
}
