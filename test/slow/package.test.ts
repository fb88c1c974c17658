/**
 * What users get: the packages, packed, installed from files in an empty folder, without install scripts and without a
 * compiler; on every Node that we say, and on arm64 under qemu.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { tolerances } from '../tolerances.ts';
import {
  archives,
  barePath,
  fetchNode,
  installProject,
  place,
  root,
  runBare,
  version,
} from './installed.ts';

const igc = path.join('node_modules', 'igcnet', 'dist', 'cli', 'igc.js');
const digits = ['train', '--recipe', 'digits', '--epochs', '1'];
/** What a package for this machine is called. */
const own = `linux-${process.arch}`;
let project = '';

beforeAll(() => {
  const line = [path.join(root, 'scripts/pack.mjs'), '--to', place];
  console.log(execFileSync(process.execPath, line, { encoding: 'utf8' }).trim());
  project = installProject('project');
});

/** What `igc doctor` chooses, and where it says that the addon is from. */
function doctor(cwd: string, node = 'node', env: NodeJS.ProcessEnv = {}) {
  const { status, stdout, stderr } = runBare([node, igc, 'doctor', '--json'], cwd, env);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const { addon, chosen } = JSON.parse(stdout);
  return { addon, kernels: chosen.name } as { addon: string; kernels: string };
}

describe('the packed packages', () => {
  it('are understood by TypeScript, whichever way it resolves them', () => {
    const sample = /```ts\n([\s\S]*?)```/.exec(readFileSync(path.join(root, 'README.md'), 'utf8'));
    writeFileSync(path.join(project, 'use.ts'), sample![1]!);
    const runtime = `import { load, type Model } from 'igcnet/runtime';
      const model: Model = await load('runs/digits');
      model.dispose();\n`;
    writeFileSync(path.join(project, 'use-runtime.ts'), runtime);
    const ways = [
      ['--module', 'nodenext'],
      ['--module', 'esnext', '--moduleResolution', 'bundler'],
    ];
    for (const way of ways) {
      const strict = ['--noEmit', '--strict', '--target', 'es2023', '--types', 'node', ...way];
      const tsc = ['node', 'node_modules/typescript/bin/tsc', ...strict];
      const good = runBare([...tsc, 'use.ts', 'use-runtime.ts'], project);
      expect(good).toEqual({ status: 0, stdout: '', stderr: '' });
      writeFileSync(
        path.join(project, 'wrong.ts'),
        `import { load } from 'igcnet/runtime'; load(1);`,
      );
      expect(runBare([...tsc, 'wrong.ts'], project).stdout).toMatch(/^wrong\.ts.*TS2345/);
    }
  });

  it('are right to @arethetypeswrong/cli', () => {
    const attw = path.join(root, 'node_modules/@arethetypeswrong/cli/dist/index.js');
    const line = [process.execPath, attw, '--profile', 'esm-only', '--no-color', archives.igcnet];
    const { status, stdout } = runBare(line, place);
    expect(status).toBe(0);
    for (const entry of ['igcnet', 'igcnet/runtime', 'igcnet/wasm-browser']) {
      expect(stdout).toMatch(RegExp(`"${entry}" +│ 🟢 \\(ESM\\) +│ 🟢 `));
    }
  });

  it('have no scripts and tell npm for which machines they are', () => {
    for (const platform of ['linux-x64', 'linux-arm64'] as const) {
      const read = (file: string) =>
        execFileSync('tar', ['-xzOf', archives[platform], `package/${file}`], { encoding: 'utf8' });
      const manifest = JSON.parse(read('package.json'));
      expect(manifest).toMatchObject({
        ...{ name: `@igcnet/${platform}`, version, license: 'MIT', engines: { node: '>=20.19' } },
        ...{ os: ['linux'], cpu: [platform.slice(6)], libc: ['glibc'] },
      });
      expect(manifest).not.toHaveProperty('scripts');
      expect(read('README.md')).toContain(manifest.name);
      const files = execFileSync('tar', ['-tzf', archives[platform]], { encoding: 'utf8' });
      const names = ['LICENSE', 'README.md', 'igcnet.node', 'package.json'];
      expect(files.trim().split('\n').sort()).toEqual(names.map((name) => `package/${name}`));
    }
  });
});

