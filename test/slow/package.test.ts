import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A project that has the packed package, and nothing else of this checkout but its dependencies. */
function installPacked(): string {
  const project = mkdtempSync(path.join(tmpdir(), 'igcnet-pack-'));
  onTestFinished(() => rmSync(project, { recursive: true, force: true }));
  const packed = execFileSync('npm', ['pack', '--silent', '--pack-destination', project], {
    cwd: root,
    encoding: 'utf8',
  });
  const home = path.join(project, 'node_modules', 'igcnet');
  mkdirSync(home, { recursive: true });
  const archive = path.join(project, packed.trim().split('\n').at(-1)!);
  execFileSync('tar', ['-xzf', archive, '-C', home, '--strip-components=1']);
  const { dependencies } = JSON.parse(readFileSync(path.join(home, 'package.json'), 'utf8'));
  for (const name of [...Object.keys(dependencies), '@types/node']) {
    const link = path.join(project, 'node_modules', name);
    mkdirSync(path.dirname(link), { recursive: true });
    symlinkSync(path.join(root, 'node_modules', name), link);
  }
  writeFileSync(path.join(project, 'package.json'), '{ "type": "module" }');
  return project;
}

it('the packed package runs, and its types fit the sample of the README', () => {
  const project = installPacked();
  const sample = /```ts\n([\s\S]*?)```/.exec(readFileSync(path.join(root, 'README.md'), 'utf8'));
  writeFileSync(path.join(project, 'use.ts'), sample![1]!);
  const compiler = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const strict = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023'];
  const args = [compiler, ...strict, '--types', 'node', 'use.ts'];
  const run = (line: readonly string[]) =>
    execFileSync(process.execPath, line, { cwd: project, encoding: 'utf8', stdio: 'pipe' });
  expect(run(args)).toBe('');
  const igc = path.join('node_modules', 'igcnet', 'dist', 'cli', 'igc.js');
  expect(run([igc, 'train', '--recipe', 'digits', '--epochs', '1', '--name', 'x'])).toMatch(
    /^test accuracy /,
  );
});
