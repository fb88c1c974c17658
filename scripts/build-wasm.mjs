// Builds wasm/*.wasm, the kernels for every other machine and for the browser, when they are older than their sources.
// They are committed, since few have clang-19 with wasm-ld; where it is missing and they are out of date, this says so
// in one line. wasm/build.json has the SHA-256 of what they were built from. `--to <folder>` builds elsewhere, `--check`
// only says whether they are their sources'.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const compiler = 'clang++-19';

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
// No C library and no C++ one: what the kernels use of them is in native/wasm/include; add there what they need more.
const flags = [
  '--target=wasm32 -nostdlib -nostdinc++ -isystem native/wasm/include -std=c++17 -O2',
  '-fno-math-errno -fno-trapping-math -ffp-contract=fast -fno-exceptions -fno-rtti -fno-threadsafe-statics',
  '-fvisibility=hidden -Wall -Wno-unused-function',
  '-DIGC_ISA=baseline -DIGC_TABLE=kernelsBaseline -DIGC_NAME="wasm" -DLANES=4 -msimd128 -mbulk-memory',
  '-Wl,--no-entry,--export-dynamic,--strip-all,--stack-first,-z,stack-size=262144',
  '-Wl,--import-memory,--initial-memory=1048576,--max-memory=4294967296',
].flatMap((line) => line.split(' '));
const relaxed = ['-mrelaxed-simd'];
const threads = ['-matomics', '-Wl,--shared-memory,--export=__stack_pointer'];
const engines = {
  simd128: [],
  'simd128-threads': threads,
  'relaxed-simd': relaxed,
  'relaxed-simd-threads': [...relaxed, ...threads],
};
// `inference-…`: without what only training needs, for pages that classify.
const variants = Object.fromEntries(
  Object.entries(engines).flatMap(([name, more]) => [
    [name, more],
    [`inference-${name}`, ['-DIGC_INFERENCE', ...more]],
  ]),
);

const sha256 = (...parts) =>
  parts.reduce((h, part) => h.update(part), createHash('sha256')).digest('hex');
const read = (file) => readFileSync(join(root, file));
const files = [...sources, ...headers].flatMap((file) => [file, read(file)]);
const sourcesHash = sha256(JSON.stringify([flags, variants]), ...files);

const arguments_ = process.argv.slice(2);
const folder = arguments_[0] === '--to' ? arguments_[1] : join(root, 'wasm');
const recordFile = join(folder, 'build.json');

const hashes = () => {
  const names = Object.keys(variants).map((name) => `${name}.wasm`);
  return Object.fromEntries(names.map((name) => [name, sha256(readFileSync(join(folder, name)))]));
};

/** What keeps the folder from being the sources', or undefined. */
function difference() {
  if (!existsSync(recordFile)) return `${recordFile} is missing`;
  const record = JSON.parse(readFileSync(recordFile, 'utf8'));
  if (record.sources !== sourcesHash) return 'native/ has changed since wasm/ was built from it';
  const found = hashes();
  const wrong = Object.keys(found).filter((name) => found[name] !== record.files[name]);
  return wrong.length > 0 ? `${wrong.join(', ')} are not what was built` : undefined;
}

function build() {
  const version = spawnSync(compiler, ['--version'], { encoding: 'utf8' });
  if (version.status !== 0) {
    console.error(
      `wasm/ is out of date, and ${compiler} is not here to build it anew; keeping it.`,
    );
    return;
  }
  console.error('building the wasm kernels …');
  mkdirSync(folder, { recursive: true });
  for (const [name, more] of Object.entries(variants)) {
    const out = join(folder, `${name}.wasm`);
    const line = [...flags, ...more, ...sources, '-o', out];
    const run = spawnSync(compiler, line, { cwd: root, encoding: 'utf8' });
    if (run.status !== 0)
      throw new Error(`${compiler} failed for ${name}:\n${run.stderr ?? run.error}`);
    chmodSync(out, 0o644);
  }
  const [compiledBy] = version.stdout.match(/clang version [\d.]+/);
  const record = { sources: sourcesHash, compiler: compiledBy, files: hashes() };
  writeFileSync(recordFile, `${JSON.stringify(record, null, 2)}\n`);
}

const stale = difference();
if (arguments_[0] === '--check') {
  if (stale) console.error(`${stale}; npm run build:wasm builds it`);
  process.exitCode = stale ? 1 : 0;
} else if (stale) {
  build();
}
