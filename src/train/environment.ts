/** env.json: on what, by what and from where a session of a run was made. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import { fileURLToPath } from 'node:url';
import type { ChosenKernels } from '../kernels/choose.ts';
import type { Team } from '../team/team.ts';

export interface Environment {
  /** When the session began, ISO 8601. */
  readonly startedAt: string;
  readonly igcnet: string;
  readonly node: string;
  readonly platform: string;
  readonly arch: string;
  readonly cpu: { readonly model: string; readonly cores: number };
  readonly memoryBytes: number;
  readonly kernels: {
    readonly name: string;
    /** Instruction set of native kernels: `avx512`, `avx2`, `baseline`; null for the reference. */
    readonly isa: string | null;
    readonly reason: string;
    readonly threads: number;
  };
  /** Of the working directory; null outside a checkout. */
  readonly git: { readonly commit: string; readonly dirty: boolean } | null;
  /** The processes that trained together; absent for one alone. */
  readonly team?: {
    readonly ranks: number;
    readonly hosts: readonly string[];
    readonly library: string;
  };
  readonly cwd: string;
  readonly command: readonly string[];
}

/** `command` is what the user's process was started with: a worker has arguments of its own; `team` with whom it trains. */
export function describeEnvironment(
  choice: ChosenKernels,
  now: Date,
  { command, team }: { readonly command: readonly string[]; readonly team?: Team },
): Environment {
  const { kernels, reason } = choice;
  const cpus = os.cpus();
  return {
    startedAt: now.toISOString(),
    igcnet: packageVersion(),
    node: process.version,
    platform: `${process.platform} ${os.release()}`,
    arch: process.arch,
    cpu: { model: cpus[0]?.model.trim() ?? 'unknown', cores: os.availableParallelism() },
    memoryBytes: os.totalmem(),
    kernels: {
      name: kernels.name,
      isa: /^native-(.+)$/.exec(kernels.name)?.[1] ?? null,
      reason,
      threads: kernels.threads,
    },
    git: gitState(),
    ...(team?.library && { team: { ranks: team.ranks, hosts: team.hosts, library: team.library } }),
    cwd: process.cwd(),
    command,
  };
}

/** Version of this package. */
export function packageVersion(): string {
  // src/train and dist/train are both two levels below the package's root.
  const file = fileURLToPath(new URL('../../package.json', import.meta.url));
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

function gitState(): Environment['git'] {
  const git = (...args: string[]) =>
    execFileSync('git', args, {
      encoding: 'utf8',
      timeout: 5000,
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  try {
    return { commit: git('rev-parse', 'HEAD'), dirty: git('status', '--porcelain', '-uno') !== '' };
  } catch {
    return null; // no git, no checkout, or no commit yet
  }
}
