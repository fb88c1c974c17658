/** Which MPI libraries are known by what they say of themselves, and where they are looked for. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { libraryNames, readLauncher } from '../../src/team/launcher.ts';
import { recogniseMpi } from '../../src/team/mpi-abi.ts';
import { startIgc } from '../cli/run-igc.ts';

describe('an MPI library', () => {
  it.each([
    ['Open MPI v4.1.4, package: Debian OpenMPI, ident: 4.1.4', 'Open MPI 4.1.4', 'intptr_t'],
    ['Open MPI v5.0.3, package: Open MPI, ident: 5.0.3', 'Open MPI 5.0.3', 'intptr_t'],
    ['MPICH Version:\t4.0.2', 'MPICH 4.0.2', 'int'],
    ['Intel(R) MPI Library 2021.11 for Linux* OS', 'Intel MPI 2021.11', 'int'],
    ['MVAPICH2 Version      :\t2.3.7', 'MVAPICH 2.3.7', 'int'],
    [
      'MPI VERSION    : CRAY MPICH version 8.1.27.26 (ANL base 3.4a2)',
      'Cray MPICH 8.1.27.26',
      'int',
    ],
  ])('that says "%s" is %s', (version, library, handle) => {
    expect(recogniseMpi(version)).toMatchObject({ library, abi: { handle } });
  });

  it.each(['', 'FancyMPI 1.0', 'LAM/MPI 7.1.4'])('that says "%s" is unknown', (version) => {
    expect(recogniseMpi(version)).toBeUndefined();
  });
});

describe('the launcher', () => {
  it.each([
    [{ OMPI_COMM_WORLD_RANK: '1', OMPI_COMM_WORLD_SIZE: '4' }, 1, 4, 'libmpi.so.40'],
    [{ PMI_RANK: '0', PMI_SIZE: '2' }, 0, 2, 'libmpich.so.12'],
    [{ SLURM_PROCID: '3', SLURM_STEP_NUM_TASKS: '8', PMIX_RANK: '3' }, 3, 8, 'libmpi.so.40'],
    [
      { PMI_RANK: '0', PMI_SIZE: '2', IGCNET_MPI_LIBRARY: '/opt/libmpi.so' },
      0,
      2,
      '/opt/libmpi.so',
    ],
    [{}, undefined, undefined, 'libmpi.so.40'],
  ])('of %j', (variables, rank, ranks, library) => {
    expect(readLauncher(variables)).toMatchObject({ rank, ranks });
    expect(libraryNames(variables, 'linux')[0]).toBe(library);
  });
});

describe('without MPI', () => {
  it.each([
    [
      'libmissing.so',
      /^dist: needs an MPI library, got .*libmissing\.so.*; install Open MPI or MPICH/,
    ],
    ['libm.so.6', /^dist: libm\.so\.6 must be an MPI library/],
  ])('--dist mpi with %s says what is missing, in one line', async (library, message) => {
    const { outcome } = startIgc(['train', '--recipe', 'digits', '--dist', 'mpi'], {
      env: { IGCNET_MPI_LIBRARY: library },
    });
    const { code, stderr } = await outcome;
    expect({ code, lines: stderr.trim().split('\n').length }).toEqual({ code: 2, lines: 1 });
    expect(stderr).toMatch(message);
  });

  it('and without koffi, how to install it', async () => {
    const hook = fileURLToPath(new URL('./without-koffi.mjs', import.meta.url));
    const { outcome } = startIgc(['train', '--recipe', 'digits', '--dist', 'mpi'], {
      env: { NODE_OPTIONS: `--import ${hook}` },
    });
    const { code, stderr } = await outcome;
    const message =
      "dist: needs the package koffi, by which MPI is called, got Cannot find package 'koffi'; npm install koffi\n";
    expect({ code, stderr }).toEqual({ code: 2, stderr: message });
  });

  it.each(['libmissing.so', 'libm.so.6'])('igc doctor says so too (%s)', async (library) => {
    const { outcome } = startIgc(['doctor', '--json'], { env: { IGCNET_MPI_LIBRARY: library } });
    const { code, stdout } = await outcome;
    expect(code).toBe(0);
    expect(JSON.parse(stdout).mpi).toMatchObject({
      name: 'MPI',
      ok: false,
      detail: expect.stringContaining(library),
    });
  });

  it('--dist-timeout and --dist-overlap are for --dist', async () => {
    const { outcome } = startIgc(['train', '--recipe', 'digits', '--dist-timeout', '3s']);
    const { code, stderr } = await outcome;
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: '--dist-timeout: is only for --dist mpi\n',
    });
  });
});
