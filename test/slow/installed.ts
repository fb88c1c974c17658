/** Projects that have the packed packages, and machines that have little else: for package.test.ts. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

export const root = fileURLToPath(new URL('../..', import.meta.url));
/** Removed after the tests. */
export const place = mkdtempSync(path.join(tmpdir(), 'igcnet-packages-'));
afterAll(() => rmSync(place, { recursive: true, force: true }));

const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
export const version: string = manifest.version;

/** The packed packages by name. */
export const archives = {
  igcnet: path.join(place, `igcnet-${version}.tgz`),
  'linux-x64': path.join(place, `igcnet-linux-x64-${version}.tgz`),
  'linux-arm64': path.join(place, `igcnet-linux-arm64-${version}.tgz`),
} as const;

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A PATH with Node, npm and a shell: neither compiler nor Python. */
function makeBarePath(): string {
  const folder = path.join(place, 'bin');
  mkdirSync(folder);
  for (const tool of ['node', 'npm', 'npx', 'sh']) {
    const file = execFileSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).trim();
    symlinkSync(file, path.join(folder, tool));
  }
  return folder;
}
export const barePath = makeBarePath();

/** Runs a command on such a machine; `env` adds variables. */
export function runBare(line: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}) {
  const { HOME } = process.env;
  const { status, stdout, stderr, error } = spawnSync(line[0]!, line.slice(1), {
    cwd,
    encoding: 'utf8',
    env: { HOME, PATH: barePath, NO_COLOR: '1', ...env },
  });
  if (error) throw error;
  return { status, stdout, stderr } satisfies Outcome;
}

/** A project in an empty folder that depends on igcnet and, unless left out, on the packages of all platforms. */
export function installProject(name: string, { omit = false } = {}): string {
  const project = path.join(place, name);
  mkdirSync(project);
  const prebuilt = Object.entries(archives).filter(([archive]) => archive !== 'igcnet');
  const { typescript, '@types/node': nodeTypes } = manifest.devDependencies;
  const own = {
    private: true,
    type: 'module',
    dependencies: { igcnet: `file:${archives.igcnet}`, typescript, '@types/node': nodeTypes },
    ...(!omit && {
      optionalDependencies: Object.fromEntries(
        prebuilt.map(([platform, file]) => [`@igcnet/${platform}`, `file:${file}`]),
      ),
    }),
  };
  writeFileSync(path.join(project, 'package.json'), JSON.stringify(own, null, 2));
  const line = ['npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund'];
  const { status, stderr } = runBare([...line, ...(omit ? ['--omit=optional'] : [])], project);
  if (status !== 0) throw new Error(`npm install failed in ${name}:\n${stderr}`);
  return project;
}

/** The executable of another Node, from npm; or the reason why it cannot be had. */
export function fetchNode(major: number, arch: string): { node: string } | { reason: string } {
  const folder = path.join(place, `node-${major}-${arch}`);
  const node = path.join(folder, 'package', 'bin', 'node');
  if (existsSync(node)) return { node };
  mkdirSync(folder, { recursive: true });
  const name = `node-linux-${arch}@${major}`;
  const packed = spawnSync('npm', ['pack', name, '--silent'], { cwd: folder, encoding: 'utf8' });
  if (packed.status !== 0) return { reason: `npm has no ${name} here (${packed.stderr.trim()})` };
  const archive = packed.stdout.trim().split('\n').at(-1)!;
  execFileSync('tar', ['-xzf', archive, 'package/bin/node'], { cwd: folder });
  return { node };
}
