/** What mpirun and srun tell the processes that they start, in their environment. */

type Variables = Readonly<Record<string, string | undefined>>;

/** How many processes of one job the launcher started, and which of them this is; undefined where nobody says. */
export interface Launched {
  readonly rank: number | undefined;
  readonly ranks: number | undefined;
  /** How many of them on this host. */
  readonly localRanks: number | undefined;
  /** Whose launcher it is, where that is known. */
  readonly family: 'Open MPI' | 'MPICH' | undefined;
}

/** Reads the variables of Open MPI's and MPICH's mpirun and of srun. */
export function readLauncher(variables: Variables): Launched {
  const first = (...names: readonly string[]) => {
    const text = names.map((name) => variables[name]).find((value) => /^\d+$/.test(value ?? ''));
    return text === undefined ? undefined : Number(text);
  };
  return {
    rank: first('OMPI_COMM_WORLD_RANK', 'PMI_RANK', 'PMIX_RANK', 'SLURM_PROCID'),
    ranks: first('OMPI_COMM_WORLD_SIZE', 'PMI_SIZE', 'SLURM_STEP_NUM_TASKS'),
    localRanks: first('OMPI_COMM_WORLD_LOCAL_SIZE', 'MPI_LOCALNRANKS', 'SLURM_NTASKS_PER_NODE'),
    family:
      variables.OMPI_COMM_WORLD_SIZE !== undefined
        ? 'Open MPI'
        : variables.PMI_SIZE !== undefined
          ? 'MPICH'
          : undefined,
  };
}

/** Names under which MPI libraries are looked for, the likeliest first. */
export function libraryNames(variables: Variables, platform: string): readonly string[] {
  const { IGCNET_MPI_LIBRARY: chosen } = variables;
  if (chosen) return [chosen];
  if (platform === 'darwin') return ['libmpi.dylib', 'libmpi.40.dylib', 'libmpi.12.dylib'];
  const openMpi = ['libmpi.so.40', 'libmpi.so.80'];
  const mpich = ['libmpich.so.12', 'libmpi.so.12', 'libmpi_cray.so.12'];
  const { family } = readLauncher(variables);
  return family === 'MPICH'
    ? [...mpich, ...openMpi, 'libmpi.so']
    : [...openMpi, ...mpich, 'libmpi.so'];
}
