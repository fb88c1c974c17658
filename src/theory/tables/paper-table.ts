/** The paper's tables by name, each cell beside ours. What is compared how is in the files beside this one. */
import { usageError } from '../../core/errors.ts';
import { figure3Cells, table4Cells, table5Cells } from './accuracy-tables.ts';
import type { TableCell } from './cell.ts';
import { table3Cells, table6Cells, table7Cells } from './cost-tables.ts';
import { table1Cells } from './table1.ts';
import { table2Cells } from './table2.ts';

/** One of the paper’s tables, cell by cell. */
export interface PaperTable {
  readonly table: TableName;
  readonly cells: readonly TableCell[];
}

const makers = {
  '1': { title: 'Table 1: widths of blocks of roughly equal cost', cells: table1Cells },
  '2': { title: 'Table 2: structures of the networks', cells: table2Cells },
  '3': { title: 'Table 3: parameters and FLOPs (MACs) of the networks', cells: table3Cells },
  '4': { title: 'Table 4: accuracy on CIFAR-10 and CIFAR-100', cells: table4Cells },
  '5': { title: 'Table 5: accuracy with identity mappings', cells: table5Cells },
  '6': { title: 'Table 6: ImageNet', cells: table6Cells },
  '7': { title: 'Table 7: test error beside the state of the art', cells: table7Cells },
  fig3: { title: 'Figure 3: accuracy by L and M', cells: figure3Cells },
} as const satisfies Record<string, { title: string; cells: () => readonly TableCell[] }>;

/** What `igc table` takes. */
export type TableName = keyof typeof makers;
export const tableNames = Object.keys(makers) as readonly TableName[];

/**
 * A table of the paper, cell by cell beside what this library gives.
 *
 * @source paper Tables 1 to 7 and figure 3
 * Throws a usage error for unknown names.
 * @example paperTable('3').cells.every(({ match }) => match === 'exact') // true
 */
export function paperTable(name: string): PaperTable {
  const table = checkName(name);
  return { table, cells: makers[table].cells() };
}

/** What a table is called in print. */
export function tableTitle(table: TableName): string {
  return makers[table].title;
}

function checkName(name: string): TableName {
  if ((tableNames as readonly string[]).includes(name)) return name as TableName;
  throw usageError({
    path: 'table',
    rule: 'no such table in the paper',
    got: JSON.stringify(name),
    hint: `there are ${tableNames.join(', ')}`,
  });
}
