/**
 * What the paper prints, digit by digit as it prints it: "exact" means agreeing to the printed digits, so nothing
 * here is a number. Errata stay as they are; the tables beside this file say where we differ.
 * @source paper Tables 1 to 7, §5.3 and figure 3
 */

/** One (L, M) of Table 1, and its two figures. */
export interface PrintedBlock {
  readonly L: number;
  readonly M: number;
  readonly params: string;
  readonly width: string;
}

/** Table 1: widths of blocks of roughly equal numbers of parameters, S = 9. */
export const table1 = {
  i: {
    budget: 4672,
    blocks: [
      { L: 1, M: 23, params: '4784', width: '23' },
      { L: 2, M: 16, params: '4672', width: '32' },
      { L: 3, M: 13, params: '4680', width: '39' },
      { L: 5, M: 10, params: '4750', width: '50' },
      { L: 6, M: 9, params: '4698', width: '54' },
      { L: 12, M: 6, params: '4752', width: '72' },
      { L: 28, M: 3, params: '4620', width: '84' },
      { L: 40, M: 2, params: '4640', width: '80' },
      { L: 64, M: 1, params: '4672', width: '64' },
    ],
  },
  ii: {
    budget: 17536,
    blocks: [
      { L: 1, M: 44, params: '17468', width: '44' },
      { L: 2, M: 31, params: '17422', width: '63' },
      { L: 4, M: 22, params: '17776', width: '88' },
      { L: 12, M: 12, params: '17280', width: '144' },
      { L: 14, M: 11, params: '17402', width: '154' },
      { L: 23, M: 8, params: '17480', width: '184' },
      { L: 28, M: 7, params: '17836', width: '196' },
      { L: 41, M: 5, params: '17630', width: '205' },
      { L: 64, M: 3, params: '17472', width: '192' },
      { L: 85, M: 2, params: '17510', width: '170' },
      { L: 128, M: 1, params: '17536', width: '128' },
    ],
  },
} as const satisfies Record<string, { budget: number; blocks: readonly PrintedBlock[] }>;

/** Table 3: parameters in millions and MACs in 1e8, one row a depth. */
export const table3 = {
  nets: ['RegConv-W16', 'RegConv-W18', 'IGC-L4M8', 'IGC-L24M2'],
  rows: [
    {
      depth: 8,
      params: ['0.075', '0.095', '0.078', '0.047'],
      macs: ['0.122', '0.154', '0.131', '0.099'],
    },
    {
      depth: 20,
      params: ['0.27', '0.34', '0.27', '0.15'],
      macs: ['0.406', '0.513', '0.424', '0.288'],
    },
    {
      depth: 38,
      params: ['0.56', '0.71', '0.57', '0.31'],
      macs: ['0.830', '1.05', '0.862', '0.571'],
    },
    {
      depth: 62,
      params: ['0.95', '1.20', '0.96', '0.52'],
      macs: ['1.40', '1.77', '1.45', '0.948'],
    },
    { depth: 98, params: ['1.53', '1.93', '1.56', '0.83'], macs: ['2.25', '2.84', '2.32', '1.51'] },
  ],
} as const;

/** Table 4: accuracy of plain networks, percent, mean ± deviation of five runs. */
export const table4 = {
  nets: ['SumFusion', 'RegConv-W16', 'RegConv-W18', 'IGC-L4M8', 'IGC-L24M2'],
  datasets: [
    {
      name: 'CIFAR-10',
      rows: [
        {
          depth: 8,
          accuracy: [
            '84.94 ± 0.40',
            '89.46 ± 0.16',
            '90.30 ± 0.25',
            '89.89 ± 0.24',
            '90.31 ± 0.39',
          ],
        },
        {
          depth: 20,
          accuracy: [
            '88.71 ± 0.46',
            '92.24 ± 0.17',
            '92.55 ± 0.14',
            '92.54 ± 0.37',
            '92.84 ± 0.26',
          ],
        },
        {
          depth: 38,
          accuracy: [
            '86.95 ± 0.77',
            '90.77 ± 0.23',
            '91.57 ± 0.09',
            '92.05 ± 0.76',
            '92.24 ± 0.62',
          ],
        },
        {
          depth: 62,
          accuracy: [
            '82.66 ± 0.75',
            '88.22 ± 0.91',
            '88.60 ± 0.49',
            '89.23 ± 0.89',
            '90.03 ± 0.85',
          ],
        },
      ],
    },
    {
      name: 'CIFAR-100',
      rows: [
        {
          depth: 8,
          accuracy: [
            '52.01 ± 0.77',
            '62.83 ± 0.32',
            '64.70 ± 0.27',
            '64.18 ± 0.70',
            '65.60 ± 0.59',
          ],
        },
        {
          depth: 20,
          accuracy: [
            '59.33 ± 0.86',
            '67.90 ± 0.14',
            '68.71 ± 0.32',
            '69.45 ± 0.69',
            '70.54 ± 0.61',
          ],
        },
        {
          depth: 38,
          accuracy: [
            '57.18 ± 1.21',
            '64.04 ± 0.42',
            '65.00 ± 0.57',
            '67.33 ± 0.48',
            '69.56 ± 0.76',
          ],
        },
        {
          depth: 62,
          accuracy: [
            '48.68 ± 3.84',
            '56.88 ± 1.16',
            '58.52 ± 2.31',
            '63.06 ± 1.42',
            '65.84 ± 0.75',
          ],
        },
      ],
    },
  ],
} as const;

