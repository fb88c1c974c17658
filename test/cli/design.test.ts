import { describe, expect, it } from 'vitest';
import { runIgc } from './run-igc.ts';

describe('igc design', () => {
  it('prints Table 1’s blocks for its budget, the widest and the advised one marked', async () => {
    const { code, stdout, stderr } = await runIgc(['design', '--params', '4672', '--kernel', '3']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.split('\n').map((line) => line.trimEnd())).toEqual([
      'IGC blocks for 4,672 parameters, 3×3 kernels, within 2.5 %',
      'regular convolution  22.8 wide',
      'widest IGC block     84.6 wide at most, eq. (15), where L = M·S: L ≈ 27.6, M ≈ 3.1',
      '',
      ' L   M  width  params  slack  of budget',
      '──  ──  ─────  ──────  ─────  ─────────  ────────────────────────────────────',
      ' 1  23     23   4,784   -112    -2.40 %  not wider than a regular convolution',
      ' 2  16     32   4,672      0     0.00 %',
      ' 3  13     39   4,680     -8    -0.17 %',
      ' 5  10     50   4,750    -78    -1.67 %',
      ' 6   9     54   4,698    -26    -0.56 %',
      '12   6     72   4,752    -80    -1.71 %',
      '21   4     84   4,788   -116    -2.48 %',
      '28   3     84   4,620     52     1.11 %  widest',
      "40   2     80   4,640     32     0.68 %  the paper's advice, M = 2",
      '64   1     64   4,672      0     0.00 %',
      '',
    ]);
  });

  it('takes MACs on maps of a size', async () => {
    const { stdout } = await runIgc(['design', '--macs', '4784128', '--size', '32x32']);
    expect(stdout).toContain('IGC blocks for 4,784,128 MACs (4,672 parameters), 3×3 kernels');
    expect(stdout).toMatch(
      /^40 +2 +80 +4,640 +4,751,360 +32 +0\.68 % +the paper's advice, M = 2$/m,
    );
  });

  it('prints the same as JSON', async () => {
    const { stdout } = await runIgc([
      'design',
      '--params',
      '17536',
      '--tolerance',
      '2.5%',
      '--json',
    ]);
    const design = JSON.parse(stdout);
    expect(design).toMatchObject({ params: 17536, kernel: [3, 3], tolerance: 0.025 });
    const marked = (key: string) =>
      design.rows.filter((row: Record<string, unknown>) => row[key] === true);
    expect(marked('widest')).toMatchObject([{ L: 41, M: 5, width: 205, slack: -94 }]);
    expect(marked('advised')).toMatchObject([{ L: 85, M: 2, width: 170, slack: 26 }]);
  });

  it('cuts a long list to its widest blocks and says so', async () => {
    const { stdout } = await runIgc(['design', '--params', '1e7']);
    const rows = stdout.split('\n').filter((line) => /^ *\d+ +\d+ /.test(line));
    expect(rows.length).toBeGreaterThanOrEqual(100);
    expect(rows.length).toBeLessThanOrEqual(102);
    expect(stdout).toMatch(/\n[\d,]+ narrower blocks are left out; --json prints all/);
    expect(stdout).toMatch(/the paper's advice, M = 2/);
  });

  it('says when nothing advised is near', async () => {
    const { stdout } = await runIgc(['design', '--params', '4671', '--tolerance', '0.1']);
    expect(stdout).toContain("No block with M = 2, the paper's advice, lies within the tolerance.");
  });

  it.each([
    ['design', 'igc design: needs a budget; --params 4672, or --macs 4784128 --size 32x32'],
    ['design --params 100 --macs 100', '--macs: cannot be given beside --params'],
    ['design --macs 9000', '--macs: needs the maps of the block; add --size 32x32'],
    ['design --params 9000 --size 8', '--size: goes with --macs only, got 8'],
    ['design --macs 9000 --size 0x8', '--size: must be whole sides of at least 1, got 0×8'],
    [
      'design --macs 9000 --size big',
      '--size: must be a side, or height x width, got "big"; for example --size 3, --size 3x1',
    ],
    [
      'design --params 5',
      '--params: must be at least 10, the smallest block (L=1, M=1, 9 taps), got 5',
    ],
    [
      'design --params -5',
      '--params: must be at least 10, the smallest block (L=1, M=1, 9 taps), got -5',
    ],
    ['design --params many', '--params: must be a number, got "many"'],
    [
      'design --params 1e12',
      '--params: must be at most 1000000000 for one block, got 1000000000000',
    ],
    [
      'design --macs 500 --size 8',
      '--macs: must be at least 640, the smallest block (L=1, M=1, 9 taps on 8×8 maps), got 500',
    ],
    [
      'design --params 4672 --kernel 4',
      '--kernel: sides must be odd, so that maps keep their size, got 4×4; nearest are 3 and 5',
    ],
    [
      'design --params 4672 --tolerance 100',
      '--tolerance: must be a share of at least 0 % and under 100 %, got 100 %',
    ],
    [
      'design --params 4671 --tolerance 0.01',
      '--tolerance: no block lies within it of 4671 parameters, got 0.01 %; nearest is L=64 M=1 with 4672, 0.0214 % off',
    ],
  ])('%s is one line on stderr', async (line, message) => {
    const { code, stdout, stderr } = await runIgc(line.split(' '));
    expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '', stderr: `${message}\n` });
  });
});
