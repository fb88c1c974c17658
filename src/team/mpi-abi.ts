/**
 * What differs between MPI libraries of one and the same interface: how handles are passed and which values stand for the
 * predefined ones. Found at run time by what a library says of itself; no header is needed.
 */

/** How a library passes its handles: pointers to its own symbols, or numbers. */
export interface MpiAbi {
  readonly name: string;
  /** C type of a handle. */
  readonly handle: 'intptr_t' | 'int';
  /** MPI_IN_PLACE */
  readonly inPlace: number;
  /** Environment variables to be set before MPI_Init, unless they are set. */
  readonly settings: Readonly<Record<string, string>>;
  /** The predefined handles: names of symbols, whose addresses they are, or numbers. */
  readonly handles: Readonly<Record<MpiHandle, string | number>>;
}

/** The predefined handles that are used here. */
export type MpiHandle = 'world' | 'float32' | 'float64' | 'byte' | 'sum' | 'errorsReturn';

/** @source Open MPI's mpi.h; the same since version 1.7 */
const openMpi: MpiAbi = {
  name: 'Open MPI',
  handle: 'intptr_t',
  inPlace: 1,
  // Waiting must not take the core from the thread that computes meanwhile.
  settings: { OMPI_MCA_mpi_yield_when_idle: '1' },
  handles: {
    world: 'ompi_mpi_comm_world',
    float32: 'ompi_mpi_float',
    float64: 'ompi_mpi_double',
    byte: 'ompi_mpi_byte',
    sum: 'ompi_mpi_op_sum',
    errorsReturn: 'ompi_mpi_errors_return',
  },
};

/** @source the MPICH ABI compatibility initiative's mpi.h: MPICH from 3.1, Intel MPI, MVAPICH, Cray MPICH */
const mpich: MpiAbi = {
  name: 'MPICH',
  handle: 'int',
  inPlace: -1,
  settings: {},
  handles: {
    world: 0x44000000,
    float32: 0x4c00040a,
    float64: 0x4c00080b,
    byte: 0x4c00010d,
    sum: 0x58000003,
    errorsReturn: 0x54000001,
  },
};

/** Beginnings of what MPI_Get_library_version says, the library's name for people, and its ABI. */
const libraries: readonly (readonly [RegExp, string, MpiAbi])[] = [
  [/^Open MPI v?([\d.]+)/, 'Open MPI', openMpi],
  [/^MPICH Version:\s*([\d.]+)/, 'MPICH', mpich],
  [/^Intel\(R\) MPI Library ([\d.]+)/, 'Intel MPI', mpich],
  [/^MVAPICH2? Version\s*:\s*([\d.]+)/, 'MVAPICH', mpich],
  [/^MPI VERSION\s*:\s*CRAY MPICH version ([\d.]+)/i, 'Cray MPICH', mpich],
];

/** A library that is known, as `Open MPI 4.1.4`. */
export interface KnownMpi {
  readonly library: string;
  readonly abi: MpiAbi;
}

/** By the text of MPI_Get_library_version; undefined for libraries that are not known. */
export function recogniseMpi(version: string): KnownMpi | undefined {
  for (const [pattern, name, abi] of libraries) {
    const found = pattern.exec(version);
    if (found) return { library: `${name} ${found[1]}`, abi };
  }
  return undefined;
}