describe.runIf(own in archives)('a project with the package of its platform', () => {
  it('trains with the native kernels of the package, without a compiler', () => {
    expect(doctor(project)).toEqual({
      addon: `of @igcnet/${own} ${version}`,
      kernels: expect.stringMatching(/^native-/),
    });
    const { stdout, stderr } = runBare(['npx', 'igc', ...digits, '--name', 'x'], project);
    expect(stdout).toMatch(/^test accuracy /);
    expect(stderr).toMatch(/^kernels {3}native-/m);
    expect(stderr).not.toMatch(/warning/);
  });

  it('trains with the wasm kernels where IGCNET_NO_NATIVE says so', () => {
    const { stdout, stderr } = runBare(['node', igc, ...digits, '--name', 'wasm'], project, {
      IGCNET_NO_NATIVE: '1',
    });
    expect(stdout).toMatch(/^test accuracy /);
    expect(stderr).toMatch(/^kernels {3}wasm-/m);
  });

  for (const major of [20, 22, 24]) {
    it(`is at home in Node ${major}`, (context) => {
      const fetched = fetchNode(major, process.arch);
      if ('reason' in fetched) return skipAloud(context, fetched.reason);
      const { node } = fetched;
      expect(runBare([node, '--version'], project).stdout).toMatch(RegExp(`^v${major}\\.`));
      expect(doctor(project, node).kernels).toMatch(/^native-/);
      expect(doctor(project, node, { IGCNET_NO_NATIVE: '1' }).kernels).toMatch(/^wasm-/);
      const run = runBare([node, igc, ...digits, '--name', `node-${major}`], project);
      expect(run.stdout).toMatch(/^test accuracy /);
      expect(forward(project, [node], `runs/node-${major}`, 'auto').kernels).toMatch(/^native-/);
    });
  }
});

describe('a project without optional packages', () => {
  let bare = '';
  beforeAll(() => {
    bare = installProject('bare', { omit: true });
  });

  it('trains with the wasm kernels, and says once what is missing and the way out', () => {
    const { stdout, stderr } = runBare(['npx', 'igc', ...digits, '--name', 'x'], bare);
    expect(stdout).toMatch(/^test accuracy /);
    expect(stderr).toMatch(/^kernels {3}wasm-/m);
    expect(stderr.match(/no native kernels/g)).toHaveLength(1);
    expect(stderr).toContain('the addon is not built here, and ');
    expect(stderr).toContain('npx igc build-native builds them');
  });

  it('is told in one line that nothing can be compiled here', () => {
    const { status, stdout, stderr } = runBare(['npx', 'igc', 'build-native'], bare);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^building .*\nbuild-native: the addon must build and load, got .+\n$/);
  });

  it('is told how to get node-gyp where not even npm is', (context) => {
    const fetched = fetchNode(22, process.arch);
    if ('reason' in fetched) return skipAloud(context, fetched.reason);
    const line = [fetched.node, igc, 'build-native'];
    expect(runBare(line, bare, { PATH: '/nowhere' })).toEqual({
      status: 1,
      stdout: '',
      stderr:
        'build-native: the addon must build and load, got node-gyp is not found; npm install --global node-gyp brings it; igc doctor says which tools are missing; without native kernels wasm ones run\n',
    });
  });

  it('compiles the addon with the copy of node-gyp that npm has', (context) => {
    const missing = ['c++', 'make', 'python3'].find((tool) => spawnSync(tool, ['--version']).error);
    if (missing) return skipAloud(context, `${missing} is not here`);
    const { PATH } = process.env;
    const { status, stdout, stderr } = runBare(['npx', 'igc', 'build-native'], bare, { PATH });
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringMatching(/^building /) });
    expect(stdout).toMatch(/^built \S+igcnet\.node, with native-/);
    expect(doctor(bare)).toEqual({
      addon: 'built here',
      kernels: expect.stringMatching(/^native-/),
    });
    const again = runBare(['npx', 'igc', 'build-native'], bare);
    expect(again).toMatchObject({ status: 0, stdout: expect.stringMatching(/^up to date: /) });
  });
});

