/** Runs the built command in a process of its own, as a user would, in a folder that is thrown away. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { encode } from 'fast-png';
import { afterAll, beforeAll, vi } from 'vitest';
import { runCommand } from '../../src/cli/program.ts';

const script = fileURLToPath(new URL('../../dist/cli/igc.js', import.meta.url));

/** What a finished command left behind. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningIgc {
  readonly process: ChildProcess;
  readonly outcome: Promise<Outcome>;
  /** What was written on stderr so far. */
  stderr(): string;
}

export interface IgcOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Starts the command; `npm test` builds it before. */
export function startIgc(args: readonly string[], options: IgcOptions = {}): RunningIgc {
  if (!existsSync(script)) throw new Error('dist/cli/igc.js is missing; run "npm run build"');
  const { FORCE_COLOR: _colour, ...inherited } = process.env;
  const child = spawn(process.execPath, [script, ...args], {
    cwd: options.cwd,
    env: { ...inherited, NO_COLOR: '1', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const outcome = new Promise<Outcome>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
  return { process: child, outcome, stderr: () => stderr };
}

export function runIgc(args: readonly string[], options?: IgcOptions): Promise<Outcome> {
  return startIgc(args, options).outcome;
}

/** Runs the command in this process, for what reads and writes no files of its own: many times faster. */
export async function callIgc(args: readonly string[]): Promise<Outcome> {
  const [stdout, stderr] = [process.stdout, process.stderr].map((stream) => {
    const said: string[] = [];
    const write = vi.spyOn(stream, 'write').mockImplementation((text) => said.push(`${text}`) > 0);
    return { said, write };
  });
  try {
    const code = await runCommand(args);
    return { code, stdout: stdout!.said.join(''), stderr: stderr!.said.join('') };
  } finally {
    stdout!.write.mockRestore();
    stderr!.write.mockRestore();
  }
}

/** A folder for the tests of a file, removed after them. */
export function temporaryFolder(): () => string {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'igc-cli-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return () => folder;
}

/** A network that trains in well under a second, on made-up data. */
export const tinyRun = [
  ...['--net', 'IGC-L2M2', '--depth', '5', '--data', 'synthetic'],
  ...['--set', 'data.synthetic={classes: 3, count: 48, testCount: 24, height: 8, width: 8}'],
  ...['--batch', '16', '--epochs', '2', '--threads', '1'],
] as const;

/** The same network on a folder of images. */
export const tinyFolderRun = [
  ...['--net', 'IGC-L2M2', '--depth', '5', '--img-size', '8'],
  ...['--batch', '4', '--epochs', '1', '--threads', '1'],
] as const;

/** Writes a PNG of one colour, different for each index. */
export function writeImage(file: string, index: number): void {
  const [width, height] = [12, 10];
  const data = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) data[i] = (37 * index + 80 * (i % 3) + i) % 256;
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, encode({ width, height, data, channels: 3, depth: 8 }));
}

/** `root/<class>/<i>.png`, `count` images a class. */
export function writeClasses(root: string, classes: readonly string[], count = 5): void {
  for (const [label, name] of classes.entries()) {
    for (let i = 0; i < count; i++) writeImage(path.join(root, name, `${i}.png`), 10 * label + i);
  }
}
