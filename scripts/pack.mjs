// Packs what users install: igcnet and one package for each platform that has a prebuilt addon.
//   node scripts/pack.mjs [--to <folder>] [igcnet | linux-x64 | linux-arm64 …]      (after npm run build; default: all)
// Each package is laid out in a folder of its own, build/packages/<name>, and packed from there beside it. Only there
// does igcnet's package.json list the platforms' packages, at its own version: the repository's own would make `npm ci`
// fail as long as, and wherever, they are in no registry. What is needed for development alone is left out.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { prebuiltPlatforms } from '../dist/core/addon.js';
import { makePlatformPackage } from './pack-platform.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { to: { type: 'string' } },
});
const to = resolve(values.to ?? join(root, 'build', 'packages'));
const known = ['igcnet', ...prebuiltPlatforms];
const unknown = positionals.find((name) => !known.includes(name));
if (unknown) {
  console.error(`pack: takes names of ${known.join(', ')}, got ${unknown}`);
  process.exit(2);
}
const main = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** What `npm pack` in `folder` packs, or with more arguments does, from its JSON. */
function npmPack(folder, ...more) {
  const line = ['pack', '--json', '--ignore-scripts', '--loglevel=error', ...more];
  const text = execFileSync('npm', line, { cwd: folder, encoding: 'utf8' });
  return Object.values(JSON.parse(text))[0];
}

/** Copies igcnet as `files` of its package.json says; dist/ only as far as it is still made from src/. */
function makeMainPackage(folder) {
  rmSync(folder, { recursive: true, force: true });
  const { files } = npmPack(root, '--dry-run');
  for (const { path } of files) {
    if (path === 'package.json') continue;
    const [, stem] = /^dist\/(?!page\/)(.*?)(?:\.d\.ts|\.js)$/.exec(path) ?? [];
    if (stem && !existsSync(join(root, 'src', `${stem}.ts`))) continue;
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    if (path.endsWith('.js')) writeFileSync(file, withoutMap(join(root, path)));
    else copyFileSync(join(root, path), file);
  }
  chmodSync(join(folder, main.bin.igc), 0o755);
  const { private: _private, scripts: _scripts, devDependencies: _development, ...manifest } = main;
  const optionalDependencies = Object.fromEntries(
    prebuiltPlatforms.map((platform) => [`@igcnet/${platform}`, main.version]),
  );
  const text = JSON.stringify({ ...manifest, optionalDependencies }, null, 2);
  writeFileSync(join(folder, 'package.json'), `${text}\n`);
}

/** A module without the line that names its source map: the sources are not packed. */
function withoutMap(file) {
  return readFileSync(file, 'utf8').replace(/^\/\/# sourceMappingURL=.*\n?/m, '');
}

for (const name of positionals.length > 0 ? positionals : known) {
  const folder = join(to, name);
  // Only what was packed before is replaced: a package without sources and without history.
  const isOurs = existsSync(join(folder, 'package.json')) && !existsSync(join(folder, '.git'));
  if (
    existsSync(folder) &&
    (!isOurs || existsSync(join(folder, 'src')) || root.startsWith(folder))
  ) {
    console.error(`pack: must be free or a package made before, got ${folder}`);
    process.exit(2);
  }
  if (name === 'igcnet') makeMainPackage(folder);
  else makePlatformPackage(name, main, folder);
  const { filename, size, unpackedSize } = npmPack(folder, '--pack-destination', to);
  const [packed, unpacked] = [size, unpackedSize].map((bytes) => Math.round(bytes / 1000));
  console.log(`${join(to, filename)}: ${packed} kB packed, ${unpacked} kB unpacked`);
}
