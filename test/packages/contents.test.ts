/** What is in igcnet's package, and nothing else; whether package managers and bundlers will understand it. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const to = mkdtempSync(path.join(tmpdir(), 'igcnet-contents-'));
afterAll(() => rmSync(to, { recursive: true, force: true }));
const home = path.join(to, 'igcnet');
let said = '';

beforeAll(() => {
  const line = ['scripts/pack.mjs', '--to', to, 'igcnet'];
  said = execFileSync(process.execPath, line, { cwd: root, encoding: 'utf8' });
}, 60_000);

/** Everything that users need. */
const allowed = [
  /^(package\.json|README\.md|LICENSE|CHANGELOG\.md)$/,
  /^dist\/(index|(cli|core|data|draw|experiment|export|formats|kernels|model|plan|runtime|serve|slurm|spec|team|theory|train|ui)\/[\w/.-]+)\.(js|d\.ts)$/,
  /^dist\/page\/(index\.html|icon\.svg|assets\/[\w.-]+\.(js|css|gz)|models\/[\w.-]+\.(json|safetensors))$/,
  /^dist\/exported\/index\.html$/,
  /^python\/igcnet_torch\.py$/,
  /^native\/(binding\.gyp|[\w-]+\.(cc|h))$/,
  /^scripts\/(build-native|node-gyp)\.mjs$/,
  /^wasm\/(inference-)?(simd128|relaxed-simd)(-threads)?\.wasm$/,
  /^data\/digits\/(README\.md|digits\.csv\.gz)$/,
];

const archive = () => said.split(': ')[0]!;
const packed = () =>
  execFileSync('tar', ['-tzf', archive()], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((file) => file.replace(/^package\//, ''));

it('has what users need, and nothing else', () => {
  const files = packed();
  expect(files.filter((file) => !allowed.some((pattern) => pattern.test(file)))).toEqual([]);
  for (const pattern of allowed) expect(files.some((file) => pattern.test(file))).toBe(true);
  expect(files.filter((file) => file.endsWith('.wasm'))).toHaveLength(8);
  const dangling = files.filter(
    (file) =>
      file.endsWith('.js') &&
      readFileSync(path.join(home, file), 'utf8').includes('sourceMappingURL'),
  );
  expect(dangling).toEqual([]);
});

it('has every module of src/', () => {
  const sources = readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/^(bench|web)\//.test(file))
    .map((file) => `dist/${file.replace(/\.ts$/, '.js')}`);
  const modules = new Set(packed().filter((file) => file.endsWith('.js')));
  expect(sources.filter((file) => !modules.has(file))).toEqual([]);
});

it('stays small: at most 2 MB, 5.5 MB unpacked, the page and its networks included', () => {
  console.log(said.trim());
  const [, size, unpacked] = /(\d+) kB packed, (\d+) kB unpacked/.exec(said)!.map(Number);
  expect(size).toBeLessThan(2000);
  expect(unpacked).toBeLessThan(5500);
});

it('has no scripts, and the packages of the platforms at its own version', () => {
  const manifest = JSON.parse(readFileSync(path.join(home, 'package.json'), 'utf8'));
  for (const key of ['scripts', 'devDependencies', 'private']) {
    expect(manifest).not.toHaveProperty(key);
  }
  expect(manifest.optionalDependencies).toEqual({
    '@igcnet/linux-x64': manifest.version,
    '@igcnet/linux-arm64': manifest.version,
  });
});

it('is as publint wants it', async () => {
  const { messages } = await publint({ pkgDir: home, pack: false, level: 'warning', strict: true });
  const manifest = JSON.parse(readFileSync(path.join(home, 'package.json'), 'utf8'));
  expect(messages.map((message) => formatMessage(message, manifest))).toEqual([]);
});

it('says in one line why igc build-native fails', () => {
  symlinkSync(path.join(root, 'node_modules'), path.join(to, 'node_modules'));
  const line = [path.join(home, 'dist/cli/igc.js'), 'build-native'];
  const env = { PATH: to, NO_COLOR: '1' };
  const { status, stdout, stderr } = spawnSync(process.execPath, line, { encoding: 'utf8', env });
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(
    /^building the native kernels \(about half a minute\) …\nbuild-native: the addon must build and load, got node-gyp failed \(.*[Pp]ython.*\); igc doctor says which tools are missing; without native kernels wasm ones run\n$/,
  );
});

it('is not made in the place of somebody’s folder', () => {
  const mine = path.join(to, 'other', 'igcnet');
  mkdirSync(mine, { recursive: true });
  writeFileSync(path.join(mine, 'letter.txt'), 'mine');
  const line = ['scripts/pack.mjs', '--to', path.dirname(mine), 'igcnet'];
  const { status, stderr } = spawnSync(process.execPath, line, { cwd: root, encoding: 'utf8' });
  expect({ status, stderr }).toEqual({
    status: 2,
    stderr: `pack: must be free or a package made before, got ${mine}\n`,
  });
  const site = ['scripts/build-site.mjs', '--to', path.dirname(mine)];
  expect(spawnSync(process.execPath, site, { cwd: root }).status).toBe(2);
  expect(readFileSync(path.join(mine, 'letter.txt'), 'utf8')).toBe('mine');
});
