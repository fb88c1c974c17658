/**
 * Three hosts on one machine: network namespaces with addresses and host names of their own, joined by a bridge. Needs root and
 * `ip`; Open MPI's mpirun starts processes in them by `agent`, as it would by ssh.
 */
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface Hosts {
  readonly addresses: readonly string[];
  readonly names: readonly string[];
  /** Takes the place of ssh: `agent ADDRESS COMMAND …`. */
  readonly agent: string;
  /** A shell line in that host. */
  run(host: number, line: string): string;
  /** Cuts or mends the host's link. */
  link(host: number, state: 'up' | 'down'): void;
  remove(): void;
}

const bridge = 'igcbr0';
const network = '10.77.0';

/** Why hosts cannot be made here; undefined where they can. */
export function hostsMissing(): string | undefined {
  if (process.getuid?.() !== 0) return 'hosts need root';
  try {
    execFileSync('ip', ['netns', 'add', 'igctry'], { stdio: 'pipe' });
    execFileSync('ip', ['netns', 'del', 'igctry'], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return `no network namespaces: ${String(error).split('\n')[0]}`;
  }
}

export function makeHosts(count: number): Hosts {
  const folder = mkdtempSync(path.join(tmpdir(), 'igcnet-hosts-'));
  const ip = (line: string) => execFileSync('ip', line.split(' '), { stdio: 'pipe' });
  const hosts = Array.from({ length: count }, (_, i) => i);
  const names = hosts.map((i) => `igchost${i}`);
  const addresses = hosts.map((i) => `${network}.${i + 1}`);
  const pidFile = (i: number) => path.join(folder, addresses[i]!);
  ip(`link add ${bridge} type bridge`);
  ip(`link set ${bridge} up`);
  for (const i of hosts) {
    ip(`netns add ${names[i]}`);
    ip(`link add igcv${i} type veth peer name eth0 netns ${names[i]}`);
    ip(`link set igcv${i} master ${bridge} up`);
    ip(`-n ${names[i]} addr add ${addresses[i]}/24 dev eth0`);
    ip(`-n ${names[i]} link set eth0 up`);
    ip(`-n ${names[i]} link set lo up`);
    // A process that keeps the host's name, and by which others enter.
    const keep = `hostname ${names[i]}; echo $$ > ${pidFile(i)}; exec sleep infinity`;
    spawn('ip', ['netns', 'exec', names[i]!, 'unshare', '--uts', 'sh', '-c', keep], {
      stdio: 'ignore',
      detached: true,
    }).unref();
  }
  const enter = (pids: string) => `exec nsenter -t $(cat ${pids}) -n -u`;
  const agent = path.join(folder, 'agent');
  writeFileSync(agent, `#!/bin/sh\nhost=$1; shift\n${enter(`${folder}/$host`)} sh -c "$*"\n`);
  chmodSync(agent, 0o755);
  const wait = hosts.map((i) => `until [ -s ${pidFile(i)} ]; do sleep 0.02; done`).join('; ');
  execFileSync('sh', ['-c', wait], { timeout: 10_000 });
  return {
    names,
    addresses,
    agent,
    run: (i, line) =>
      execFileSync('sh', ['-c', `${enter(pidFile(i))} sh -c '${line}'`], { encoding: 'utf8' }),
    link: (i, state) => void ip(`link set igcv${i} ${state}`),
    remove() {
      for (const i of hosts) {
        process.kill(Number(readFileSync(pidFile(i), 'utf8')), 'SIGKILL');
        ip(`netns del ${names[i]}`);
      }
      ip(`link del ${bridge}`);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
