/** `igc build-native`: the native kernels compiled on this machine, for those whom no prebuilt ones fit. */
import type { Command } from 'commander';
import { complain, IgcError } from '../core/errors.ts';
import { printData, printNews } from './terminal.ts';

/** scripts/build-native.mjs, which also runs before there is a dist/. */
interface BuildScript {
  buildNative(options: {
    readonly force: boolean;
    readonly onStart: () => void;
  }): { readonly addon: string; readonly built: boolean } | { readonly reason: string };
}

/** Adds `build-native`. */
export function buildNativeCommand(program: Command): void {
  program
    .command('build-native')
    .description('compile the native kernels for this machine; needs a C++ compiler and python3')
    .option('--force', 'also when they are up to date')
    .action(buildHere);
}

async function buildHere({ force = false }: { readonly force?: boolean }): Promise<void> {
  const script = new URL('../../scripts/build-native.mjs', import.meta.url).href;
  const { buildNative } = (await import(script)) as BuildScript;
  const onStart = () => printNews('building the native kernels (about half a minute) …');
  const result = buildNative({ force, onStart });
  if ('reason' in result) throw notBuilt(result.reason);
  // Looked for only now, when it is there.
  const { nativeKernelSets } = await import('../kernels/native.ts');
  const { available, skipped } = nativeKernelSets({ threads: 1 });
  if (available.length === 0) throw notBuilt(skipped[0]!.reason);
  const names = available.map(({ name }) => name).join(', ');
  printData(`${result.built ? 'built' : 'up to date:'} ${result.addon}, with ${names}`);
}

function notBuilt(got: string): IgcError {
  const hint = 'igc doctor says which tools are missing; without native kernels wasm ones run';
  return new IgcError(
    'failure',
    complain({ path: 'build-native', rule: 'the addon must build and load', got, hint }),
  );
}