describe('the addons', () => {
  it.each([
    ['linux-x64', 'Advanced Micro Devices X86-64'],
    ['linux-arm64', 'AArch64'],
  ] as const)('of %s are for it, and need what Node has', (platform, machine) => {
    const file = path.join(place, platform, 'igcnet.node');
    const readelf = (...flags: string[]) =>
      execFileSync('readelf', ['-W', ...flags, file], { encoding: 'utf8' });
    expect(readelf('--file-header')).toContain(`Machine:                           ${machine}`);
    const symbols = readelf('--dyn-syms');
    expect(symbols).toMatch(/GLOBAL +DEFAULT +\d+ napi_register_module_v1$/m);
    const needed = [...readelf('--dynamic').matchAll(/\(NEEDED\).*\[(.*?)\]/g)];
    const libraries = [
      'libc.so.6',
      'libgcc_s.so.1',
      'libm.so.6',
      'libpthread.so.0',
      'libstdc++.so.6',
    ];
    for (const [, library] of needed) expect(libraries).toContain(library);
    const newest = (library: string) =>
      Math.max(
        ...[...symbols.matchAll(RegExp(`@${library}_(\\d+)\\.(\\d+)(?:\\.(\\d+))?`, 'g'))].map(
          ([, major, minor, patch = 0]) =>
            1e6 * Number(major) + 1e3 * Number(minor) + Number(patch),
        ),
      );
    const [glibc, libstdcxx] = ['GLIBC', 'GLIBCXX'].map(newest);
    console.log(`${platform}: needs glibc ${glibc}, libstdc++ ${libstdcxx}`);
    expect(glibc).toBeGreaterThan(2_000_000);
    expect(glibc).toBeLessThanOrEqual(2_028_000);
    expect(libstdcxx).toBeGreaterThan(3_000_000);
    expect(libstdcxx).toBeLessThanOrEqual(3_004_025);
  });

  it.runIf(own === 'linux-x64')(
    'of arm64 classifies under qemu as the definition does',
    (context) => {
      const qemu = ['qemu-aarch64-static', '-L', '/usr/aarch64-linux-gnu'];
      if (spawnSync(qemu[0]!, ['--version']).error) return skipAloud(context, 'no qemu here');
      const fetched = fetchNode(22, 'arm64');
      if ('reason' in fetched) return skipAloud(context, fetched.reason);
      // npm leaves out what is for other machines; this is what it would install there.
      const there = path.join(place, 'there');
      cpSync(project, there, { recursive: true });
      const home = path.join(there, 'node_modules/@igcnet/linux-arm64');
      mkdirSync(home, { recursive: true });
      execFileSync('tar', ['-xzf', archives['linux-arm64'], '-C', home, '--strip-components=1']);
      const arm64 = [...qemu, fetched.node];
      const { PATH } = process.env;
      const { stdout } = runBare([...arm64, igc, 'doctor', '--json'], there, { PATH });
      expect(JSON.parse(stdout)).toMatchObject({
        ...{ platform: 'linux arm64', addon: `of @igcnet/linux-arm64 ${version}` },
        chosen: { name: 'native-neon' },
      });
      const wanted = forward(there, ['node'], 'runs/x', 'reference-float64').probabilities;
      const got = forward(there, arm64, 'runs/x', 'native');
      expect(got.kernels).toBe('native-neon');
      expect(nmse(got.probabilities, wanted)).toBeLessThan(tolerances.conformanceFloat32);
    },
  );
});

/** Classifies made-up digits with a trained network, by both entries of the package. */
const forwardScript = `
import { loadModel } from 'igcnet';
import { load } from 'igcnet/runtime';
const [folder, kernels] = process.argv.slice(2);
const images = Uint8Array.from({ length: 5 * 64 }, (_, i) => (i * i + 7 * i) % 17);
const model = await loadModel(folder, { kernels, threads: 1 });
const probabilities = model.classify(images).flatMap((values) => [...values]);
const runtime = await load(folder, { kernels, threads: 1 });
if (runtime.classes.length !== 10) throw new Error('classes: ' + runtime.classes);
console.log(JSON.stringify({ kernels: runtime.kernels.name, probabilities }));
`;

function forward(cwd: string, node: readonly string[], folder: string, kernels: string) {
  writeFileSync(path.join(cwd, 'forward.mjs'), forwardScript);
  const line = [...node, 'forward.mjs', folder, kernels];
  const { status, stdout, stderr } = runBare(line, cwd, {
    PATH: `${barePath}:${process.env.PATH}`,
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const result = JSON.parse(stdout) as { kernels: string; probabilities: readonly number[] };
  expect(result.probabilities).toHaveLength(50);
  return result;
}

function nmse(got: readonly number[], wanted: readonly number[]): number {
  const sum = (terms: readonly number[]) => terms.reduce((total, term) => total + term, 0);
  return sum(wanted.map((value, i) => (got[i]! - value) ** 2)) / sum(wanted.map((v) => v ** 2));
}

function skipAloud(context: TestContext, reason: string): void {
  console.warn(`skipped: ${context.task.name}: ${reason}`);
  context.skip(reason);
}
