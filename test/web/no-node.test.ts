/** What runs in a browser must reach nothing of Node: the bundler would put holes in its place, which show only in use. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Every chain of value imports from an entry to a module of Node. */
function chainsToNode(entry: string): readonly string[] {
  const cameFrom = new Map<string, string | undefined>([[path.join(root, entry), undefined]]);
  const found: string[] = [];
  for (const file of cameFrom.keys()) {
    const source = readFileSync(file, 'utf8');
    const imports = source.matchAll(
      /^(?:import|export)\s(?!type\b)(?:[^'";]*?\sfrom\s)?'([^']+)'/gms,
    );
    const lazy = source.matchAll(/\bimport\('([^']+)'\)|new URL\('([^']+\.(?:ts|js))', import/g);
    for (const [, name, worker] of [...imports, ...lazy]) {
      const place = (name ?? worker)!;
      if (place.startsWith('node:')) found.push(`${place}: ${chain(file, cameFrom).join(' ← ')}`);
      if (!place.startsWith('.') || /\.(css|gz)(\?|$)/.test(place)) continue;
      const beside = path.resolve(path.dirname(file), place);
      const target = existsSync(beside) ? beside : beside.replace(/\.js$/, '.ts');
      if (!cameFrom.has(target)) cameFrom.set(target, file);
    }
  }
  expect(cameFrom.size).toBeGreaterThan(10); // or nothing was followed
  return found;
}

function chain(file: string, cameFrom: ReadonlyMap<string, string | undefined>): string[] {
  const before = cameFrom.get(file);
  const name = path.relative(root, file);
  return before === undefined ? [name] : [name, ...chain(before, cameFrom)];
}

it.each(['src/runtime/browser.ts', 'src/web/main.tsx', 'src/web/learn/learn-worker.ts'])(
  '%s reaches nothing of Node',
  (entry) => {
    expect(chainsToNode(entry)).toEqual([]);
  },
);

it('finds what it looks for', () => {
  expect(chainsToNode('src/train/load.ts').join('\n')).toContain('node:fs');
});
