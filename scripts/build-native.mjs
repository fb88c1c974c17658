// Builds the native kernels with node-gyp when they are missing or older than their sources. Where there is no
// compiler it says so in one line and succeeds: everything also runs without them, only slower. N-API is stable, so
// one build serves every version of Node. `igc build-native` calls buildNative for those who installed the package.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNodeGyp, headersOption } from './node-gyp.mjs';

const native = join(dirname(fileURLToPath(import.meta.url)), '..', 'native');
const addon = join(native, 'build', 'Release', 'igcnet.node');
const stampFile = join(native, 'build', 'igcnet.stamp');
const kept = join(native, '..', 'build', 'kept', 'igcnet.node');

/** `{ addon, built }` with the addon's file and whether it is new, or `{ reason }`; `onStart` is called before it takes long. */
export function buildNative({ force = false, onStart = () => {} } = {}) {
  if (!existsSync(addon)) restoreKept();
  const stamp = sourcesStamp();
  const isCurrent = existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp;
  if (!force && existsSync(addon) && isCurrent) return { addon, built: false };
  const nodeGyp = findNodeGyp();
  if (!nodeGyp) return { reason: 'node-gyp is not found; npm install --global node-gyp brings it' };
  onStart();
  // An addon that works is kept until there is a new one, also where this process is killed.
  if (existsSync(addon)) {
    mkdirSync(dirname(kept), { recursive: true });
    renameSync(addon, kept);
  }
  const line = [nodeGyp, 'rebuild', '-j', 'max', ...headersOption()];
  const run = spawnSync(process.execPath, line, { cwd: native, encoding: 'utf8' });
  const isBuilt = run.status === 0 && existsSync(addon);
  if (isBuilt) rmSync(kept, { force: true });
  else restoreKept();
  if (!isBuilt) {
    return { reason: `node-gyp failed (${errorLines(run) || 'no output'})` };
  }
  mkdirSync(dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, stamp);
  return { addon, built: true };
}

/** Puts back the addon that a build which failed, or was killed, has left aside. */
function restoreKept() {
  if (!existsSync(kept)) return;
  mkdirSync(dirname(addon), { recursive: true });
  renameSync(kept, addon);
}

function sourcesStamp() {
  const hash = createHash('sha256').update(`${process.arch} ${process.platform}`);
  for (const file of readdirSync(native, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name)
    .sort()) {
    hash.update(file).update(readFileSync(join(native, file)));
  }
  return hash.digest('hex');
}

function errorLines({ stdout, stderr, error }) {
  return `${stdout ?? ''}${stderr ?? ''}${error ?? ''}`
    .trim()
    .split('\n')
    .filter((text) => /error/i.test(text))
    .slice(0, 3)
    .join(' | ');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const onStart = () => console.error('building the native kernels (once, about half a minute) …');
  const { reason } = buildNative({ onStart });
  if (reason) {
    console.error(`no native kernels: ${reason}; continuing with the wasm ones.`);
    console.error(
      'to build them later: install a C++ compiler and python3, then npm run build:native',
    );
    if (process.env.IGCNET_REQUIRE_NATIVE) process.exitCode = 1;
  }
}
