/** The paper's tables beside ours: what must agree, what is known not to, and what is not ours to say. */
import { describe, expect, it } from 'vitest';
import type { TableCell } from '../../../src/theory/tables/cell.ts';
import { paperTable, tableNames, tableTitle } from '../../../src/theory/tables/paper-table.ts';

/** Cells by match, in the order exact, differs, trained or not run, printed only. */
function counts(cells: readonly TableCell[]): readonly number[] {
  const of = (match: string) => cells.filter((cell) => cell.match === match).length;
  return [of('exact'), of('differs'), of('trained') + of('not run'), of('printed only')];
}

const cellsOf = (name: string, column?: string) =>
  paperTable(name).cells.filter((cell) => column === undefined || cell.column === column);

const find = (name: string, row: string, column: string) =>
  cellsOf(name, column).find((cell) => cell.row === row);

describe('paperTable', () => {
  it.each([
    ['1', [39, 1, 0, 0]],
    ['2', [30, 0, 0, 0]],
    ['3', [40, 0, 0, 0]],
    ['4', [0, 0, 40, 0]],
    ['5', [0, 0, 24, 0]],
    ['6', [6, 4, 20, 0]],
    ['7', [6, 0, 8, 123]],
    ['fig3', [0, 0, 20, 0]],
  ])('%s has exact, differing, untrained and foreign cells: %j', (name, expected) => {
    expect(counts(cellsOf(name))).toEqual(expected);
  });

  it('has a title for every table', () => {
    expect(tableNames).toEqual(['1', '2', '3', '4', '5', '6', '7', 'fig3']);
    expect(tableNames.map((name) => tableTitle(name).split(':')[0])).toEqual([
      ...['Table 1', 'Table 2', 'Table 3', 'Table 4', 'Table 5', 'Table 6', 'Table 7', 'Figure 3'],
    ]);
  });

  it.each(tableNames)('%s has one cell a place, figures where it compares, and reasons', (name) => {
    const { table, cells } = paperTable(name);
    expect(table).toBe(name);
    const places = cells.map(({ row, column }) => `${row} | ${column}`);
    expect(new Set(places).size).toBe(places.length);
    for (const cell of cells) {
      expect(Object.keys(cell)).toEqual(['row', 'column', 'printed', 'ours', 'match', 'note']);
      expect(cell.printed).not.toBe('');
      const compared = ['exact', 'differs', 'trained'].includes(cell.match);
      expect(cell.ours !== null, JSON.stringify(cell)).toBe(compared);
      if (cell.match === 'differs') expect(cell.note.length).toBeGreaterThan(20);
      if (cell.match === 'differs') expect(cell.ours).not.toBe(cell.printed);
    }
  });

  it('refuses other names', () => {
    expect(() => paperTable('8')).toThrow(
      'table: no such table in the paper, got "8"; there are 1, 2, 3, 4, 5, 6, 7, fig3',
    );
    expect(() => paperTable('constructor')).toThrow('table: no such table in the paper');
  });
});

describe('Table 1', () => {
  it('agrees in 20 parameter counts and in 19 widths; the misprint is said to be one', () => {
    expect(counts(cellsOf('1', '#params'))).toEqual([20, 0, 0, 0]);
    expect(counts(cellsOf('1', 'Width'))).toEqual([19, 1, 0, 0]);
    expect(cellsOf('1').filter(({ match }) => match === 'differs')).toEqual([
      {
        row: '(ii) L=2 M=31',
        column: 'Width',
        printed: '63',
        ours: '62',
        match: 'differs',
        note: 'a misprint: the width is L·M = 2·31 = 62, which the printed 17422 parameters agree with',
      },
    ]);
  });
});

describe('Table 2', () => {
  it('writes structures from the graphs', () => {
    expect(find('2', '16×16', 'IGC-L24M2')?.ours).toBe('[24×(3×3, 4); 4×(1×1, 24)]×B');
    expect(find('2', '8×8', 'RegConv-Wc')?.ours).toBe('(3×3, 4c)×B');
    expect(find('2', '32×32, first convolution', 'IGC-L32M26')).toMatchObject({
      printed: '(3×3, 26×32)',
      ours: '(3×3, 832)',
      match: 'exact',
    });
  });
});

