import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const bench = fileURLToPath(new URL('../../dist/bench/bench.js', import.meta.url));

/** Runs the built command, beside the system's torch only: compilers of newer ones take long. */
export function runBench(...flags: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bench, ...flags], {
    encoding: 'utf8',
    env: { ...process.env, IGCNET_TORCH_PYTHON: '' },
  });
  return { status, stdout, stderr };
}

/** A network that every engine runs in no time. */
export const smallNetwork = [
  ...['--net', 'IGC-L2M2', '--depth', '5', '--img-size', '8', '--batch', '4'],
  ...['--rounds', '1', '--threads', '1'],
] as const;