/** Table 5: accuracy with identity mappings, percent, mean ± deviation of five runs. */
export const table5 = {
  nets: ['RegConv-W16+Ident', 'RegConv-W18+Ident', 'IGC-L4M8+Ident', 'IGC-L24M2+Ident'],
  datasets: [
    {
      name: 'CIFAR-10',
      rows: [
        { depth: 50, accuracy: ['94.40 ± 0.45', '94.67 ± 0.25', '94.74 ± 0.54', '94.88 ± 0.32'] },
        { depth: 74, accuracy: ['94.66 ± 0.30', '94.77 ± 0.59', '94.79 ± 0.40', '94.95 ± 0.23'] },
        { depth: 98, accuracy: ['94.71 ± 0.44', '94.95 ± 0.39', '94.81 ± 0.30', '95.15 ± 0.48'] },
      ],
    },
    {
      name: 'CIFAR-100',
      rows: [
        { depth: 50, accuracy: ['72.98 ± 0.75', '73.97 ± 0.49', '74.00 ± 0.69', '74.89 ± 0.67'] },
        { depth: 74, accuracy: ['74.04 ± 0.62', '74.55 ± 0.89', '75.15 ± 0.49', '75.41 ± 0.75'] },
        { depth: 98, accuracy: ['74.49 ± 0.66', '75.30 ± 0.88', '75.58 ± 0.80', '76.15 ± 0.50'] },
      ],
    },
  ],
} as const;

/** Table 6: parameters in millions, MACs in 1e9, errors in percent: training top-1 and top-5, testing top-1 and top-5. */
export const table6 = [
  {
    row: 'ResNet (C=64)',
    params: '11.151',
    macs: '1.8',
    errors: ['22.41', '6.53', '31.06', '11.38'],
  },
  {
    row: 'ResNet (C=69)',
    params: '11.333',
    macs: '2.1',
    errors: ['21.43', '5.96', '30.58', '10.77'],
  },
  {
    row: 'IGC-L4M32+Ident',
    params: '11.205',
    macs: '1.9',
    errors: ['21.71', '6.21', '30.77', '10.99'],
  },
  {
    row: 'IGC-L16M16+Ident',
    params: '11.329',
    macs: '2.2',
    errors: ['19.97', '5.44', '29.40', '10.32'],
  },
  {
    row: 'IGC-L100M2+Ident',
    params: '8.61',
    macs: '1.3',
    errors: ['13.93', '2.75', '26.95', '8.92'],
  },
] as const;

