/**
 * Who holds a lock: a process of some machine, as it writes itself down and as another one judges it. Of a process that can
 * be seen from here the system says whether it lives; of any other only its sign of life does, which process-lock.ts reads.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { codeOf } from './durable-files.ts';

/** What a lock says about the process that holds it. */
export interface LockHolder {
  readonly pid: number;
  /** Identity of the machine's boot, and when in it the process began; null where the system does not tell. */
  readonly boot: string | null;
  readonly began: string | null;
  /** Where process numbers mean something: containers of one machine have numbers of their own. */
  readonly space?: string | null;
  /** For people: the machine's name, the job of its scheduler, and when the process began, as ISO 8601. */
  readonly host?: string;
  readonly job?: string;
  readonly since?: string;
}

const since = new Date(Date.now() - 1000 * process.uptime()).toISOString();

/** This process. */
export function ownHolder(): LockHolder {
  const { pid, env } = process;
  const { SLURM_ARRAY_JOB_ID: array, SLURM_ARRAY_TASK_ID: task, SLURM_JOB_ID: single } = env;
  const job = array === undefined ? single : `${array}_${task}`;
  const place = { boot: bootId(), began: processBegan(pid), space: numberSpace() };
  return { pid, ...place, host: hostname(), since, ...(job !== undefined && { job }) };
}

/** Undefined for a text that no process wrote whole. */
export function parseHolder(text: string): LockHolder | undefined {
  try {
    const holder = JSON.parse(text) as LockHolder | null;
    return Number.isInteger(holder?.pid) ? (holder as LockHolder) : undefined;
  } catch {
    return undefined;
  }
}

/** Is it this process? */
export function isOwn(holder: LockHolder): boolean {
  return isHere(holder) && holder.pid === process.pid && holder.began === processBegan(holder.pid);
}

/** Can its process be asked for here: same boot of the same machine, same numbers? */
export function isHere({ boot, space = numberSpace(), host = hostname() }: LockHolder): boolean {
  if (boot !== bootId() || space !== numberSpace()) return false;
  return boot !== null || host === hostname(); // a system without such an identity has a name
}

/** Does the process live? Only of one that is here. */
export function isAliveHere({ pid, began }: LockHolder): boolean {
  try {
    process.kill(pid, 0); // signal 0 only asks
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false;
  }
  return began === processBegan(pid); // else the number was given to another process
}

/** `process 12`, and of one elsewhere its machine and its job. */
export function holderText(holder: LockHolder): string {
  const { pid, host, job } = holder;
  const place = isHere(holder) || host === undefined ? '' : ` on ${host}`;
  return `process ${pid}${place}${job === undefined ? '' : ` (job ${job})`}`;
}

function bootId(): string | null {
  return readText('/proc/sys/kernel/random/boot_id')?.trim() ?? null;
}

function numberSpace(): string | null {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return null;
  }
}

/** Field 22 of /proc/<pid>/stat; null where there is none, `zombie` for a process that has ended. */
function processBegan(pid: number): string | null {
  const stat = readText(`/proc/${pid}/stat`);
  if (stat === undefined) return null;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // names may hold blanks
  return fields[0] === 'Z' ? 'zombie' : fields[19]!;
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
