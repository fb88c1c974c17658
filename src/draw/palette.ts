/**
 * The colours of the pictures, and how wide their words are. Colours never carry meaning alone: partitions
 * have numbers too, since seven colours must do for any number of them.
 */
import { displayWidth } from './text-table.ts';

export const paper = '#ffffff';
export const ink = '#1f2933';
export const faint = '#5a6672';
export const rule = '#9aa5b1';
/** What blends partitions, and what belongs to none. */
export const neutral = '#7b8794';

/**
 * Colours that people with any colour vision tell apart, neighbours most of all.
 * @source M. Okabe and K. Ito, "Color universal design" (2008), without yellow, which white swallows
 */
const partitionColours = [
  '#0072b2',
  '#e69f00',
  '#009e73',
  '#d55e00',
  '#56b4e9',
  '#4d4d4d',
  '#cc79a7',
] as const;

/** The colour of primary partition `l`, from 0; they repeat after seven. */
export function partitionColour(l: number): string {
  return partitionColours[l % partitionColours.length]!;
}

/** The ink that is read on a colour. */
export function inkOn(colour: string): string {
  const [r, g, b] = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
  return 0.299 * r! + 0.587 * g! + 0.114 * b! > 125 ? ink : paper;
}

/** The pixels that a text takes, at the most: of the usual fonts, the widest. */
export function textWidth(text: string, size: number, bold = false): number {
  return displayWidth(text) * size * (bold ? 0.68 : 0.61);
}
