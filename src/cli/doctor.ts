/** `igc doctor`: what this machine can run, why not more, and what to do about it. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import os from 'node:os';
import type { Command } from 'commander';
import { formatBytes, textTable } from '../draw/text-table.ts';
import type { nativeKernelSets } from '../kernels/native.ts';
import { sharedOptions } from './options.ts';
import { paletteFor, printData, printJson } from './terminal.ts';

/** A part and whether it can be used. */
interface Finding {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

interface Diagnosis {
  readonly igcnet: string;
  readonly node: string;
  readonly platform: string;
  readonly cpu: {
    readonly model: string;
    readonly cores: number;
    readonly features: readonly string[];
  };
  readonly memoryBytes: number;
  readonly kernels: readonly Finding[];
  /** Where the addon is from, or why there is none. */
  readonly addon: string;
  readonly chosen: { readonly name: string; readonly threads: number; readonly reason: string };
  readonly buildTools: readonly Finding[];
  readonly images: Finding;
  readonly mpi: Finding;
  readonly dataFolders: readonly Finding[];
}

/** Instruction sets that the kernels can use, as Linux and macOS call them. */
const knownFeatures = ['avx512f', 'avx512bw', 'avx512vl', 'avx2', 'fma', 'avx', 'sse4_2', 'asimd'];

/** Adds `doctor`. */
export function doctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('say what this machine can run, why not more, and what to do about it')
    .addOption(sharedOptions.json())
    .action(async (flags: { readonly json?: boolean }) => {
      const diagnosis = await examine();
      if (flags.json) printJson(diagnosis);
      else printData(diagnosisText(diagnosis));
    });
}

async function examine(): Promise<Diagnosis> {
  const { chooseKernels } = await import('../kernels/choose.ts');
  const { nativeKernelSets } = await import('../kernels/native.ts');
  const { packageVersion } = await import('../train/environment.ts');
  const { wasmKernelSets } = await import('../kernels/wasm.ts');
  const { loadAddon } = await import('../core/addon.ts');
  const addon = loadAddon();
  const native = nativeKernelSets({ threads: 1 });
  const wasm = wasmKernelSets({ threads: 1 });
  const chosen = chooseKernels({ kernels: 'auto', threads: 0 });
  const slow = 'TypeScript, runs everywhere, many times slower than all others';
  return {
    igcnet: packageVersion(),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpu: {
      model: os.cpus()[0]?.model.trim() || 'unknown',
      cores: os.availableParallelism(),
      features: cpuFeatures(),
    },
    memoryBytes: os.totalmem(),
    kernels: [
      ...kernelFindings('C++', native),
      ...kernelFindings('the same C++ as WebAssembly', wasm),
      { name: 'reference', ok: true, detail: slow },
      {
        name: 'reference-float64',
        ok: true,
        detail: 'the definition that all others are tested against',
      },
    ],
    addon: 'addon' in addon ? addon.from : addon.reason,
    chosen: {
      name: chosen.kernels.name,
      threads: chosen.kernels.threads,
      reason: chosen.reason,
    },
    buildTools: [
      findTool('C++ compiler', [process.env.CXX ?? '', 'c++', 'g++', 'clang++']),
      findTool('make', ['make', 'gmake']),
      findTool('python3', ['python3', 'python']),
    ],
    images: await findDecoder(),
    mpi: await findMpiLibrary(),
    dataFolders: await findDataFolders(),
  };
}

function kernelFindings(
  what: string,
  { available, skipped }: ReturnType<typeof nativeKernelSets>,
): readonly Finding[] {
  return [
    ...available.map(({ name, lanes }) => {
      return { name, ok: true, detail: `${what}, ${lanes} images a vector` };
    }),
    ...skipped.map(({ name, reason }) => ({ name, ok: false, detail: reason })),
  ];
}

function cpuFeatures(): readonly string[] {
  const flags = new Set(
    cpuFlagText()
      .toLowerCase()
      .replaceAll('sse4.2', 'sse4_2')
      .split(/[\s:]+/),
  );
  return knownFeatures.filter((feature) => flags.has(feature));
}

