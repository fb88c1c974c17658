/**
 * MPI, as far as it is needed: finds the library, recognises its ABI and binds its functions. All calls block, and are to be
 * made from one thread (MPI_THREAD_SERIALIZED).
 */
import { IgcError, usageError } from '../core/errors.ts';
import { type ForeignLibrary, loadLibrary } from './foreign-library.ts';
import { type Launched, libraryNames, readLauncher } from './launcher.ts';
import { type KnownMpi, type MpiAbi, type MpiHandle, recogniseMpi } from './mpi-abi.ts';

/** MPI at work: the processes of MPI_COMM_WORLD. */
export interface Mpi {
  /** `Open MPI 4.1.4` */
  readonly library: string;
  readonly rank: number;
  readonly ranks: number;
  /** Replaces the values by their sums over all ranks (MPI_Allreduce in place). */
  sum(values: Float32Array | Float64Array): void;
  /** Replaces the bytes by those of rank 0 (MPI_Bcast). */
  broadcast(bytes: Uint8Array): void;
  finalize(): void;
}

const serialized = 2; // MPI_THREAD_SERIALIZED, in every ABI

/**
 * Loads and starts MPI.
 *
 * Throws usage errors when there is no library, an unknown one, or another than the launcher's.
 */
export async function startMpi(): Promise<Mpi> {
  const library = await loadLibrary(libraryNames(process.env, process.platform));
  const known = identify(library);
  const bound = bindMpi(library, known.abi);
  bound.start();
  checkLauncher(readLauncher(process.env), bound.ranks(), known, library.name);
  return {
    library: known.library,
    rank: bound.rank(),
    ranks: bound.ranks(),
    sum: bound.sum,
    broadcast: bound.broadcast,
    finalize: bound.finalize,
  };
}

/** The MPI library that training over several processes would take, as `Open MPI 4.1.4 (libmpi.so.40)`. Throws as `startMpi`. */
export async function findMpi(): Promise<string> {
  const library = await loadLibrary(libraryNames(process.env, process.platform));
  return `${identify(library).library} (${library.name})`;
}

/** Asks the library for its name and version, which is allowed before MPI_Init. */
function identify(library: ForeignLibrary): KnownMpi {
  const text = Buffer.alloc(8192); // MPI_MAX_LIBRARY_VERSION_STRING is 256 in Open MPI, 8192 in MPICH
  const length = new Int32Array(1);
  askVersion(library)(text, length);
  const version = text.toString('latin1', 0, length[0]).split(/[\0\n]/)[0]!;
  const known = recogniseMpi(version);
  if (known !== undefined) return known;
  throw usageError({
    path: 'dist',
    rule: `${library.name} must be Open MPI, MPICH or of its ABI (Intel MPI, MVAPICH, Cray MPICH)`,
    got: JSON.stringify(version.slice(0, 80)),
    hint: 'name another library in IGCNET_MPI_LIBRARY',
  });
}

function askVersion(library: ForeignLibrary) {
  try {
    return library.declare('int MPI_Get_library_version(void *text, int *length)');
  } catch {
    throw usageError({
      path: 'dist',
      rule: `${library.name} must be an MPI library`,
      got: 'one without MPI_Get_library_version',
      hint: 'name another in IGCNET_MPI_LIBRARY',
    });
  }
}

/** With another library than that of its mpirun every process believes to be alone. */
function checkLauncher(
  { ranks: started }: Launched,
  ranks: number,
  { library }: KnownMpi,
  name: string,
): void {
  if (started === undefined || started === ranks) return;
  throw usageError({
    path: 'dist',
    rule: `${name} (${library}) must belong to the mpirun or srun that started this process`,
    got: `${started} processes started and ${ranks} seen`,
    hint: 'name the library of your launcher in IGCNET_MPI_LIBRARY, or take the mpirun of this one',
  });
}

/** The functions that are used, with predefined handles and results checked. */
function bindMpi(library: ForeignLibrary, abi: MpiAbi) {
  const at = handlesOf(library, abi);
  const { handle, inPlace } = abi;
  const declare = (name: string, parameters: string) => {
    const call = library.declare(`int ${name}(${parameters})`);
    return (...values: readonly unknown[]) => check(library, name, call(...values));
  };
  const initialize = declare('MPI_Init_thread', 'intptr_t, intptr_t, int, int *provided');
  const rankOf = declare('MPI_Comm_rank', `${handle}, int *rank`);
  const sizeOf = declare('MPI_Comm_size', `${handle}, int *size`);
  const onError = declare('MPI_Comm_set_errhandler', `${handle}, ${handle}`);
  const allreduce = declare(
    'MPI_Allreduce',
    `intptr_t, void *values, int, ${handle}, ${handle}, ${handle}`,
  );
  const bcast = declare('MPI_Bcast', `void *bytes, int, ${handle}, int, ${handle}`);
  const number = new Int32Array(1);
  const ask = (call: (...values: readonly unknown[]) => void) => {
    call(at.world, number);
    return number[0]!;
  };
  return {
    start() {
      // By C: a thread's process.env is a copy.
      const set = library.declare('int setenv(const char *name, const char *value, int overwrite)');
      for (const [name, value] of Object.entries(abi.settings)) set(name, value, 0);
      initialize(0, 0, serialized, number);
      onError(at.world, at.errorsReturn);
    },
    rank: () => ask(rankOf),
    ranks: () => ask(sizeOf),
    sum(values: Float32Array | Float64Array) {
      const type = values instanceof Float32Array ? at.float32 : at.float64;
      allreduce(inPlace, values, values.length, type, at.sum, at.world);
    },
    broadcast(bytes: Uint8Array) {
      bcast(bytes, bytes.length, at.byte, 0, at.world);
    },
    finalize: declare('MPI_Finalize', ''),
  };
}

function handlesOf(library: ForeignLibrary, { handles }: MpiAbi) {
  const entries = Object.entries(handles).map(([name, value]) => [
    name,
    typeof value === 'string' ? library.addressOf(value) : value,
  ]);
  return Object.fromEntries(entries) as Readonly<Record<MpiHandle, bigint | number>>;
}

/** Throws a failure with MPI's own words for an error code. */
function check(library: ForeignLibrary, name: string, code: number): void {
  if (code === 0) return;
  const text = Buffer.alloc(2048);
  const length = new Int32Array(1);
  library.declare('int MPI_Error_string(int, void *text, int *length)')(code, text, length);
  const said = text.toString('latin1', 0, length[0]).split('\0')[0]!.replaceAll(/\s+/g, ' ').trim();
  throw new IgcError('failure', `${name}: must succeed, got ${said || `error ${code}`}`);
}
