// Makes the package of a platform, which has the addon for it and nothing else: `igcnet.node`, package.json, README and
// LICENSE. Called by pack.mjs. The addon of another architecture is cross-compiled (Debian: g++-aarch64-linux-gnu).
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNodeGyp, headersOption } from './node-gyp.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const native = join(root, 'native');
const olderLibraries = join(root, 'scripts', 'older-libraries.h');
const prefixes = { x64: 'x86_64-linux-gnu-', arm64: 'aarch64-linux-gnu-' };
/** What Node 20 itself needs of a machine: glibc 2.28, and libstdc++ of GCC 8. */
const newest = { GLIBC: [2, 28], GLIBCXX: [3, 4, 25], CXXABI: [1, 3, 11] };

/** Writes the package of `platform`, one of `linux-x64` and `linux-arm64`, into the folder `to`. */
export function makePlatformPackage(platform, main, to) {
  const [os, cpu] = platform.split('-');
  const addon = buildAddon(platform, cpu);
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to, { recursive: true });
  const manifest = {
    name: `@igcnet/${platform}`,
    version: main.version,
    description: `The native kernels of igcnet for ${os} on ${cpu}, with glibc`,
    license: main.license,
    main: 'igcnet.node',
    files: ['igcnet.node'],
    engines: main.engines,
    os: [os],
    cpu: [cpu],
    libc: ['glibc'],
    preferUnplugged: true, // Yarn would keep it in an archive, from where it cannot be loaded
    publishConfig: { access: 'public' },
  };
  writeFileSync(join(to, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  writeFileSync(join(to, 'README.md'), readme(manifest));
  copyFileSync(join(root, 'LICENSE'), join(to, 'LICENSE'));
  copyFileSync(addon, join(to, 'igcnet.node'));
}

function readme({ name, version, os, cpu }) {
  return `# ${name}

The C++ kernels of igcnet ${version}, compiled for ${os} on ${cpu} with glibc 2.28 or
newer. igcnet depends on it and loads it; there is nothing here to be used by itself. Where it does not fit,
igcnet runs its WebAssembly kernels, and \`npx igc build-native\` compiles your own.
`;
}

/** The addon's file; compiled in a copy of native/, beside which a hash of what it was made from is kept. */
function buildAddon(platform, cpu) {
  const folder = join(root, 'build', 'addons', platform);
  const addon = join(folder, 'native', 'build', 'Release', 'igcnet.node');
  const stampFile = join(folder, 'stamp');
  const files = readdirSync(native).filter((name) => /\.(cc|h|gyp)$/.test(name));
  const hash = createHash('sha256');
  const sources = [...files.map((name) => join(native, name)), olderLibraries];
  for (const file of [...sources, fileURLToPath(import.meta.url)]) hash.update(readFileSync(file));
  const stamp = hash.digest('hex');
  const isCurrent = existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp;
  if (isCurrent && existsSync(addon)) return addon;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'native'), { recursive: true });
  for (const name of files) copyFileSync(join(native, name), join(folder, 'native', name));
  compile(join(folder, 'native'), platform, cpu);
  checkLibraries(addon, platform, cpu);
  writeFileSync(stampFile, stamp);
  return addon;
}

const toolsOf = (cpu) => (cpu === process.arch ? '' : prefixes[cpu]);

function compile(folder, platform, cpu) {
  const nodeGyp = findNodeGyp();
  if (!nodeGyp) throw new Error(`${platform}: needs node-gyp, which is not found`);
  console.error(`compiling the addon for ${platform} …`);
  const tools = toolsOf(cpu);
  const env = {
    ...process.env,
    ...{ CC: `${tools}gcc`, CXX: `${tools}g++`, AR: `${tools}ar`, LDFLAGS: '-s' },
    CXXFLAGS: `-include "${olderLibraries}"`,
  };
  const line = [nodeGyp, 'rebuild', '-j', 'max', `--arch=${cpu}`, ...headersOption()];
  const run = spawnSync(process.execPath, line, { cwd: folder, encoding: 'utf8', env });
  if (run.status !== 0) {
    throw new Error(`${platform}: node-gyp must succeed, got\n${run.stdout}${run.stderr}`);
  }
}

/** Throws when the addon needs a newer library than Node does. */
function checkLibraries(addon, platform, cpu) {
  const { stdout, error } = spawnSync(`${toolsOf(cpu)}objdump`, ['-T', addon], {
    encoding: 'utf8',
  });
  if (error) throw error;
  for (const [needed, library, version] of stdout.matchAll(/\b(GLIBC|GLIBCXX|CXXABI)_([\d.]+)/g)) {
    const parts = version.split('.').map(Number);
    const limit = newest[library];
    const at = parts.findIndex((part, i) => part !== (limit[i] ?? 0));
    if (at >= 0 && parts[at] > (limit[at] ?? 0)) {
      throw new Error(
        `${platform}: the addon must need at most ${library}_${limit.join('.')}, got ${needed}; see scripts/older-libraries.h`,
      );
    }
  }
}
