/** `igc design`: prints every IGC block that a budget of parameters or MACs buys. */
import type { Command } from 'commander';
import { usageError } from '../core/errors.ts';
import { formatCount, textTable } from '../draw/text-table.ts';
import type { Design, DesignBudget, DesignRow } from '../theory/design.ts';
import { nameFlagIn, parseNumber, sharedOptions } from './options.ts';
import { printData, printJson } from './terminal.ts';

interface DesignFlags {
  readonly params?: string;
  readonly macs?: string;
  readonly size?: string;
  readonly kernel: string;
  readonly tolerance: string;
  readonly json?: boolean;
}

/** A longer list is cut to its widest blocks; --json prints all. */
const mostRows = 100;

/** Adds `design`. */
export function designCommand(program: Command): void {
  program
    .command('design')
    .description('print every (L, M) whose block costs a budget, with its width')
    .option('--params <n>', 'parameters of one block')
    .option('--macs <n>', 'multiply-adds (MACs) of one block, on maps of --size')
    .option('--size <HxW>', 'height and width of the maps, e.g. 32x32')
    .option('--kernel <k>', 'side of the primary kernel, or HxW', '3')
    .option('--tolerance <percent>', 'how far from the budget a block may lie', '2.5')
    .addOption(sharedOptions.json())
    .action(runDesign);
}

async function runDesign(flags: DesignFlags): Promise<void> {
  const { designBlocks } = await import('../theory/design.ts');
  const budget = readBudget(flags);
  const kernel = parseSides('--kernel', flags.kernel);
  const tolerance = parseNumber('--tolerance', flags.tolerance.replace(/\s*%$/, '')) / 100;
  const names = ['params', 'macs', 'size', 'kernel', 'tolerance'] as const;
  try {
    const design = designBlocks({ budget, kernel, tolerance });
    if (flags.json) printJson(design);
    else printData(designText(design));
  } catch (error) {
    throw nameFlagIn(error, new Map(names.map((name) => [name, `--${name}`])));
  }
}

function readBudget({ params, macs, size }: DesignFlags): DesignBudget {
  if (params !== undefined && macs !== undefined) {
    throw usageError({ path: '--macs', rule: 'cannot be given beside --params' });
  }
  if (macs === undefined && size !== undefined) {
    throw usageError({ path: '--size', rule: 'goes with --macs only', got: size });
  }
  if (params !== undefined) return { params: parseNumber('--params', params) };
  if (macs === undefined) {
    throw usageError({
      path: 'igc design',
      rule: 'needs a budget',
      hint: '--params 4672, or --macs 4784128 --size 32x32',
    });
  }
  if (size === undefined) {
    throw usageError({
      path: '--macs',
      rule: 'needs the maps of the block',
      hint: 'add --size 32x32',
    });
  }
  const [height, width] = parseSides('--size', size);
  return { macs: parseNumber('--macs', macs), size: { height, width } };
}

/** `3`, `3x1` or `32×32`. */
function parseSides(flag: string, text: string): readonly [number, number] {
  const match = /^(\d{1,6})(?:[x×](\d{1,6}))?$/.exec(text);
  if (match) return [Number(match[1]), Number(match[2] ?? match[1])];
  throw usageError({
    path: flag,
    rule: 'must be a side, or height x width',
    got: JSON.stringify(text),
    hint: `for example ${flag} 3, ${flag} 3x1`,
  });
}

function designText(design: Design): string {
  const shown = shownRows(design.rows);
  const left = design.rows.length - shown.length;
  const notes = [
    ...(left > 0
      ? [
          `${formatCount(left)} narrower blocks are left out; --json prints all, --tolerance narrows.`,
        ]
      : []),
    ...(design.rows.some(({ advised }) => advised)
      ? []
      : ["No block with M = 2, the paper's advice, lies within the tolerance."]),
  ];
  return [
    ...headLines(design),
    '',
    ...rowLines(design, shown),
    ...(notes.length > 0 ? ['', ...notes] : []),
    '',
  ].join('\n');
}

function headLines(design: Design): readonly string[] {
  const { params, positions, kernel, tolerance, regularWidth, widthBound, optimum } = design;
  const amount =
    positions === null
      ? `${formatCount(params)} parameters`
      : `${formatCount(params * positions)} MACs (${formatCount(Number(params.toFixed(1)))} parameters)`;
  const percent = Number((100 * tolerance).toPrecision(3));
  return [
    `IGC blocks for ${amount}, ${kernel.join('×')} kernels, within ${percent} %`,
    `regular convolution  ${regularWidth.toFixed(1)} wide`,
    `widest IGC block     ${widthBound.toFixed(1)} wide at most, eq. (15), where L = M·S: L ≈ ${optimum.L.toFixed(1)}, M ≈ ${optimum.M.toFixed(1)}`,
  ];
}

/** The widest blocks and the marked ones, in the order of all. */
function shownRows(rows: readonly DesignRow[]): readonly DesignRow[] {
  if (rows.length <= mostRows) return rows;
  const widest = rows.toSorted((a, b) => b.width - a.width).slice(0, mostRows);
  const kept = new Set([...widest, ...rows.filter(({ widest: w, advised }) => w || advised)]);
  return rows.filter((row) => kept.has(row));
}

function rowLines({ positions }: Design, rows: readonly DesignRow[]): readonly string[] {
  const right = (title: string) => ({ title, align: 'right' }) as const;
  return textTable(
    [
      right('L'),
      right('M'),
      right('width'),
      right('params'),
      ...(positions === null ? [] : [right('MACs')]),
      right('slack'),
      right('of budget'),
      { title: '' },
    ],
    rows.map((row) => [
      `${row.L}`,
      `${row.M}`,
      `${row.width}`,
      formatCount(row.params),
      ...(positions === null ? [] : [formatCount(row.params * positions)]),
      formatCount(Number(row.slack.toFixed(1))),
      `${(100 * row.slackShare).toFixed(2)} %`,
      markText(row),
    ]),
  );
}

function markText({ widest, advised, wider }: DesignRow): string {
  return [
    widest ? 'widest' : '',
    advised ? "the paper's advice, M = 2" : '',
    wider ? '' : 'not wider than a regular convolution',
  ]
    .filter((mark) => mark !== '')
    .join('; ');
}
