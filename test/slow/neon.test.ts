/**
 * Are the kernels the same function on arm64 (NEON)? native/harness.cc runs the case table there, under qemu on other
 * machines; this machine's own architecture is run too, which proves the harness.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cases as ownCases } from '../kernels/cases.ts';
import { variantCases } from '../kernels/variant-cases.ts';
import { tolerances } from '../tolerances.ts';
import { harnessCase } from './harness-case.ts';

const native = fileURLToPath(new URL('../../native', import.meta.url));
const folder = mkdtempSync(path.join(tmpdir(), 'igcnet-harness-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Target {
  readonly isa: string;
  readonly compiler: string;
  /** What runs the program; empty on its own machine. */
  readonly runner: readonly string[];
}

const targets: readonly Target[] = [
  { isa: 'neon', compiler: 'aarch64-linux-gnu-g++', runner: ['qemu-aarch64-static'] },
  ...(process.arch === 'x64' ? [{ isa: 'baseline', compiler: 'g++', runner: [] }] : []),
];

const lanes = 4;
const files: string[] = [];

beforeAll(() => {
  for (const [i, trial] of [...ownCases, ...variantCases].entries()) {
    for (const training of [true, false]) {
      const file = `${i}-${training ? 'trains' : 'infers'}-${trial.name.replace(/\W+/g, '-')}`;
      const tolerance = tolerances.conformanceFloat32;
      writeFileSync(path.join(folder, file), harnessCase(trial, { lanes, training, tolerance }));
      files.push(file);
    }
  }
});

/** The program, or the reason why there is none. */
function build({ isa, compiler }: Target): string {
  const program = path.join(folder, `harness-${isa}`);
  const flags = [
    '-std=c++17',
    '-O3',
    '-fno-math-errno',
    '-fno-trapping-math',
    '-static',
    '-pthread',
  ];
  // Only the table of what the architecture has without asking.
  const table = ['-DIGC_ISA=baseline', '-DIGC_TABLE=kernelsBaseline', `-DIGC_NAME="${isa}"`];
  const sources = ['harness.cc', 'kernels.cc', 'instance.cc', 'pool.cc'];
  const line = [...flags, ...table, `-DLANES=${lanes}`, '-DIGC_ONLY_BASELINE', ...sources];
  execFileSync(compiler, [...line, '-o', program], { cwd: native, stdio: 'pipe' });
  return program;
}

function run(target: Target, program: string, threads: number, names: readonly string[]) {
  const line = [...target.runner, program, target.isa, String(threads), ...names];
  const { status, stdout, stderr } = spawnSync(line[0]!, line.slice(1), {
    cwd: folder,
    encoding: 'utf8',
  });
  return { status, lines: stdout.trim().split('\n'), stderr };
}

function obstacle({ compiler, runner }: Target): string | undefined {
  const missing = [compiler, ...runner].find((tool) => spawnSync(tool, ['--version']).error);
  return missing && `${missing} is not here`;
}

for (const target of targets) {
  const reason = obstacle(target);
  if (reason !== undefined) {
    it.skip(`${target.isa} is left out: ${reason}`, () => {});
    continue;
  }
  describe(`the kernels for ${target.isa}`, () => {
    const program = build(target);

    it.each([1, 2])('are the definition on the whole case table, threads: %i', async (threads) => {
      const { status, lines, stderr } = run(target, program, threads, files);
      expect({ stderr, wrong: lines.slice(0, -1), status }).toEqual({
        stderr: '',
        wrong: [],
        status: 0,
      });
      expect(lines.at(-1)).toMatch(/^\d{4,} results, 0 wrong, worst NMSE /);
    });

    it('are found out when a case expects something else', () => {
      const wrong = path.join(folder, 'wrong');
      mkdirSync(wrong, { recursive: true });
      const numbers = harnessCase(ownCases[0]!, { lanes, training: true, tolerance: 1e-10 });
      numbers[numbers.length - 1]! *= 1.01;
      writeFileSync(path.join(wrong, 'case'), numbers);
      const { status, lines } = run(target, program, 1, ['wrong/case']);
      expect(status).toBe(1);
      expect(lines[0]).toMatch(/^wrong\/case: result \d+ has an NMSE of /);
    });
  });
}
