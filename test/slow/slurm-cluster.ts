/**
 * A Slurm of one node, started in a temporary folder with ports and keys of its own, so that no other is touched. No
 * systemd, no cgroups, no accounting: what any container has. Two CPUs are promised, whatever the machine has.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface SlurmCluster {
  /** What commands need to find this Slurm. */
  readonly env: NodeJS.ProcessEnv;
  /** Runs a command of Slurm's and gives what it says. */
  run(command: string, ...args: readonly string[]): string;
  stop(): Promise<void>;
}

const daemons = ['munged', 'slurmctld', 'slurmd', 'sbatch', 'scontrol'] as const;
/** Daemons lie where the search path of users does not lead. */
const searchPath = `${process.env.PATH}:/usr/sbin:/sbin`;

/** Why no Slurm can be started here; undefined where one can. */
export function whyNoSlurm(): string | undefined {
  if (process.getuid?.() !== 0) return 'a Slurm of our own needs root';
  const missing = daemons.filter(
    (name) => spawnSync('which', [name], { env: { PATH: searchPath } }).status !== 0,
  );
  return missing.length === 0 ? undefined : `not installed: ${missing.join(', ')}`;
}

/** Starts it; resolves when its node takes jobs. */
export async function startSlurm(): Promise<SlurmCluster> {
  const folder = mkdtempSync(path.join(tmpdir(), 'igc-slurm-'));
  const at = (name: string) => path.join(folder, name);
  const env = { ...process.env, PATH: searchPath, SLURM_CONF: at('slurm.conf') };
  for (const name of ['state', 'spool']) mkdirSync(at(name));
  // munged refuses folders that others may write, and its socket must be reachable.
  chmodSync(folder, 0o755);
  writeFileSync(at('munge.key'), randomBytes(128), { mode: 0o400 });
  const [control, node] = [await freePort(), await freePort()];
  writeFileSync(at('slurm.conf'), configuration(folder, control, node));
  const processes: ChildProcess[] = [];
  const start = (command: string, ...args: readonly string[]) => {
    processes.push(spawn(command, args, { env, stdio: 'ignore' }));
  };
  const run: SlurmCluster['run'] = (command, ...args) =>
    execFileSync(command, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const leave = () => {
    for (const daemon of processes) daemon.kill('SIGKILL');
  };
  process.once('exit', leave); // when a test ends early
  const stop = async () => {
    process.off('exit', leave);
    for (const daemon of processes.reverse()) await ended(daemon);
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    start(
      'munged',
      '--foreground',
      '--force',
      `--key-file=${at('munge.key')}`,
      ...['socket', 'pid-file', 'log-file', 'seed-file'].map(
        (what) => `--${what}=${at(`munge.${what}`)}`,
      ),
    );
    start('slurmctld', '-D', '-c');
    start('slurmd', '-D', '-N', 'igcnode');
    await untilIdle(run);
    return { env, run, stop };
  } catch (error) {
    const logs = ['slurmctld.log', 'slurmd.log', 'munge.log-file'].map((name) => {
      try {
        return readFileSync(at(name), 'utf8').slice(-2000);
      } catch {
        return `${name}: none`;
      }
    });
    await stop();
    throw new Error(`Slurm did not start: ${error}\n${logs.join('\n')}`);
  }
}

/** Times are short, so that a test need not wait for a scheduler made for days; `cred_expire` is a requeued job's delay. */
function configuration(folder: string, control: number, node: number): string {
  const address = `NodeHostname=${hostname()} NodeAddr=127.0.0.1`;
  return `ClusterName=igctest
SlurmctldHost=${hostname()}(127.0.0.1)
SlurmctldPort=${control}
SlurmdPort=${node}
SlurmUser=root
AuthType=auth/munge
AuthInfo=cred_expire=5,socket=${folder}/munge.socket
CredType=cred/munge
StateSaveLocation=${folder}/state
SlurmdSpoolDir=${folder}/spool
SlurmctldPidFile=${folder}/slurmctld.pid
SlurmdPidFile=${folder}/slurmd.pid
SlurmctldLogFile=${folder}/slurmctld.log
SlurmdLogFile=${folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=1,preempt_youngest_first
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
ReturnToService=2
KillWait=20
MinJobAge=600
NodeName=igcnode ${address} CPUs=2 RealMemory=500 State=UNKNOWN
PartitionName=low Nodes=igcnode Default=YES MaxTime=INFINITE State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=20
PartitionName=high Nodes=igcnode MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
`;
}

async function untilIdle(run: SlurmCluster['run']): Promise<void> {
  let last: unknown;
  for (const end = Date.now() + 60_000; Date.now() < end; await sleep(200)) {
    try {
      if (run('sinfo', '--noheader', '--format=%T').includes('idle')) return;
    } catch (error) {
      last = error;
    }
  }
  throw new Error(`its node was not idle within a minute: ${last}`);
}

/** A port that nobody has just now. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

async function ended(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null || daemon.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => daemon.once('exit', () => resolve()));
  daemon.kill('SIGTERM');
  const timer = setTimeout(() => daemon.kill('SIGKILL'), 10_000);
  await gone;
  clearTimeout(timer);
}
