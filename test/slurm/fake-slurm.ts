/** Commands of the names of Slurm's, which say what a test wants them to and note how they were called. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished, vi } from 'vitest';
import type { SlurmCommand } from '../../src/slurm/slurm-command.ts';

export interface FakeSlurm {
  /** A search path on which these commands come first. */
  readonly searchPath: string;
  /** What a command says from now on; several answers are given one after another, the last for ever. */
  answer(command: SlurmCommand, ...said: readonly (string | { readonly refuses: string })[]): void;
  /** Every call so far, as `sbatch --parsable file`. */
  calls(): readonly string[];
}

const script = (folder: string, name: string) => `#!/bin/sh
echo "${name} $*" >> "${folder}/calls"
n=0; while [ -e "${folder}/${name}.$n.done" ] && [ -e "${folder}/${name}.$((n + 1))" ]; do n=$((n + 1)); done
: > "${folder}/${name}.$n.done"
if [ -e "${folder}/${name}.$n.refuses" ]; then cat "${folder}/${name}.$n.refuses" >&2; exit 1; fi
cat "${folder}/${name}.$n" 2> /dev/null || true
`;

/** Every command says nothing until it is told otherwise. */
export function fakeSlurm(): FakeSlurm {
  const folder = mkdtempSync(path.join(tmpdir(), 'igc-fake-slurm-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const bin = path.join(folder, 'bin');
  mkdirSync(bin);
  for (const name of ['sbatch', 'squeue', 'sacct', 'scontrol']) {
    writeFileSync(path.join(bin, name), script(folder, name), { mode: 0o755 });
  }
  writeFileSync(path.join(folder, 'calls'), '');
  const searchPath = `${bin}:${process.env.PATH}`;
  vi.stubEnv('PATH', searchPath);
  onTestFinished(() => void vi.unstubAllEnvs());
  return {
    searchPath,
    answer(command, ...said) {
      for (const name of readdirSync(folder)) {
        if (name.startsWith(`${command}.`)) rmSync(path.join(folder, name));
      }
      for (const [i, one] of said.entries()) {
        const file = path.join(folder, `${command}.${i}`);
        writeFileSync(file, typeof one === 'string' ? one : '');
        if (typeof one !== 'string') writeFileSync(`${file}.refuses`, one.refuses);
      }
    },
    calls: () =>
      readFileSync(path.join(folder, 'calls'), 'utf8').trimEnd().split('\n').filter(Boolean),
  };
}
