// Builds the native kernels with node-gyp when they are missing or older than their sources. Where there is no
// compiler it says so in one line and succeeds: everything also runs without them, only slower. N-API is stable, so
// one build serves every version of Node.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const native = join(root, 'native');
const addon = join(native, 'build', 'Release', 'igcnet.node');
const stampFile = join(native, 'build', 'igcnet.stamp');

const sources = readdirSync(native, { withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => entry.name)
  .sort();
const hash = createHash('sha256').update(`${process.arch} ${process.platform}`);
for (const file of sources) hash.update(file).update(readFileSync(join(native, file)));
const stamp = hash.digest('hex');

if (existsSync(addon) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) {
  process.exit(0);
}
const require = createRequire(import.meta.url);
const nodeGyp = require.resolve('node-gyp/bin/node-gyp.js');
console.error('building the native kernels (once, about half a minute) …');
const jobs = ['-j', 'max'];
// Node's own headers, where they were installed with it, save a download.
const prefix = join(dirname(process.execPath), '..');
const headers = existsSync(join(prefix, 'include', 'node', 'node_api.h'))
  ? [`--nodedir=${prefix}`]
  : [];
const run = spawnSync(process.execPath, [nodeGyp, 'rebuild', ...jobs, ...headers], {
  cwd: native,
  encoding: 'utf8',
});
if (run.status === 0 && existsSync(addon)) {
  mkdirSync(dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, stamp);
} else {
  const log = `${run.stdout ?? ''}${run.stderr ?? ''}${run.error ?? ''}`.trim();
  const reason = log
    .split('\n')
    .filter((line) => /error/i.test(line))
    .slice(0, 3)
    .join(' | ');
  console.error(
    `no native kernels: node-gyp failed (${reason || 'no output'}); continuing with the wasm ones.`,
  );
  console.error(
    'to build them later: install a C++ compiler and python3, then npm run build:native',
  );
  if (process.env.IGCNET_REQUIRE_NATIVE) process.exit(1);
}
