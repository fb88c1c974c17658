/** One figure of the paper beside ours, and how they are compared: to the digits that the paper prints. */
import type { Cost } from '../cost.ts';

/**
 * `exact`: the same to the printed digits. `differs`: not; the note explains. `not run`: the paper trained it, we have
 * no record of doing so. `printed only`: another paper's network.
 */
export type Match = 'exact' | 'differs' | 'not run' | 'printed only';

/** One figure of the paper beside ours. */
export interface TableCell {
  readonly row: string;
  readonly column: string;
  readonly printed: string;
  /** In the paper's unit and digits; null where we have none. */
  readonly ours: string | null;
  readonly match: Match;
  /** What is behind our figure, or why it differs; may be empty. */
  readonly note: string;
}

/** Where a cell is, and what the paper has there. */
export type PrintedCell = Pick<TableCell, 'row' | 'column' | 'printed'>;

/** A number of ours in units of `unit`, and what explains a difference. */
export interface OurNumber {
  readonly value: number;
  readonly unit?: number;
  /** What the unrounded number counts: `parameters`. */
  readonly what?: string;
  readonly why?: string;
}

/** Our number rounded to the printed digits; the note gives all of them, or says why it differs. */
export function compareNumber(cell: PrintedCell, ours: OurNumber): TableCell {
  const { value, unit = 1, what, why } = ours;
  const decimals = cell.printed.split('.')[1]?.length ?? 0;
  const counted = what === undefined ? '' : `${value.toLocaleString('en-US')} ${what}`;
  return compareText(cell, { text: (value / unit).toFixed(decimals), note: counted, why });
}

/** Our text beside the printed one. */
export function compareText(
  cell: PrintedCell,
  {
    text,
    note = '',
    why,
  }: { readonly text: string; readonly note?: string; readonly why?: string | undefined },
): TableCell {
  if (text === cell.printed) return { ...place(cell), ours: text, match: 'exact', note };
  const explained = [note, why ?? ''].filter((part) => part !== '').join('; ');
  return { ...place(cell), ours: text, match: 'differs', note: explained };
}

/** A figure that takes a training of which there is no record; `how` is the command for it. */
export function notRun(cell: PrintedCell, how = ''): TableCell {
  return { ...place(cell), ours: null, match: 'not run', note: how };
}

/** A figure about another paper's network. */
export function printedOnly(cell: PrintedCell, note = ''): TableCell {
  return { ...place(cell), ours: null, match: 'printed only', note };
}

/** How to get an accuracy of Tables 4, 5 or 7. */
export function trainingCommand(net: string, depth: number, data: 'cifar10' | 'cifar100'): string {
  return `igc train --recipe paper-cifar --data ${data} --net ${net} --depth ${depth}`;
}

/** Parameters of all nodes of a kind. */
export function paramsOf({ nodes }: Cost, kind: Cost['nodes'][number]['kind']): number {
  return nodes.reduce((sum, node) => sum + (node.kind === kind ? node.params : 0), 0);
}

function place({ row, column, printed }: PrintedCell): PrintedCell {
  return { row, column, printed };
}
