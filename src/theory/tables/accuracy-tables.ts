/**
 * Tables 4 and 5 and figure 3: accuracies, which take trainings. Cells without a record say so, and which command would
 * train them.
 */
import { namedNetwork } from '../../spec/named-networks.ts';
import { countCost } from '../cost.ts';
import { type TableCell, trainedCell } from './cell.ts';
import { figure3, table1, table4, table5 } from './printed.ts';

const paperEpochs = 400; // paper §5.1

type AccuracyTable = typeof table4 | typeof table5;

export const table4Cells = (): readonly TableCell[] => accuracyCells(table4);
export const table5Cells = (): readonly TableCell[] => accuracyCells(table5);

function accuracyCells({ nets, datasets }: AccuracyTable): readonly TableCell[] {
  return datasets.flatMap(({ name, rows }) =>
    rows.flatMap(({ depth, accuracy }) =>
      nets.map((net, i) => {
        const data = name === 'CIFAR-10' ? 'cifar10' : 'cifar100';
        const cell = { row: `${name} D=${depth}`, column: net, printed: accuracy[i]! };
        return trainedCell(cell, { data, net, depth, epochs: paperEpochs });
      }),
    ),
  );
}

/** Every (L, M) of Table 1 as a network of eight layers on CIFAR-100; the note says what it costs as a whole. */
export function figure3Cells(): readonly TableCell[] {
  const input = { channels: 3, height: 32, width: 32 } as const;
  const quoted: Readonly<Record<string, string>> = figure3;
  return Object.entries(table1).flatMap(([name, { blocks }]) =>
    blocks.map(({ L, M }) => {
      const net = `IGC-L${L}M${M}`;
      const spec = namedNetwork({ net, family: 'flat8', input, classes: 100 });
      const { params, macs } = countCost(spec, 'paper');
      const printed = (name === 'i' ? quoted[`L${L}M${M}`] : undefined) ?? 'plotted';
      const whole = `${params.toLocaleString('en-US')} parameters and ${(macs / 1e6).toFixed(1)} million MACs in all`;
      const cell = { row: `(${name}) L=${L} M=${M}`, column: 'CIFAR-100 accuracy', printed };
      const family = 'flat8';
      return trainedCell(
        cell,
        { data: 'cifar100', net, depth: 8, family, epochs: paperEpochs },
        whole,
      );
    }),
  );
}
