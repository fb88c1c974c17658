/** The paper's tables from the command line, on data of CIFAR's size that is made up, in one epoch a run. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { stream } from '../../src/core/random.ts';
import { runIgc, startIgc, temporaryFolder } from '../cli/run-igc.ts';

const root = temporaryFolder();

/** Six files of 10,000 records: a label, which is also the image's brightness, and noise. */
function writeCifar10(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const random = stream(0, 'made-up CIFAR');
  const files = [
    'data_batch_1',
    'data_batch_2',
    'data_batch_3',
    'data_batch_4',
    'data_batch_5',
    'test_batch',
  ];
  for (const name of files) {
    const bytes = Buffer.alloc(10_000 * 3073);
    for (let record = 0; record < 10_000; record++) {
      const at = record * 3073;
      const label = random.integer(10);
      bytes[at] = label;
      for (let i = 1; i < 3073; i++) bytes[at + i] = 20 * label + random.integer(60);
    }
    writeFileSync(path.join(folder, `${name}.bin`), bytes);
  }
  const names = [
    'airplane',
    'automobile',
    'bird',
    'cat',
    'deer',
    'dog',
    'frog',
    'horse',
    'ship',
    'truck',
  ];
  writeFileSync(path.join(folder, 'batches.meta.txt'), `${names.join('\n')}\n`);
}

describe('igc reproduce table4', () => {
  it('runs a part of the table, goes on after a kill, and compares it with the paper', async () => {
    const data = path.join(root(), 'cifar-10-batches-bin');
    writeCifar10(data);
    const args = [
      ...[
        'reproduce',
        'table4',
        '--data',
        'cifar10',
        '--depth',
        '8',
        '--only',
        'SumFusion,L24M2,RegConv-W16',
      ],
      ...['--budget', '0.0025', '--data-dir', data, '--output', root()],
    ];
    const killed = startIgc(args);
    while (!killed.stderr().includes('[2/3]'))
      await new Promise((resolve) => setTimeout(resolve, 100));
    killed.process.kill('SIGKILL');
    await killed.outcome;
    const { code, stdout, stderr } = await runIgc([...args, '--seeds', '2']);
    expect(stderr).toContain('6 runs: 1 done, 5 to do');
    expect(code).toBe(0);
    expect(stdout).toContain('Table 4: accuracy of plain networks');
    const report = JSON.parse(
      readFileSync(path.join(root(), 'table4', 'report', 'report.json'), 'utf8'),
    );
    const [table] = report.paper;
    const own = table.cells.filter(({ ours }: { ours: object | null }) => ours !== null);
    expect(
      own.map(({ net, ours }: { net: string; ours: { seeds: number[]; epochs: number } }) => [
        net,
        ours.seeds,
        ours.epochs,
      ]),
    ).toEqual([
      ['SumFusion', [0, 1], 1],
      ['RegConv-W16', [0, 1], 1],
      ['IGC-L24M2', [0, 1], 1],
    ]);
    for (const { ours } of own) expect(ours.last.mean).toBeGreaterThan(30); // brightness tells the class
    expect(table.comparisons).toMatchObject([
      { igc: 'IGC-L24M2', regular: 'RegConv-W16', igcRuns: 2, regularRuns: 2 },
    ]);
    expect(
      report.deviations.some((text: string) =>
        text.startsWith('One epoch, 0.0025 of the paper’s 400'),
      ),
    ).toBe(true);
    expect(report.runs).toHaveLength(6);
  });
});