describe('Table 3', () => {
  it('rounds our counts to the printed digits and keeps all of them', () => {
    expect(find('3', 'IGC-L24M2 D=20', '#Params (×M)')).toMatchObject({
      printed: '0.15',
      ours: '0.15',
      note: '151,834 parameters',
    });
    expect(find('3', 'RegConv-W18 D=98', 'FLOPs (×10^8)')).toMatchObject({
      printed: '2.84',
      ours: '2.84',
      note: '284,166,864 MACs',
    });
  });
});

describe('Table 6', () => {
  const params = cellsOf('6', '#Params (×M)');

  it('agrees in every FLOPs figure, without projections', () => {
    expect(counts(cellsOf('6', 'FLOPs (×10^9)'))).toEqual([5, 0, 0, 0]);
  });

  it('agrees in the parameters of L100M2 and says of the other four why not', () => {
    expect(params.map(({ row, printed, ours, match }) => [row, printed, ours, match])).toEqual([
      ['ResNet (C=64)', '11.151', '11.680', 'differs'],
      ['ResNet (C=69)', '11.333', '13.532', 'differs'],
      ['IGC-L4M32+Ident', '11.205', '12.232', 'differs'],
      ['IGC-L16M16+Ident', '11.329', '13.490', 'differs'],
      ['IGC-L100M2+Ident', '8.61', '8.61', 'exact'],
    ]);
    expect(params[0]?.note).toBe(
      "11,679,912 parameters; 11.167M in convolutions and 0.513M in fc, as in the authors' released graph; no counting rule (with or without fc, projections or batch norm) gives the printed number",
    );
    expect(params[1]?.note).toContain(
      'the 3×3 convolutions of its blocks alone hold 12.769M, more than is printed',
    );
    for (const at of [0, 2, 3]) expect(params[at]?.note).not.toContain('more than is printed');
  });
});

describe('Table 7', () => {
  it('agrees in the parameters of the three IGC networks, with 100 classes', () => {
    const own = cellsOf('7', '#Params (×M)').filter(({ row }) => row.startsWith('IGC'));
    expect(own.map(({ row, ours, match }) => [row, ours, match])).toEqual([
      ['IGC-L16M32', '17.7', 'exact'],
      ['IGC-L450M2', '19.3', 'exact'],
      ['IGC-L32M26', '24.1', 'exact'],
    ]);
  });

  it('only prints other people’s networks, and names the known erratum', () => {
    const foreign = cellsOf('7').filter(({ row }) => !row.startsWith('IGC'));
    expect(new Set(foreign.map(({ match }) => match))).toEqual(new Set(['printed only']));
    const notes = foreign.filter(({ note }) => note !== '');
    expect(notes.map(({ row, printed, note }) => [row, printed, note])).toEqual([
      [
        'ResNet with stochastic depth D=1202, 10.2M',
        '10.2',
        'an erratum: a ResNet of 1202 layers has 19.4M',
      ],
    ]);
  });
});

describe('accuracies', () => {
  it('say which command would train them', () => {
    expect(find('4', 'CIFAR-10 D=62', 'IGC-L24M2')).toEqual({
      row: 'CIFAR-10 D=62',
      column: 'IGC-L24M2',
      printed: '90.03 ± 0.85',
      ours: null,
      match: 'not run',
      note: 'igc train --recipe paper-cifar --data cifar10 --net IGC-L24M2 --depth 62',
    });
    expect(find('7', 'IGC-L16M32', 'SVHN')?.note).toBe(
      'igc train --recipe paper-svhn --data svhn --net IGC-L16M32 --depth 20',
    );
    expect(find('5', 'CIFAR-100 D=98', 'IGC-L24M2+Ident')?.printed).toBe('76.15 ± 0.50');
  });

  it('of figure 3 are quoted where the text quotes them', () => {
    const quoted = cellsOf('fig3').filter(({ printed }) => printed !== 'plotted');
    expect(quoted.map(({ row, printed }) => [row, printed])).toEqual([
      ['(i) L=40 M=2', '63.89'],
      ['(i) L=64 M=1', '63.07'],
    ]);
    expect(quoted[0]?.note).toMatch(
      /^38,100 parameters and 30\.\d million MACs in all; .*--family flat8$/,
    );
  });
});
