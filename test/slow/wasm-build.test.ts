/** Anybody with the compiler gets the committed wasm modules from the sources, byte for byte. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const committed = path.join(root, 'wasm');

const { compiler } = JSON.parse(readFileSync(path.join(committed, 'build.json'), 'utf8'));
const found = spawnSync('clang++-19', ['--version'], { encoding: 'utf8' }).stdout ?? '';

if (!found.includes(compiler)) {
  it.skip(`building the modules is left out: clang++-19 is not ${compiler}`, () => {});
} else {
  it('the committed modules are what their sources give', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'igcnet-wasm-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    execFileSync(process.execPath, ['scripts/build-wasm.mjs', '--to', folder], {
      cwd: root,
      stdio: 'pipe',
    });
    expect(readdirSync(folder)).toEqual(readdirSync(committed));
    for (const name of readdirSync(committed)) {
      const [ours, theirs] = [folder, committed].map((at) => readFileSync(path.join(at, name)));
      expect(ours!.equals(theirs!), name).toBe(true);
    }
  });
}
