/**
 * The paper's experiments as cells: which network on which data, trained by which recipe, and what the paper prints
 * there. Accuracies in percent everywhere; Tables 6 and 7 print errors, which are 100 minus them.
 */
import { usageError } from '../core/errors.ts';
import { figure3, table1, table4, table5, table6, table7 } from '../theory/tables/printed.ts';
import type { ConfigOverrides } from '../train/config.ts';
import type { RecipeName } from '../train/recipes.ts';

/** The tables and the figure that `reproduce` takes. */
export const paperExperimentNames = ['table4', 'table5', 'fig3', 'table6', 'table7'] as const;
/** Which of them. */
export type PaperExperimentName = (typeof paperExperimentNames)[number];

export type PaperData = 'cifar10' | 'cifar100' | 'svhn' | 'imagenet';

/** What the paper prints of a network; accuracies in percent. */
export interface PrintedResult {
  readonly accuracy: number;
  /** Of five runs; absent where it prints one number. */
  readonly deviation?: number;
  /** Table 6: top-5 of testing, then top-1 and top-5 of training. */
  readonly top5?: number;
  readonly training?: { readonly top1: number; readonly top5: number };
}

/** A network that an experiment trains. */
export interface PaperCell {
  readonly experiment: PaperExperimentName;
  /** As the paper calls it, where that is not `net`. */
  readonly row: string;
  readonly net: string;
  readonly depth: number;
  readonly data: PaperData;
  /** figure 3: which budget, i or ii. */
  readonly group?: string;
  /** Null where the paper plots a point without a number. */
  readonly printed: PrintedResult | null;
  readonly recipe: RecipeName;
  /** What is chosen besides net, depth and data. */
  readonly choices: ConfigOverrides;
}

/** An experiment of the paper: its networks, and what it prints of them. */
export interface PaperExperiment {
  readonly name: PaperExperimentName;
  readonly title: string;
  /** What the paper prints of each network. */
  readonly shows: 'accuracy' | 'error';
  /** Its runs of each network, of which it gives mean and deviation. */
  readonly printedRuns: number;
  readonly cells: readonly PaperCell[];
}

const accuracyTables = { table4, table5 } as const;
const dataOfPaper = { 'CIFAR-10': 'cifar10', 'CIFAR-100': 'cifar100' } as const;

/** An experiment of the paper. Throws a usage error for an unknown name. */
export function paperExperiment(name: string): PaperExperiment {
  const known = (paperExperimentNames as readonly string[]).includes(name);
  if (known) return makers[name as PaperExperimentName]();
  throw usageError({
    path: 'experiment',
    rule: 'no such experiment of the paper',
    got: JSON.stringify(name),
    hint: `there are ${paperExperimentNames.join(', ')}`,
  });
}

const makers: Readonly<Record<PaperExperimentName, () => PaperExperiment>> = {
  table4: () => accuracyTable('table4', 'Table 4: accuracy of plain networks'),
  table5: () => accuracyTable('table5', 'Table 5: accuracy with identity mappings'),
  fig3: () => ({
    name: 'fig3',
    title: 'Figure 3: accuracy on CIFAR-100 by L and M, at equal numbers of parameters',
    shows: 'accuracy',
    printedRuns: 5,
    cells: figure3Cells(),
  }),
  table6: () => ({
    name: 'table6',
    title: 'Table 6: ImageNet',
    shows: 'error',
    printedRuns: 1,
    cells: table6Cells(),
  }),
  table7: () => ({
    name: 'table7',
    title: 'Table 7: test errors of the largest networks',
    shows: 'error',
    printedRuns: 5,
    cells: table7Cells(),
  }),
};

function accuracyTable(name: 'table4' | 'table5', title: string): PaperExperiment {
  const { nets, datasets } = accuracyTables[name];
  const cells = datasets.flatMap(({ name: printedName, rows }) =>
    rows.flatMap(({ depth, accuracy }) =>
      nets.map((net, i): PaperCell => {
        const [mean, deviation] = accuracy[i]!.split(' ± ').map(Number);
        const printed = { accuracy: mean!, deviation: deviation! };
        const data = dataOfPaper[printedName];
        return { ...cellOf(name, net, depth, data), printed };
      }),
    ),
  );
  return { name, title, shows: 'accuracy', printedRuns: 5, cells };
}

function figure3Cells(): readonly PaperCell[] {
  const quoted: Readonly<Record<string, string>> = figure3;
  return Object.entries(table1).flatMap(([group, { blocks }]) =>
    blocks.map(({ L, M }): PaperCell => {
      const accuracy = group === 'i' ? quoted[`L${L}M${M}`] : undefined;
      return {
        ...cellOf('fig3', `IGC-L${L}M${M}`, 8, 'cifar100'),
        group,
        printed: accuracy === undefined ? null : { accuracy: Number(accuracy) },
        choices: { family: 'flat8' },
      };
    }),
  );
}

/** The networks of Table 6 by the paper's names. @source authors' released graphs */
const imagenetNets: Readonly<Record<string, string>> = {
  'ResNet (C=64)': 'RegConv-W64+Ident',
  'ResNet (C=69)': 'RegConv-W69+Ident',
};

function table6Cells(): readonly PaperCell[] {
  return table6.map(({ row, errors }): PaperCell => {
    const [trainTop1, trainTop5, top1, top5] = errors.map((error) => round(100 - Number(error)));
    return {
      ...cellOf('table6', imagenetNets[row] ?? row, 18, 'imagenet'),
      row,
      printed: { accuracy: top1!, top5: top5!, training: { top1: trainTop1!, top5: trainTop5! } },
      recipe: 'paper-imagenet',
      choices: { family: 'imagenet18', double: row.startsWith('IGC-L100M2') ? 'L' : null },
    };
  });
}

function table7Cells(): readonly PaperCell[] {
  const data = ['cifar10', 'cifar100', 'svhn'] as const;
  return table7
    .filter(({ row }) => row.startsWith('IGC-'))
    .flatMap(({ row, printed: [depth, , ...errors] }) =>
      data.flatMap((name, i): PaperCell[] => {
        if (errors[i] === '') return [];
        const printed = { accuracy: round(100 - Number(errors[i])) };
        const recipe = name === 'svhn' ? 'paper-svhn' : 'paper-cifar';
        return [{ ...cellOf('table7', row, Number(depth), name), printed, recipe }];
      }),
    );
}

function cellOf(experiment: PaperExperimentName, net: string, depth: number, data: PaperData) {
  const recipe: RecipeName = 'paper-cifar';
  return { experiment, row: net, net, depth, data, printed: null, recipe, choices: {} };
}

/** 96.63, not 96.63000000000001. */
function round(value: number): number {
  return Number(value.toFixed(4));
}
