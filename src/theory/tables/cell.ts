/** One figure of the paper beside ours, and how they are compared: to the digits that the paper prints. */
import type { Cost } from '../cost.ts';
import { type RecordedResult, results } from './results.ts';

/**
 * `exact`: the same to the printed digits. `differs`: not; the note explains. `trained`: a result of training by the
 * paper's protocol, on record. `not run`: the paper trained it, we have no record of doing so. `printed only`: another
 * paper's network.
 */
export type Match = 'exact' | 'differs' | 'trained' | 'not run' | 'printed only';

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

/** A network that the paper trained, and for how long. */
export interface TrainedNetwork {
  readonly data: 'cifar10' | 'cifar100' | 'svhn';
  readonly net: string;
  readonly depth: number;
  readonly family?: 'flat8';
  readonly epochs: number;
  /** What the cell has; default accuracy. */
  readonly shows?: 'accuracy' | 'error';
}

/** Our record of a training; without one for all the epochs, the records of shorter ones and the command for it. */
export function trainedCell(cell: PrintedCell, network: TrainedNetwork, note = ''): TableCell {
  const { data, net, depth, epochs, family } = network;
  const recorded = (results as readonly RecordedResult[]).filter(
    (result) =>
      result.data === data &&
      result.net === net &&
      result.depth === depth &&
      (result.experiment === 'fig3') === (family === 'flat8'),
  );
  const texts = recorded.map((result) => {
    const seeds = `seed${result.seeds.length === 1 ? '' : 's'} ${result.seeds.join(', ')}`;
    return `${resultText(result, network)} after ${result.epochs} epochs (${seeds})`;
  });
  const whole = recorded.find((result) => result.epochs === epochs);
  if (whole !== undefined) {
    const ours = resultText(whole, network);
    const said = [note, ...texts, whole.records.map((name) => `records/${name}`).join(', ')];
    return { ...place(cell), ours, match: 'trained', note: joined(said) };
  }
  return notRun(cell, joined([note, ...texts, trainingCommand(network)]));
}

/** A figure that takes a training of which there is no record; `how` is the command for it. */
export function notRun(cell: PrintedCell, how = ''): TableCell {
  return { ...place(cell), ours: null, match: 'not run', note: how };
}

/** A figure about another paper's network. */
export function printedOnly(cell: PrintedCell, note = ''): TableCell {
  return { ...place(cell), ours: null, match: 'printed only', note };
}

function resultText({ mean, deviation }: RecordedResult, { shows }: TrainedNetwork): string {
  const shown = (shows === 'error' ? 100 - mean : mean).toFixed(2);
  return deviation === null ? shown : `${shown} ± ${deviation.toFixed(2)}`;
}

/** How to get an accuracy of Tables 4, 5 or 7, or of figure 3. */
function trainingCommand({ net, depth, data, family }: TrainedNetwork): string {
  const recipe = data === 'svhn' ? 'paper-svhn' : 'paper-cifar';
  const layout = family === undefined ? `--depth ${depth}` : `--family ${family}`;
  return `igc train --recipe ${recipe} --data ${data} --net ${net} ${layout}`;
}

function joined(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('; ');
}

/** Parameters of all nodes of a kind. */
export function paramsOf({ nodes }: Cost, kind: Cost['nodes'][number]['kind']): number {
  return nodes.reduce((sum, node) => sum + (node.kind === kind ? node.params : 0), 0);
}

function place({ row, column, printed }: PrintedCell): PrintedCell {
  return { row, column, printed };
}
