// Builds wasm/*.wasm, the kernels for every other machine and for the browser, when they are older than their sources.
// They are committed, since few have clang-19 with wasm-ld; where it is missing and they are out of date, this says so
// in one line. wasm/sources.json has the SHA-256 of what they were built from. `--to <folder>` builds elsewhere.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const compiler = process.env.IGCNET_WASM_CXX ?? 'clang++-19';

const sources = [
  'native/kernels.cc',
  'native/instance.cc',
  'native/wasm/exports.cc',
  'native/wasm/memory.cc',
  'native/wasm/pool.cc',
];
const headers = ['native', 'native/wasm', 'native/wasm/include'].flatMap((folder) =>
  readdirSync(join(root, folder), { withFileTypes: true })
    .filter(({ name }) => folder.endsWith('include') || name.endsWith('.h'))
    .map(({ name }) => `${folder}/${name}`)
    .sort(),
);
// No C library and no C++ one: what the kernels use of them is in native/wasm/include.
const flags = [
  '--target=wasm32 -nostdlib -nostdinc++ -isystem native/wasm/include -std=c++17 -O3',
  '-fno-math-errno -fno-trapping-math -ffp-contract=fast -fno-exceptions -fno-rtti -fno-threadsafe-statics',
  '-fvisibility=hidden -fvisibility-global-new-delete=force-hidden -Wall -Wno-unused-function',
  '-DIGC_ISA=baseline -DIGC_TABLE=kernelsBaseline -DIGC_NAME="wasm" -DLANES=4 -msimd128 -mbulk-memory',
  '-Wl,--no-entry,--export-dynamic,--strip-all,--stack-first,-z,stack-size=262144',
  '-Wl,--import-memory,--initial-memory=1048576,--max-memory=4294967296',
].flatMap((line) => line.split(' '));
const relaxed = ['-mrelaxed-simd'];
const threads = ['-matomics', '-Wl,--shared-memory,--export=__stack_pointer'];
const variants = {
  simd128: [],
  'simd128-threads': threads,
  'relaxed-simd': relaxed,
  'relaxed-simd-threads': [...relaxed, ...threads],
};

const hash = createHash('sha256').update(JSON.stringify([flags, variants]));
for (const file of [...sources, ...headers])
  hash.update(file).update(readFileSync(join(root, file)));
const sha256 = hash.digest('hex');

const at = process.argv.indexOf('--to');
const folder = at < 0 ? join(root, 'wasm') : process.argv[at + 1];
const recordFile = join(folder, 'sources.json');
const built = Object.keys(variants).every((name) => existsSync(join(folder, `${name}.wasm`)));
if (
  built &&
  existsSync(recordFile) &&
  JSON.parse(readFileSync(recordFile, 'utf8')).sha256 === sha256
) {
  process.exit(0);
}
const version = spawnSync(compiler, ['--version'], { encoding: 'utf8' });
if (version.status !== 0) {
  console.error(
    `wasm/ is older than native/, and ${compiler} is not here to build it anew; keeping it.`,
  );
  process.exit(process.env.IGCNET_REQUIRE_WASM ? 1 : 0);
}
console.error('building the wasm kernels …');
mkdirSync(folder, { recursive: true });
for (const [name, more] of Object.entries(variants)) {
  const out = join(folder, `${name}.wasm`);
  const run = spawnSync(compiler, [...flags, ...more, ...sources, '-o', out], {
    cwd: root,
    encoding: 'utf8',
  });
  if (run.status !== 0) {
    console.error(`wasm: ${compiler} failed for ${name}:\n${run.stderr}`);
    process.exit(1);
  }
}
const record = { sha256, compiler: version.stdout.split('\n')[0].replace(/^\S+ clang/, 'clang') };
writeFileSync(recordFile, `${JSON.stringify(record, null, 2)}\n`);
