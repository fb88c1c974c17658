import { describe, expect, it } from 'vitest';
import { runIgc } from './run-igc.ts';

describe('igc table', () => {
  it('prints Markdown', async () => {
    const { code, stdout, stderr } = await runIgc(['table', '3']);
    expect([code, stderr]).toEqual([0, '']);
    const lines = stdout.split('\n');
    expect(lines.slice(0, 4)).toEqual([
      '# Table 3: parameters and FLOPs (MACs) of the networks',
      '',
      '40 cells: 40 exact.',
      '',
    ]);
    expect(lines[4]).toMatch(/^\| row +\| column +\| paper \| ours +\| match \| note \|$/);
    expect(lines[5]).toMatch(/^(\|-{3,}){6}\|$/);
    expect(stdout).toMatch(
      /\n\| IGC-L24M2 D=20 +\| #Params \(×M\) +\| 0\.15 +\| 0\.15 +\| exact \| 151,834 parameters \|\n/,
    );
    expect(lines).toHaveLength(4 + 2 + 40 + 1);
  });

  it('prints a dash where we have no figure', async () => {
    const { stdout } = await runIgc(['table', 'fig3']);
    expect(stdout).toMatch(
      /\| \(i\) L=40 M=2 +\| CIFAR-100 accuracy \| 63\.89 +\| – +\| not run \|/,
    );
  });

  it('prints the same as JSON, with these keys and no others', async () => {
    const { stdout } = await runIgc(['table', '1', '--json']);
    const table = JSON.parse(stdout);
    expect(Object.keys(table)).toEqual(['table', 'cells']);
    expect(table.table).toBe('1');
    expect(table.cells).toHaveLength(40);
    expect(table.cells[0]).toEqual({
      row: '(i) L=1 M=23',
      column: '#params',
      printed: '4784',
      ours: '4784',
      match: 'exact',
      note: '',
    });
  });

  it.each([
    ['table', 'igc table: needs <table>; see igc table --help'],
    ['table 9', 'table: no such table in the paper, got "9"; there are 1, 2, 3, 4, 5, 6, 7, fig3'],
  ])('%s is one line on stderr', async (line, message) => {
    const { code, stdout, stderr } = await runIgc(line.split(' '));
    expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '', stderr: `${message}\n` });
  });
});