function cpuFlagText(): string {
  try {
    if (process.platform === 'linux') return readFileSync('/proc/cpuinfo', 'utf8');
    if (process.platform !== 'darwin') return '';
    const names = ['machdep.cpu.features', 'machdep.cpu.leaf7_features'];
    return runTool('sysctl', ['-n', ...names]);
  } catch {
    return '';
  }
}

function findTool(name: string, commands: readonly string[]): Finding {
  for (const command of commands) {
    if (command === '') continue;
    try {
      const version = runTool(command, ['--version']).split('\n')[0]!;
      return { name, ok: true, detail: version };
    } catch {
      // not this one; try the next
    }
  }
  return {
    name,
    ok: false,
    detail: `none of ${commands.filter((c) => c !== '').join(', ')} found`,
  };
}

function runTool(command: string, args: readonly string[]): string {
  return execFileSync(command, args, {
    encoding: 'utf8',
    timeout: 5000,
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
}

async function findDecoder(): Promise<Finding> {
  const { chooseDecoder } = await import('../data/images/image-decoder.ts');
  try {
    const { name, extensions } = await chooseDecoder();
    const without = name === 'portable' ? '; with "npm install sharp" also .webp and CMYK' : '';
    return { name, ok: true, detail: `reads ${extensions.join(' ')}${without}` };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { name: 'sharp', ok: false, detail };
  }
}

async function findMpiLibrary(): Promise<Finding> {
  const { findMpi } = await import('../team/mpi.ts');
  try {
    return { name: 'MPI', ok: true, detail: `${await findMpi()}: mpirun igc train --dist mpi` };
  } catch (error) {
    const detail = error instanceof Error ? error.message.replace(/^dist: /, '') : String(error);
    return { name: 'MPI', ok: false, detail };
  }
}

async function findDataFolders(): Promise<readonly Finding[]> {
  const { usualDataFolders } = await import('../data/readers/data-folder.ts');
  return usualDataFolders().map((name) => {
    const ok = existsSync(name);
    return {
      name,
      ok,
      detail: ok ? 'searched for CIFAR when no --data-dir is given' : 'not there',
    };
  });
}

function diagnosisText(diagnosis: Diagnosis): string {
  const { igcnet, node, platform, cpu, memoryBytes, chosen } = diagnosis;
  const { bold, faint } = paletteFor(process.stdout);
  const threads = `${chosen.threads} thread${chosen.threads === 1 ? '' : 's'}`;
  const missing = diagnosis.kernels.some(({ name, ok }) => name.startsWith('native') && !ok);
  const advice = chosen.name.startsWith('native')
    ? []
    : ['', 'To build the native kernels: npx igc build-native (needs the tools below).'];
  return [
    `igcnet ${igcnet}, Node ${node}, ${platform}`,
    `${cpu.model}, ${cpu.cores} cores, ${formatBytes(memoryBytes)} of memory`,
    `instruction sets: ${cpu.features.join(' ') || 'unknown'}`,
    '',
    bold('Kernels'),
    ...findingLines(diagnosis.kernels),
    `→ runs with ${chosen.name} on ${threads}: ${chosen.reason}`,
    `C++ addon: ${diagnosis.addon}`,
    ...(missing ? advice : []),
    '',
    `${bold('Tools')} ${faint('(only to build the native kernels; neither PyTorch nor Python is needed to run)')}`,
    ...findingLines(diagnosis.buildTools),
    '',
    bold('Images'),
    ...findingLines([diagnosis.images]),
    '',
    bold('Several processes'),
    ...findingLines([diagnosis.mpi]),
    '',
    bold('Data'),
    ...findingLines(diagnosis.dataFolders),
  ].join('\n');
}

function findingLines(findings: readonly Finding[]): readonly string[] {
  const { green, red } = paletteFor(process.stdout);
  const columns = [{ title: '' }, { title: '' }];
  const lines = textTable(
    columns,
    findings.map(({ name, detail }) => [name, detail]),
  ).slice(2);
  return findings.map(({ ok }, i) => `${ok ? green('✓') : red('✗')} ${lines[i]}`);
}
