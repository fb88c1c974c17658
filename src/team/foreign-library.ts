/** Shared libraries called from JavaScript, through the optional package koffi. */
import { usageError } from '../core/errors.ts';

/** A C function; arguments and result as koffi converts them. */
export type ForeignFunction = (...values: readonly unknown[]) => number;

/** A loaded library. */
export interface ForeignLibrary {
  readonly name: string;
  /** The function of a C declaration, `int MPI_Finalize()`. Throws when the library has none of that name. */
  declare(declaration: string): ForeignFunction;
  /** Where a variable lies. */
  addressOf(symbol: string): bigint;
}

/** The part of koffi that is used. */
interface Koffi {
  load(name: string, options: { lazy: boolean; global: boolean }): KoffiLibrary;
  address(pointer: unknown): bigint;
}
interface KoffiLibrary {
  func(declaration: string): ForeignFunction;
  symbol(name: string, type: string): unknown;
}

/**
 * Loads the first library of those names that is there.
 *
 * Throws a usage error when koffi is missing, or with what the system says of each name.
 */
export async function loadLibrary(names: readonly string[]): Promise<ForeignLibrary> {
  const koffi = await loadKoffi();
  const reasons: string[] = [];
  for (const name of names) {
    try {
      // Global, since the plugins of MPI libraries look for its symbols.
      const library = koffi.load(name, { lazy: true, global: true });
      return {
        name,
        declare: (declaration) => library.func(declaration),
        addressOf: (symbol) => koffi.address(library.symbol(symbol, 'void *')),
      };
    } catch (error) {
      reasons.push(`${name}: ${firstLine(error).replace(/^Failed to load shared library: /, '')}`);
    }
  }
  throw usageError({
    path: 'dist',
    rule: 'needs an MPI library',
    got: reasons.join(', '),
    hint: 'install Open MPI or MPICH, or name its library in IGCNET_MPI_LIBRARY',
  });
}

async function loadKoffi(): Promise<Koffi> {
  try {
    const module = (await import('koffi')) as unknown as { default: Koffi };
    return module.default;
  } catch (error) {
    throw usageError({
      path: 'dist',
      rule: 'needs the package koffi, by which MPI is called',
      got: firstLine(error),
      hint: 'npm install koffi',
    });
  }
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n')[0]!;
}