/** Table 7: depth, parameters in millions, test error in percent on CIFAR-10, CIFAR-100 and SVHN; empty where it prints a dash. */
export const table7 = [
  { row: 'Network in Network', printed: ['', '', '8.81', '35.68', '2.35'] },
  { row: 'All-CNN', printed: ['', '', '7.25', '33.71', ''] },
  { row: 'FitNet', printed: ['', '', '8.39', '35.04', '2.42'] },
  { row: 'Deeply-Supervised Nets', printed: ['', '', '8.22', '34.57', '1.92'] },
  { row: 'Swapout', printed: ['20', '1.1', '6.58', '25.86', ''] },
  { row: 'Swapout', printed: ['32', '7.4', '4.76', '22.72', ''] },
  { row: 'Highway', printed: ['', '', '7.72', '32.39', ''] },
  { row: 'DFN', printed: ['50', '3.7', '6.40', '27.61', ''] },
  { row: 'DFN', printed: ['50', '3.9', '6.24', '27.52', ''] },
  { row: 'FractalNet', printed: ['21', '38.6', '5.22', '23.30', '2.01'] },
  { row: 'FractalNet + dropout & droppath', printed: ['21', '38.6', '4.60', '23.73', '1.87'] },
  { row: 'ResNet', printed: ['110', '1.7', '6.61', '', ''] },
  {
    row: 'ResNet (reported by stochastic depth)',
    printed: ['110', '1.7', '6.41', '27.76', '1.80'],
  },
  { row: 'ResNet (pre-activation)', printed: ['164', '1.7', '5.46', '24.33', ''] },
  { row: 'ResNet (pre-activation)', printed: ['1001', '10.2', '4.92', '22.71', ''] },
  { row: 'ResNet with stochastic depth', printed: ['110', '1.7', '5.25', '24.98', '1.75'] },
  { row: 'ResNet with stochastic depth', printed: ['1202', '10.2', '4.91', '', ''] },
  { row: 'Wide ResNet', printed: ['16', '11.0', '4.27', '20.43', ''] },
  { row: 'Wide ResNet', printed: ['28', '36.5', '4.00', '19.25', ''] },
  { row: 'Wide ResNet + dropout', printed: ['16', '2.7', '', '', '1.64'] },
  { row: 'RiR', printed: ['18', '10.3', '5.01', '22.90', ''] },
  { row: 'Multi-ResNet', printed: ['200', '10.2', '4.35', '20.42', ''] },
  { row: 'Multi-ResNet', printed: ['26', '72', '3.96', '19.45', ''] },
  { row: 'DenseNet (k=24)', printed: ['100', '27.2', '3.74', '19.25', '1.59'] },
  { row: 'DenseNet-BC (k=24)', printed: ['250', '15.3', '3.62', '17.60', '1.74'] },
  { row: 'DenseNet-BC (k=40)', printed: ['190', '25.6', '3.46', '17.18', ''] },
  { row: 'ResNeXt-29 8x64d', printed: ['29', '34.4', '3.65', '17.77', ''] },
  { row: 'ResNeXt-29 16x64d', printed: ['29', '68.1', '3.58', '17.31', ''] },
  { row: 'DFN-MR1', printed: ['56', '1.7', '4.94', '24.46', '1.66'] },
  { row: 'DFN-MR2', printed: ['32', '14.9', '3.94', '19.25', '1.51'] },
  { row: 'DFN-MR3', printed: ['50', '24.8', '3.57', '19.00', '1.55'] },
  { row: 'IGC-L16M32', printed: ['20', '17.7', '3.37', '19.31', '1.63'] },
  { row: 'IGC-L450M2', printed: ['20', '19.3', '3.25', '19.25', ''] },
  { row: 'IGC-L32M26', printed: ['20', '24.1', '3.31', '18.75', '1.56'] },
] as const;

/** Figure 3: the two accuracies that §5.3 quotes, CIFAR-100, percent; the others are points of the plots. */
export const figure3 = { L40M2: '63.89', L64M1: '63.07' } as const;

/** Table 2: structures by output size, and the depth; B blocks a stage, c the width of RegConv-Wc. */
export const table2 = {
  nets: ['SumFusion', 'RegConv-Wc', 'IGC-L4M8', 'IGC-L24M2', 'IGC-L32M26'],
  rows: [
    {
      row: '32×32, first convolution',
      structures: ['(3×3, 8)', '(3×3, c)', '(3×3, 32)', '(3×3, 48)', '(3×3, 26×32)'],
    },
    {
      row: '32×32',
      structures: [
        '[4×(3×3, 8); Summation]×B',
        '(3×3, c)×B',
        '[4×(3×3, 8); 8×(1×1, 4)]×B',
        '[24×(3×3, 2); 2×(1×1, 24)]×B',
        '[32×(3×3, 26); 26×(1×1, 32)]×6',
      ],
    },
    {
      row: '16×16',
      structures: [
        '[4×(3×3, 16); Summation]×B',
        '(3×3, 2c)×B',
        '[4×(3×3, 16); 16×(1×1, 4)]×B',
        '[24×(3×3, 4); 4×(1×1, 24)]×B',
        '[32×(3×3, 52); 52×(1×1, 32)]×6',
      ],
    },
    {
      row: '8×8',
      structures: [
        '[4×(3×3, 32); Summation]×B',
        '(3×3, 4c)×B',
        '[4×(3×3, 32); 32×(1×1, 4)]×B',
        '[24×(3×3, 8); 8×(1×1, 24)]×B',
        '[32×(3×3, 104); 104×(1×1, 32)]×6',
      ],
    },
    {
      row: '1×1',
      // One cell for all networks.
      structures: Array.from({ length: 5 }, () => 'average pool, fc, softmax'),
    },
    { row: 'Depth', structures: ['3B + 2', '3B + 2', '3B + 2', '3B + 2', '20'] },
  ],
} as const;
