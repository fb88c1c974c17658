/** Table 1: parameters and widths of blocks, from eq. (7). */
import { igcParameters } from '../widths.ts';
import { compareNumber, type TableCell } from './cell.ts';
import { table1 } from './printed.ts';

const taps = 9; // Table 1: S = 3 × 3

export function table1Cells(): readonly TableCell[] {
  return Object.entries(table1).flatMap(([name, { blocks }]) =>
    blocks.flatMap(({ L, M, params, width }) => {
      const row = `(${name}) L=${L} M=${M}`;
      const value = igcParameters({ L, M, taps });
      return [
        compareNumber({ row, column: '#params', printed: params }, { value }),
        compareNumber(
          { row, column: 'Width', printed: width },
          {
            value: L * M,
            why: `a misprint: the width is L·M = ${L}·${M} = ${L * M}, which the printed ${params} parameters agree with`,
          },
        ),
      ];
    }),
  );
}
