/** Training over MPI, with every MPI that is installed, in processes that its mpirun starts. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../train/small-run.ts';
import { bench, igc, installed, mpiEnvironment, runRanks } from './mpirun.ts';

interface Step {
  readonly hash: string;
  readonly gradient: number;
  readonly running: number;
  readonly loss: number;
  readonly images: number;
}

const program = fileURLToPath(new URL('./steps.mjs', import.meta.url));
const digits = ['train', '--recipe', 'digits', '--epochs', '2', '--dist', 'mpi'];
if (installed.length === 0) it.skip('needs an mpirun', () => {});

const crossings = installed.flatMap((mpi) =>
  [2, 3, 4].map((ranks) => [mpi.name, ranks, mpi] as const),
);

describe.skipIf(installed.length === 0)('ranks', () => {
  it.each(crossings)(
    'of %s, %s of them, make the steps of one process with as many replicas',
    (name, ranks, mpi) => {
      const out = path.join(temporaryFolder(), 'steps');
      const result = runRanks(mpi, ranks, [program, out, ranks === 2 ? 'on' : 'auto']);
      expect(result).toMatchObject({ status: 0, stderr: '' });
      const files = Array.from({ length: ranks }, (_, rank) =>
        JSON.parse(readFileSync(`${out}.${rank}.json`, 'utf8')),
      ) as { readonly library: string; readonly steps: readonly Step[] }[];
      const [first, ...others] = files;
      expect(first!.library).toMatch(new RegExp(`^${name} \\d`));
      for (const { steps } of others) {
        expect(steps.map(({ hash }) => hash)).toEqual(first!.steps.map(({ hash }) => hash));
      }
      expect(new Set(first!.steps.map(({ hash }) => hash)).size).toBe(24);
      for (const { gradient, running, loss, images } of first!.steps) {
        expect(gradient).toBeLessThanOrEqual(1e-10);
        expect(running).toBeLessThanOrEqual(1e-10);
        expect(loss).toBeLessThan(1e-5);
        expect(images).toBe(16 * ranks);
      }
    },
  );
});

describe.each(installed.map((mpi) => [mpi.name, mpi] as const))('igc train under %s', (_, mpi) => {
  it('tells one story, of all ranks, and goes on with one', () => {
    const output = temporaryFolder();
    const result = runRanks(mpi, 2, [igc, ...digits, '--output', output, '--name', 'a', '--json']);
    expect(result.status).toBe(0);
    expect(result.stderr.match(/^epoch /gm)).toHaveLength(2);
    expect(JSON.parse(result.stdout)).toMatchObject({ steps: 44, epochs: 2 });
    const run = path.join(output, 'a');
    const { team } = JSON.parse(readFileSync(path.join(run, 'env.json'), 'utf8'));
    expect(team).toMatchObject({ ranks: 2, library: expect.stringContaining(mpi.name) });
    const again = runRanks(mpi, 2, [igc, ...digits, '--output', output, '--name', 'a']);
    expect(again.status).not.toBe(0);
    expect(again.stderr.match(/the run exists already/g)).toHaveLength(1);
  });

  it('is what igc doctor finds', () => {
    const { status, stdout } = runRanks(mpi, 1, [igc, 'doctor', '--json']);
    expect(status).toBe(0);
    const detail = expect.stringContaining(mpi.name);
    expect(JSON.parse(stdout).mpi).toMatchObject({ ok: true, detail });
  });

  it('is beside one process in the benchmark', () => {
    const words = [mpi.command, ...mpi.crowded].join(' ');
    const small = ['--depth', '8', '--batch', '16', '--rounds', '1', '--mpirun', words, '--json'];
    const { status, stdout } = spawnSync(process.execPath, [bench, 'team', ...small], {
      encoding: 'utf8',
      env: mpiEnvironment,
    });
    expect(status).toBe(0);
    const report = JSON.parse(stdout);
    expect(report.library).toContain(mpi.name);
    expect(report.ratio.median).toBeCloseTo(report.team / report.oneProcess, 10);
    expect(report.sums.map(({ bytes }: { bytes: number }) => bytes)).toContain(2 ** 26);
  });

  it('tells a mistake on the command line once', () => {
    const { status, stderr } = runRanks(mpi, 2, [igc, ...digits, '--net', 'IGC-L5M']);
    expect(status).not.toBe(0);
    // A launcher that leaves the others alone hears them too, each with its name.
    expect(stderr.match(/^--net: must be/gm)).toHaveLength(1);
  });

  it('tells the mistake of one rank with its name', () => {
    const line = [...digits, '--output', temporaryFolder(), '--dist-timeout', '20s'];
    const mixed = ['-np', '1', process.execPath, igc, ...line, ':', '-np', '1', process.execPath];
    const words = [...mpi.crowded, ...mixed, igc, ...line, '--net', 'IGC-L5M'];
    const { status, stderr } = spawnSync(mpi.command, words, {
      encoding: 'utf8',
      env: mpiEnvironment,
      timeout: 50_000,
    });
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/rank 1 on \S+: --net: must be/);
  });

  it('ends ranks that would compute otherwise before the first step', () => {
    const line = [...digits, '--output', temporaryFolder(), '--dist-timeout', '5s'];
    const mixed = ['-np', '1', process.execPath, igc, ...line, ':', '-np', '1', process.execPath];
    const others = [
      [
        ['--kernels', 'reference'],
        /^dist: all ranks must have the same kernels, got others on rank 1/m,
      ],
      [
        ['--dist-overlap', 'off'],
        /^dist: all ranks must have the same command, got others on rank 1/m,
      ],
      [
        ['--seed', '3'],
        /^dist: all ranks must have the same network and flags, got others on rank 1/m,
      ],
    ] as const;
    for (const [flags, message] of others) {
      const words = [...mpi.crowded, ...mixed, igc, ...line, ...flags];
      const { stderr } = spawnSync(mpi.command, words, {
        encoding: 'utf8',
        env: mpiEnvironment,
        timeout: 60_000,
      });
      expect(stderr.match(message)).toHaveLength(1);
    }
  });

  it('refuses the library of another MPI than its own', () => {
    const other = mpi.name === 'MPICH' ? 'libmpi.so.40' : 'libmpich.so.12';
    if (installed.length < 2) return console.warn('skipped: there is no second MPI');
    const line = [igc, ...digits, '--output', temporaryFolder(), '--dist-timeout', '5s'];
    const { status, stderr } = runRanks(mpi, 2, line, { IGCNET_MPI_LIBRARY: other });
    expect(status).not.toBe(0);
    expect(stderr).toContain(
      'must belong to the mpirun or srun that started this process, got 2 processes started and 1 seen',
    );
  });
});
