/** The end of a process with a thread that waits for ever, which Node would wait for. */
import { loadLibrary } from './foreign-library.ts';

/** C libraries by their names on glibc, musl and macOS. */
const libraries = ['libc.so.6', 'libc.so', 'libSystem.B.dylib'];

/** When this process ends and `isNeeded` says so, it ends at once: without the end of its threads, with its exit code. */
export async function leaveThreads(isNeeded: () => boolean): Promise<void> {
  const library = await loadLibrary(libraries).catch(() => undefined);
  if (library === undefined) return; // then no thread waits for MPI, which is called in the same way
  const exit = library.declare('void _exit(int code)');
  process.once('exit', (code) => {
    if (isNeeded()) exit(code);
  });
}
